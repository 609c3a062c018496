"""What the CRM must show of a customer. Nothing is wanted of customers that it does not have: sales makes them there."""

from __future__ import annotations

from collections.abc import Mapping

from state.comparing.compared import Difference, Values
from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.entitlement import Entitled
from state.folding.revenue import unknown
from state.folding.tally import Totals
from state.roles import ID, ROLES, Fact, Ref
from state.values import major_text
from state.viewing.concern import most_severe
from state.viewing.flags import flags

_CUSTOMER = ROLES["crm", "customer"]
_CURRENCY, _TIER, _REVENUE, _CASE = (
    _CUSTOMER.index(name) for name in ("currency", "tier", "recurring_revenue", "urgent_case")
)
_SEVERITY = ROLES["support", "case"].index("severity")
#: the most severe of all
SEVERITY_ONE = 1
_NOTHING = Totals()


class Customers:
    """Compares the CRM's rows."""

    def __init__(self, units: Units, exponents: Mapping[str, int]) -> None:
        self._units = units
        self._exponents = exponents

    def customer(self, account: Account, now: Entitled, tolerance: int) -> Difference | None:
        """Service level and recurring revenue, in the account's currency."""
        ref, currency = _row(account), account.currency["billing"]
        if ref is None or now.tier is None or currency is None or currency not in self._exponents or unknown(account):
            return None
        fact, revenue = account.rows[ref], account.totals.get(currency, _NOTHING).mrr
        theirs = self._revenue(account, ref, fact)
        near = theirs is not None and abs(theirs - revenue) <= tolerance
        if near and (fact[_TIER], fact[_CURRENCY] or currency) == (now.tier, currency):
            return None
        text = major_text(revenue, self._exponents[currency])
        desired = {"tier": now.tier, "recurring_revenue": text, "currency": currency}
        gap = revenue if theirs is None else abs(theirs - revenue)
        return Difference(desired, self.shown(account, ref, "customer"), ref[1], gap or revenue, currency)

    def escalation(self, account: Account) -> Difference | None:
        """The most severe open case, if it is of severity one."""
        ref, case = _row(account), most_severe(account)
        if ref is None or any(flags(account, item) for item in account.items.values() if item.kind == "case"):
            return None
        urgent = case is not None and account.rows[case][_SEVERITY] == SEVERITY_ONE
        desired = account.rows[case][ID] if urgent and case is not None else ""
        if (account.rows[ref][_CASE] or "") == desired:
            return None
        currency = account.currency["billing"]
        revenue = account.totals.get(currency, _NOTHING).mrr if currency else 0
        return Difference({"urgent_case": desired}, self.shown(account, ref, "escalation"), ref[1], revenue, currency)

    def shown(self, account: Account, ref: Ref, kind: str) -> Values:
        """What the CRM's row shows of one of the two."""
        fact = account.rows[ref]
        if kind == "escalation":
            return {"urgent_case": fact[_CASE] or ""}
        currency = fact[_CURRENCY] or account.currency.get("billing") or ""
        theirs = self._revenue(account, ref, fact)
        known = theirs is not None and currency in self._exponents
        text = major_text(theirs, self._exponents[currency]) if known and theirs is not None else ""
        return {"tier": fact[_TIER] or "", "recurring_revenue": text, "currency": currency}

    def _revenue(self, account: Account, ref: Ref, fact: Fact) -> int | None:
        return self._units.amount(account, ref, fact[_REVENUE], fact[_CURRENCY] or account.currency.get("billing"))


def _row(account: Account) -> Ref | None:
    item = account.items.get(("account", account.id))
    return None if item is None or flags(account, item) else item.crm

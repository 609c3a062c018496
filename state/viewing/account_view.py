"""account -> canonical records, as dictionaries in the form of `avro/*.avsc`. Reads state, never changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.entitlement import Entitled
from state.folding.segments import Segments, as_record
from state.folding.tally import Item, Totals, amounts
from state.folding.usage_sums import texts as usage_texts
from state.model import TableSpec
from state.roles import FIRST, POSITION, Ref
from state.values import instant_from_us
from state.viewing.facets import Record, facet
from state.viewing.flags import flags

_NOTHING = Totals()
_NO_SEGMENTS: list[Record] = []


class View:
    """Renders with the tables' units at hand."""

    def __init__(self, tables: tuple[TableSpec, ...], features: Mapping[str, Sequence[str]]) -> None:
        """`tables` of the model: they say which tables give money in minor units. `features` of each tier."""
        self._features = features
        self.units = Units(tables)
        self.segments = Segments(tables, self.units)

    def account(self, account: Account, now: Entitled) -> Record:
        """The account's own record."""
        item = account.items.get(("account", account.id)) or Item("account", account.id)
        fact = account.rows[item.billing] if item.billing else None
        currency = account.currency.get("billing")
        counts = account.counts
        return {
            "id": account.id,
            "merged_into": account.merged_into,
            "standing": fact[FIRST + 1] if fact else None,
            "name": fact[FIRST + 3] if fact else None,
            "region": fact[FIRST + 4] if fact else None,
            "created_at": fact[FIRST + 5] if fact else None,
            "zone": fact[FIRST + 6] if fact else None,
            "currency": currency,
            "tier": now.tier,
            "live_subscriptions": now.live,
            "reported_balance_minor": self.units.amount(account, item.billing, fact[FIRST + 2], currency)
            if fact and item.billing
            else None,
            "totals": _per_currency(account.totals, currency),
            "segment": as_record(account.segment),
            "totals_by_segment": self.segments.totals(account) if account.parted else _NO_SEGMENTS,
            "subscriptions": counts.subscriptions,
            "usages": counts.usages,
            "usage": usage_texts(account.usage),
            "invoices": counts.invoices,
            "invoices_open": counts.invoices_open,
            "payments": counts.payments,
            "credits": counts.credits,
            "cases": counts.cases,
            "cases_open": counts.cases_open,
            "parked_rows": len(account.faults),
            "billing": facet(item.billing, fact),
            "erp": self._customer(account, item.erp),
            "crm": self._in_crm(account, item.crm, currency),
            "positions": dict(account.positions),
            "flags": flags(account, item),
        }

    def _customer(self, account: Account, ref: Ref | None) -> Record | None:
        if ref is None:
            return None
        fact = account.rows[ref]
        return {
            "row": ref[1],
            "position": fact[POSITION],
            "currency": fact[FIRST],
            "name": fact[FIRST + 1],
            "version": fact[FIRST + 2],
        }

    def _in_crm(self, account: Account, ref: Ref | None, currency: str | None) -> Record | None:
        if ref is None:
            return None
        fact = account.rows[ref]
        own = fact[FIRST] or currency
        return {
            "row": ref[1],
            "position": fact[POSITION],
            "currency": own,
            "tier": fact[FIRST + 1],
            "recurring_revenue_minor": self.units.amount(account, ref, fact[FIRST + 2], own),
            "urgent_case": fact[FIRST + 3],
            "name": fact[FIRST + 4],
            "version": fact[FIRST + 5],
        }

    def entitlement(self, account: Account, now: Entitled) -> Record:
        """What the account may use, and what the support system believes."""
        item = account.items.get(("entitlement", account.id)) or Item("entitlement", account.id)
        fact = account.rows[item.support] if item.support else None
        return {
            "id": account.id,
            "account": account.id,
            "segment": as_record(account.segment),
            "tier": now.tier,
            "standing": now.standing,
            "delinquent": None if now.standing is None else now.standing == "delinquent",
            "live_subscriptions": now.live,
            "features": list(self._features.get(now.tier or "", ())),
            "since": now.since,
            "since_reason": now.since_reason,
            "until": None if now.until_ms is None else instant_from_us(now.until_ms * 1000),
            "reason": now.reason,
            "support": {
                "row": item.support[1],
                "position": fact[POSITION],
                "service_level": fact[FIRST],
                "delinquent": fact[FIRST + 1],
                "name": fact[FIRST + 2],
                "version": fact[FIRST + 3],
            }
            if fact and item.support
            else None,
            "positions": dict(account.positions),
            "flags": flags(account, item),
        }


def _per_currency(totals: dict[str, Totals], currency: str | None) -> Record:
    """The account's own currency, and every other in which something is left, in the order of their codes."""
    if len(totals) == 1 and currency in totals:
        return {code: amounts(total) for code, total in totals.items()}
    codes = {code for code, total in totals.items() if not total.zero}
    if currency is not None:
        codes.add(currency)
    return {code: amounts(totals.get(code, _NOTHING)) for code in sorted(codes)}

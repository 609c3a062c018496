"""What each row of the ERP, the support system and the CRM adds to an account (sign 1) or takes back (-1)."""

from __future__ import annotations

from decimal import Decimal

from state.folding.account import Account
from state.folding.amounts import checked
from state.model import TableSpec
from state.roles import ID, ROLES, Fact, Ref
from state.values import EXACT

_INV_CURRENCY, _INV_TOTAL = (ROLES["erp", "invoice"].index(name) for name in ("currency", "total"))
_PAY_CURRENCY, _PAY_INVOICE, _PAY_AMOUNT, _PAY_RATE = (
    ROLES["erp", "payment"].index(name) for name in ("currency", "invoice", "amount", "rate")
)
_CRM_CURRENCY, _CRM_REVENUE = (ROLES["crm", "customer"].index(name) for name in ("currency", "recurring_revenue"))
_CASE_STATUS = ROLES["support", "case"].index("status")
_EVENT_CASE = ROLES["support", "case_event"].index("case")
#: case states in which somebody still has to act
CASE_OPEN = frozenset(("open", "pending"))
_CASE_MERGED = ROLES["support", "case"].index("merged_into")


def invoice(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """The ERP's invoice: a second facet; the totals are billing's."""
    item = account.place("invoice", "erp", ref, fact[ID], sign)
    currency = fact[_INV_CURRENCY] or account.currency.get("erp")
    checked(account, spec, ref, fact, fact[_INV_TOTAL], currency)
    account.tally(ref).item = item if sign > 0 else None
    if sign < 0:
        account.drop_if_unused(ref)


def receipt(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """The ERP's receipt of a payment: a second facet, and a sum on the ERP's invoice."""
    account.place("payment", "erp", ref, fact[ID], sign)
    currency = fact[_PAY_CURRENCY] or account.currency.get("erp")
    amount = checked(account, spec, ref, fact, fact[_PAY_AMOUNT], currency)
    parent: Ref | None = fact[_PAY_INVOICE]
    if parent is None:
        return
    tally = account.tally(parent)
    tally.children += sign
    tally.paid += sign * (amount or 0)
    if fact[_PAY_RATE] is not None:
        booked = EXACT.multiply(Decimal(amount or 0), Decimal(fact[_PAY_RATE]))
        tally.booked = (EXACT.add if sign > 0 else EXACT.subtract)(tally.booked, booked)
    account.touch(tally.item)
    if sign < 0:
        account.drop_if_unused(parent)


def organization(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """What the support system believes the account is entitled to."""
    account.place("entitlement", "support", ref, account.id, sign)


def customer(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """What the CRM believes of the customer: a further facet of the account."""
    account.place("account", "crm", ref, account.id, sign)
    currency = fact[_CRM_CURRENCY] or account.currency.get("billing")
    checked(account, spec, ref, fact, fact[_CRM_REVENUE], currency)


def case(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """A support case; one that was merged into another is open only there."""
    item = account.place("case", "support", ref, fact[ID], sign)
    if (tally := account.tallies.get(ref)) is not None:  # only if it has events
        tally.item = item if sign > 0 else None
    account.counts.cases += sign
    if fact[_CASE_STATUS] in CASE_OPEN and fact[_CASE_MERGED] is None:
        account.counts.cases_open += sign
        if sign > 0:
            account.own("clocks")[ref] = None
        else:
            account.drop("clocks", ref)
    if sign < 0:
        account.drop_if_unused(ref)


def case_event(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """Something that happened in a case; only their number is kept."""
    parent: Ref | None = fact[_EVENT_CASE]
    if parent is None:
        return
    tally = account.tallies.get(parent) or account.late_tally("case", "support", parent)
    tally.children += sign
    account.touch(tally.item)
    if sign < 0:
        account.drop_if_unused(parent)

"""What each row of the billing system adds to an account (sign 1) or takes back (-1)."""

from __future__ import annotations

from state.folding import usage_sums
from state.folding.account import Account
from state.folding.amounts import checked
from state.folding.tally import Tally
from state.folding.term import follow, has_dates
from state.model import TableSpec
from state.roles import ID, INEXACT_INTERVAL, REREAD_NEEDED, ROLES, UNMAPPED, Fact, Ref
from state.values import NOT_SET, OPEN_ENDED, OPEN_STARTED, instant_ms

#: invoice states in which the total is owed
OWED = frozenset(("open", "paid"))
#: subscription states that entitle, whatever their end
LIVE = frozenset(("trial", "active", "past_due"))
#: subscription states that count into monthly recurring revenue
RECURRING = frozenset(("active", "past_due"))


def _index(kind: str, *names: str) -> tuple[int, ...]:
    return tuple(ROLES["billing", kind].index(name) for name in names)


_SUB_CURRENCY, _SUB_STATUS, _SUB_TIER, _SUB_MRR, _SUB_ENTITLED_UNTIL, _SUB_VALID_FROM, _SUB_VALID_UNTIL = _index(
    "subscription", "currency", "status", "tier", "mrr", "entitled_until", "valid_from", "valid_until"
)
#: what may be unknown of a subscription without making unknown what it entitles to
_KNOWABLE = frozenset((f"{INEXACT_INTERVAL}:ends_on", f"{REREAD_NEEDED}:ends_on", f"{REREAD_NEEDED}:plan"))
_USAGE_SUBSCRIPTION, _USAGE_METRIC, _USAGE_QUANTITY, _USAGE_DAY = _index(
    "usage", "subscription", "metric", "quantity", "day"
)
_INV_CURRENCY, _INV_STATUS, _INV_TOTAL, _INV_NET, _INV_TAX = _index(
    "invoice", "currency", "status", "total", "net", "tax"
)
_LINE_INVOICE, _LINE_AMOUNT, _LINE_TAX = _index("invoice_line", "invoice", "amount", "tax")
_CREDIT_CURRENCY, _CREDIT_AMOUNT, _CREDIT_INVOICE = _index("credit", "currency", "amount", "invoice")
# lines and credits of the ERP pass through the same functions, so their fields must stand in the same places
assert ROLES["erp", "invoice_line"].index("amount") == _LINE_AMOUNT
assert ROLES["erp", "invoice_line"].index("invoice") == _LINE_INVOICE
assert ROLES["erp", "credit"].index("amount") == _CREDIT_AMOUNT
assert ROLES["erp", "credit"].index("currency") == _CREDIT_CURRENCY


def account_row(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """The account itself, as billing or the ERP knows it."""
    assert spec.object is not None
    account.place("account", spec.object.role.system, ref, account.id, sign)


def subscription(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """Tier and recurring revenue while it is live; a cancelled one entitles until its paid period ends."""
    account.place("subscription", "billing", ref, fact[ID], sign)
    account.counts.subscriptions += sign
    account.tenure.enter(ref, sign)
    account.moving = True
    status, tier = fact[_SUB_STATUS], fact[_SUB_TIER]
    if sign > 0 and (account.terms or has_dates(fact)):
        follow(account, ref, fact)
    if fact[UNMAPPED] is not None and not _KNOWABLE.issuperset(fact[UNMAPPED]):
        account.counts.unmapped += sign
    if status in LIVE and (fact[_SUB_VALID_FROM] is not None or fact[_SUB_VALID_UNTIL] is not None):
        if sign > 0:
            start, end = fact[_SUB_VALID_FROM], fact[_SUB_VALID_UNTIL]
            start_ms = instant_ms(OPEN_STARTED if start in (None, NOT_SET) else start)
            account.own("starting")[ref] = (tier, start_ms, instant_ms(end or OPEN_ENDED))
        else:
            account.drop("starting", ref)
    elif status in LIVE:
        account.tiers[tier] = account.tiers.get(tier, 0) + sign
    elif status == "cancelled" and fact[_SUB_ENTITLED_UNTIL] not in (None, NOT_SET):
        if sign > 0:
            account.own("ending")[ref] = (tier, instant_ms(fact[_SUB_ENTITLED_UNTIL]))
        else:
            account.drop("ending", ref)
    currency = fact[_SUB_CURRENCY] or account.currency.get("billing")
    mrr = checked(account, spec, ref, fact, fact[_SUB_MRR], currency)
    if status in RECURRING and mrr and currency:
        sums = account.total(currency)
        sums.mrr += sign * mrr


def usage(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """One measured use."""
    account.place("usage", "billing", ref, fact[ID], sign)
    account.counts.usages += sign
    usage_sums.add(account, fact[_USAGE_METRIC], fact[_USAGE_QUANTITY], sign)
    parent: Ref | None = fact[_USAGE_SUBSCRIPTION]
    if parent is not None:
        tally = account.tally(parent)
        tally.children += sign
        if fact[_USAGE_DAY] is not None:
            _count_day(account, tally, parent, fact[_USAGE_DAY], sign)
        if sign < 0:
            account.drop_if_unused(parent)


def _count_day(account: Account, tally: Tally, subscription: Ref, day: str, sign: int) -> None:
    """Uses on one local day are one billing obligation of their subscription."""
    left = tally.days.get(day, 0) + sign
    if left:
        tally.own("days")[day] = left
    else:
        tally.drop("days", day)
    fact = account.rows.get(subscription)
    if fact is not None:
        account.dirty["subscription", fact[ID]] = account.touched_ms


def invoice(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """What is billed, and what of it is open once the payments (known or still to come) are taken off."""
    item = account.place("invoice", "billing", ref, fact[ID], sign)
    tally = account.tally(ref)
    account.counts.invoices += sign
    currency = fact[_INV_CURRENCY] or account.currency.get("billing")
    total = checked(account, spec, ref, fact, fact[_INV_TOTAL], currency)
    if fact[_INV_TAX] is not None:
        checked(account, spec, ref, fact, fact[_INV_NET], currency)
        checked(account, spec, ref, fact, fact[_INV_TAX], currency)
    status = fact[_INV_STATUS]
    if status == "open":
        account.counts.invoices_open += sign
    owed = total if status in OWED and currency else None
    if owed is not None and currency:
        sums = account.total(currency)
        sums.billed += sign * owed
    if sign > 0:
        tally.item, tally.currency, tally.due = item, currency, owed
        account.settle(tally)
    else:
        tally.item, tally.due = None, None
        account.settle(tally)
        account.drop_if_unused(ref)


def invoice_line(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """A line of billing's or the ERP's invoice."""
    parent: Ref | None = fact[_LINE_INVOICE]
    if parent is None:
        return
    assert spec.object is not None
    currency = account.currency.get(spec.object.role.system)
    amount = checked(account, spec, ref, fact, fact[_LINE_AMOUNT], currency)
    if spec.object.role.system == "billing" and fact[_LINE_TAX] is not None:
        checked(account, spec, ref, fact, fact[_LINE_TAX], currency)
    tally = account.tally(parent)
    tally.line_sum += sign * (amount or 0)
    account.touch(tally.item)
    if sign > 0:
        tally.own("lines")[ref] = None
    else:
        tally.drop("lines", ref)
        account.drop_if_unused(parent)


def credit(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """A credit; the ERP's credit note is a second facet and adds nothing to the totals."""
    assert spec.object is not None
    system = spec.object.role.system
    account.place("credit", system, ref, fact[ID], sign)
    currency = fact[_CREDIT_CURRENCY] or account.currency.get(system)
    amount = checked(account, spec, ref, fact, fact[_CREDIT_AMOUNT], currency)
    if system == "billing":
        account.counts.credits += sign
        if amount is not None and currency:
            sums = account.total(currency)
            sums.credited += sign * amount
        parent: Ref | None = fact[_CREDIT_INVOICE]
        if parent is not None:
            tally = account.tally(parent)
            tally.children += sign
            tally.applied += sign * (amount or 0)
            account.settle(tally)
            account.touch(tally.item)
            if sign < 0:
                account.drop_if_unused(parent)

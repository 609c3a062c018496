"""Payments, which invoices they pay, and what of them was given back: sign 1 adds a row, -1 takes it back.

A payment pays the invoice that its own row names. Where rows of another table divide it (`allocation`), it pays by these, from
the first of them on, and what its own row names counts no more.
"""

from __future__ import annotations

from state.folding.account import Account
from state.folding.amounts import INVALID_PRECISION, amount_of, checked
from state.folding.tally import Item, Split, Tally
from state.model import TableSpec
from state.roles import ID, ROLES, Fact, Ref


def _index(kind: str, *names: str) -> tuple[int, ...]:
    return tuple(ROLES["billing", kind].index(name) for name in names)


_CURRENCY, _INVOICE, _AMOUNT, _STATUS = _index("payment", "currency", "invoice", "amount", "status")
_REF_CURRENCY, _REF_PAYMENT, _REF_AMOUNT, _REF_INVOICE = _index("refund", "currency", "payment", "amount", "invoice")
_PAYER, _PAID, _SHARE, _SHARE_STATUS = _index("allocation", "payment", "invoice", "amount", "status")
#: how often a row counts; a source without a status has only rows that do
_COUNTS = {None: 1, "applied": 1, "reversal": -1}


def payment(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """Only a succeeded payment pays; it carries its refunds to the invoice."""
    assert spec.object is not None
    item = account.place("payment", "billing", ref, fact[ID], sign)
    account.counts.payments += sign
    currency = fact[_CURRENCY] or account.currency.get("billing")
    amount = checked(account, spec, ref, fact, fact[_AMOUNT], currency)
    paid = amount if currency and fact[_STATUS] == "succeeded" else None
    if paid and currency:
        sums = account.total(currency)
        sums.paid += sign * paid
    invoice: Ref | None = fact[_INVOICE]
    refunds = account.tallies.get(ref)  # only if it has some
    if refunds is not None and sign < 0:
        refunds.item = None
        _give_back_to(account, refunds, None)
    split = _divided(account, ref, fact, item, currency, paid, sign) if spec.object.divided else None
    if split is None and invoice is not None:
        _pay(account, invoice, sign * (paid or 0), sign)
    if refunds is not None and sign > 0:
        refunds.item = item
        _give_back_to(account, refunds, invoice if split is None else split.only)
    if sign < 0:
        account.drop_if_unused(ref)


def _pay(account: Account, invoice: Ref, amount: int, named: int = 0) -> None:
    """Let an invoice be paid that much more; `named` 1: by a row that names it, -1: which now is gone."""
    tally = account.tally(invoice)
    tally.children += named
    tally.paid += amount
    account.settle(tally)
    account.touch(tally.item)
    if named < 0:
        account.drop_if_unused(invoice)


def _divided(
    account: Account, ref: Ref, fact: Fact, item: Item, currency: str | None, paid: int | None, sign: int
) -> Split:
    """A payment that rows of another table may divide."""
    split = account.splits.get(ref)
    if split is None:
        split = account.own("splits")[ref] = Split()
    own: Ref | None = fact[_INVOICE]
    if sign > 0:
        split.item, split.currency, split.own, split.paid = item, currency, own, paid
        if own is not None:
            _pay(account, own, 0, 1)
        _let_pay(account, split, 1)
        return split
    _let_pay(account, split, -1)
    if own is not None:
        _pay(account, own, 0, -1)
    split.item = split.currency = split.own = split.paid = None
    if not split.rows:
        account.drop("splits", ref)
    return split


def _let_pay(account: Account, split: Split, sign: int) -> None:
    """All that a payment pays, by its rows or, without any, by what its own row names."""
    if split.paid is None:
        return
    if not split.rows and split.own is not None:
        _pay(account, split.own, sign * split.paid)
    for ref, spec in split.rows.items():
        _let_row_pay(account, split, spec, ref, account.rows[ref], sign)


def _let_row_pay(account: Account, split: Split, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    if split.paid is None:
        return
    if sign > 0:
        _check(account, split, spec, ref, fact)
    share = sign * _share(account, split, spec, fact)
    split.allocated += share
    if fact[_PAID] is not None:
        _pay(account, fact[_PAID], share)


def _share(account: Account, split: Split, spec: TableSpec, fact: Fact) -> int:
    """What a row divides of its payment, in the payment's currency; 0 if unknown, or if it does not count."""
    assert spec.object is not None
    currency = split.currency or account.currency.get("billing")
    amount = amount_of(account, spec.object.minor, fact[_SHARE], currency)
    return (amount or 0) * _COUNTS.get(fact[_SHARE_STATUS], 0)


def _check(account: Account, split: Split, spec: TableSpec, ref: Ref, fact: Fact) -> None:
    """Note a row whose amount the payment's currency cannot hold; one that it can hold now is well again."""
    fault = account.faults.get(ref)
    if fault is not None and fault.code == INVALID_PRECISION:
        account.drop("faults", ref)
    checked(account, spec, ref, fact, fact[_SHARE], split.currency or account.currency.get("billing"))


def allocation(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """What of a payment is for which invoice; without an invoice it is set apart for none."""
    payer, invoice = fact[_PAYER], fact[_PAID]
    if payer is None:
        return
    split = account.splits.get(payer)
    if split is None:
        split = account.own("splits")[payer] = Split()
    account.odd = True
    if sign > 0:
        if not split.rows:
            _let_pay(account, split, -1)  # what its own row names counts no more
        split.rows[ref] = spec
        _check(account, split, spec, ref, fact)
        if invoice is not None:
            _pay(account, invoice, 0, 1)
    _let_row_pay(account, split, spec, ref, fact, sign)
    if sign < 0:
        del split.rows[ref]
        if not split.rows:
            _let_pay(account, split, 1)
    if invoice is not None and fact[_SHARE_STATUS] in _COUNTS:
        _count_invoice(split, invoice, sign)
    _redirect(account, payer, split)
    account.touch(split.item)
    if sign < 0:
        if invoice is not None:
            _pay(account, invoice, 0, -1)
        if not split.rows and split.item is None:
            account.drop("splits", payer)


def _count_invoice(split: Split, invoice: Ref, sign: int) -> None:
    left = split.invoices.get(invoice, 0) + sign
    if left:
        split.invoices[invoice] = left
    else:
        del split.invoices[invoice]


def shares(account: Account, split: Split) -> dict[Ref, int]:
    """What a payment pays of each invoice by the rows that divide it; nothing while it does not pay."""
    found: dict[Ref, int] = {}
    for ref, spec in split.rows.items() if split.paid is not None else ():
        fact = account.rows[ref]
        if fact[_PAID] is not None:
            found[fact[_PAID]] = found.get(fact[_PAID], 0) + _share(account, split, spec, fact)
    return found


def payer_of(fact: Fact) -> Ref | None:
    """The payment that an allocation divides."""
    payer: Ref | None = fact[_PAYER]
    return payer


def _redirect(account: Account, payer: Ref, split: Split) -> None:
    """Refunds that name no invoice follow their payment to the only one that it pays; their records show it."""
    refunds = account.tallies.get(payer)
    if refunds is None or refunds.item is None or refunds.parent == split.only:
        return
    _give_back_to(account, refunds, split.only)
    for ref, fact in account.rows.items():
        if payer in fact and (item := account.items.get(("refund", fact[ID]))) and item.shows("billing", ref):
            account.touch(item)


def _give_back_to(account: Account, refunds: Tally, invoice: Ref | None) -> None:
    """Let what a payment's refunds give back be given back of this invoice, and no longer of the one before."""
    if refunds.parent == invoice:
        return
    for parent, sign in ((refunds.parent, -1), (invoice, 1)):
        if parent is not None:
            tally = account.tally(parent)
            tally.refunded += sign * refunds.loose
            account.touch(tally.item)
    refunds.parent = invoice


def _of_payment(account: Account, ref: Ref) -> Tally:
    """The sums over a payment's refunds: begun at the first of them, with what the payment's row says if it is there."""
    tally = account.tallies.get(ref)
    if tally is None:
        tally = account.late_tally("payment", "billing", ref)
        if tally.item is not None:
            split = account.splits.get(ref)
            tally.parent = account.rows[ref][_INVOICE] if split is None else split.only
    return tally


def refund(account: Account, spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
    """Money given back of one payment: of the invoice that it names, else of the only one that the payment pays."""
    account.place("refund", "billing", ref, fact[ID], sign)
    currency = fact[_REF_CURRENCY] or account.currency.get("billing")
    amount = checked(account, spec, ref, fact, fact[_REF_AMOUNT], currency)
    refunded = sign * amount if amount is not None and currency else 0
    if refunded and currency:
        sums = account.total(currency)
        sums.refunded += refunded
    parent: Ref | None = fact[_REF_PAYMENT]
    named: Ref | None = fact[_REF_INVOICE]
    if named is not None:
        _give_back(account, named, refunded, sign)
    if parent is None:
        return
    tally = _of_payment(account, parent)
    tally.children += sign
    tally.refunded += refunded
    account.touch(tally.item)
    if named is None:
        tally.loose += refunded
        if tally.parent is not None:
            _give_back(account, tally.parent, refunded, 0)
    if sign < 0:
        account.drop_if_unused(parent)


def _give_back(account: Account, invoice: Ref, refunded: int, named: int) -> None:
    tally = account.tally(invoice)
    tally.children += named
    tally.refunded += refunded
    account.touch(tally.item)
    if named < 0:
        account.drop_if_unused(invoice)

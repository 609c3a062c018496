"""fold(account, row, fact): the only writer of account state. Takes back what the old fact added, adds the new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from state.folding import billing, payments, targets
from state.folding.account import Account
from state.folding.amounts import INVALID_PRECISION
from state.model import TableSpec
from state.role import segment_of
from state.roles import FIRST, ID, POSITION, ROLES, UNMAPPED, Fact, Ref
from state.sparse import alike

Folder = Callable[[Account, TableSpec, Ref, Fact, int], None]

_FOLDERS: dict[tuple[str, str], Folder] = {
    ("billing", "account"): billing.account_row,
    ("billing", "subscription"): billing.subscription,
    ("billing", "usage"): billing.usage,
    ("billing", "invoice"): billing.invoice,
    ("billing", "invoice_line"): billing.invoice_line,
    ("billing", "payment"): payments.payment,
    ("billing", "allocation"): payments.allocation,
    ("billing", "refund"): payments.refund,
    ("billing", "credit"): billing.credit,
    ("erp", "account"): billing.account_row,
    ("erp", "invoice"): targets.invoice,
    ("erp", "invoice_line"): billing.invoice_line,
    ("erp", "payment"): targets.receipt,
    ("erp", "credit"): billing.credit,
    ("crm", "customer"): targets.customer,
    ("support", "entitlement"): targets.organization,
    ("support", "case"): targets.case,
    ("support", "case_event"): targets.case_event,
}
# the currency is the first field of every account row
assert all(ROLES[system, "account"].index("currency") == FIRST for system in ("billing", "erp"))


def folder_of(spec: TableSpec) -> Folder:
    """The function that adds (sign 1) or takes back (-1) what a row of the table says."""
    assert spec.object is not None
    return _FOLDERS[spec.object.role.system, spec.object.role.object]


def fold(account: Account, tables: tuple[TableSpec, ...], folder: Folder, ref: Ref, fact: Fact | None) -> Fact | None:
    """Let one row say something new (None: the row is gone). Returns what it said before."""
    spec, rows = tables[ref[0]], account.rows
    old = rows.get(ref)
    if folder is billing.account_row and old is not None and fact is not None and old[FIRST] == fact[FIRST]:
        rows[ref] = fact  # the busiest row of many sources; its currency is all that others take from it
        account.dirty["account", account.id] = account.touched_ms
        if account.faults:
            account.drop("faults", ref)
    else:
        if old is not None:
            folder(account, spec, ref, old, -1)
        if account.faults:
            account.drop("faults", ref)
        if fact is not None:
            rows[ref] = fact
            folder(account, spec, ref, fact, 1)
        elif old is not None:
            del rows[ref]
            account.tenure.went(ref, account.touched_ms)
        if folder is billing.account_row:
            _adopt_currency(account, spec)
    if fact is not None:
        if old is not None and folder is billing.subscription:
            account.tenure.turned(ref, old, fact)
        if fact[UNMAPPED] is not None:
            account.odd = True
        known = account.positions.get(spec.source)
        if known is None:
            _know_source(account, spec.source, fact[POSITION])
        elif fact[POSITION] > known:
            account.positions[spec.source] = fact[POSITION]
    tally = account.tallies.get(ref)
    if tally is not None and tally.children and _shown_by_children(spec, old) != _shown_by_children(spec, fact):
        _touch_children(account, tables, ref)
    return old


def _shown_by_children(spec: TableSpec, fact: Fact | None) -> tuple[Any, ...] | None:
    """What the records of a row's children repeat of it: its object's id, what it refers to itself, and its segment."""
    if fact is None or spec.object is None:
        return None
    references = [value for value in fact[FIRST:] if value.__class__ is tuple]
    return fact[ID], references, segment_of(spec.object.role, fact)


def _touch_children(account: Account, tables: tuple[TableSpec, ...], ref: Ref) -> None:
    """Records of rows that refer to this one (payments of an invoice, refunds of a payment) show its id: render them."""
    for child, fact in account.rows.items():
        if ref in fact[FIRST:]:
            spec = tables[child[0]]
            key = (spec.object.role.object if spec.object else "", fact[ID])
            if key[0] == "allocation":  # its payment shows the invoice
                payer = payments.payer_of(fact)
                if payer is None or payer == ref:
                    continue
                account.touch(account.splits[payer].item)
                child = payer
            elif key in account.items:
                account.dirty[key] = account.touched_ms
            tally = account.tallies.get(child)
            if tally is not None and tally.children:
                _touch_children(account, tables, child)


def _know_source(account: Account, source: str, position: int) -> None:
    """The first row of a source. Positions are kept in the order of the names, so that records need not sort."""
    account.positions[source] = position
    if len(account.positions) > 1:
        account.positions = dict(sorted(account.positions.items()))


def forget_position(account: Account, tables: tuple[TableSpec, ...], source: str, position: int) -> None:
    """After a delete: if the row was the newest of its source, find the one that is now."""
    if account.positions.get(source) != position:
        return
    newest = account.newest(["" if table.derived else table.source for table in tables], source)
    if newest is None:
        del account.positions[source]
    else:
        account.positions[source] = newest


def refold(account: Account, tables: tuple[TableSpec, ...]) -> None:
    """Derive everything anew from the rows, for the rare change that concerns them all (the currency)."""
    before = account.items
    account.clear()
    for ref in [ref for ref, fault in account.faults.items() if fault.code == INVALID_PRECISION]:
        account.drop("faults", ref)
    for ref, fact in account.rows.items():
        spec = tables[ref[0]]
        if (
            spec.object is not None and not spec.object.role.blocks
        ):  # what derived objects are made of adds nothing itself
            folder_of(spec)(account, spec, ref, fact, 1)
    for key, item in before.items():
        if item.published or key in account.items:
            account.dirty.setdefault(key, account.touched_ms)
        else:  # it came and went, and nobody was told
            account.dirty.pop(key, None)
        if item.published and key in account.items:
            account.items[key].published = True
    account.stale = False


def _adopt_currency(account: Account, spec: TableSpec) -> None:
    """Amounts inherit the currency of the account's row in their own system; a new one concerns every amount."""
    assert spec.object is not None
    system = spec.object.role.system
    item = account.items.get(("account", account.id))  # none where the only account row was parked and is deleted now
    ref: Ref | None = getattr(item, system) if item is not None else None
    currency = account.rows[ref][FIRST] if ref is not None else None
    if currency is not None:
        currency = currency.strip()
    if account.currency.get(system) != currency:
        account.currency = alike({**account.currency, system: currency} if account.currency else {system: currency})
        if ref is None or len(account.rows) > 1:  # the account's row alone, as new ones begin, has no amounts
            account.stale = True

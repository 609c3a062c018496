"""Why nothing may be derived from an object."""

from __future__ import annotations

from collections.abc import Iterable

from state.folding.account import Account
from state.folding.tally import Item
from state.roles import FIRST, ROLES, UNMAPPED, Ref

#: a source label that the value map does not know; two rows of one system for one object; a row that cannot be used;
#: two systems that keep one object in different currencies
UNMAPPED_STATUS, AMBIGUOUS, PARKED, CURRENCY_MISMATCH = "UNMAPPED_STATUS", "AMBIGUOUS", "PARKED", "CURRENCY_MISMATCH"
#: rows divide more of a payment than it pays; a refund of a payment of several invoices does not say of which
OVER_ALLOCATED, REFUND_OF_WHICH = "OVER_ALLOCATED", "REFUND_OF_WHICH"
#: shared, as almost every record has it; nobody changes it
_NONE: list[str] = []
#: objects with amounts in two systems; their facts begin with the currency (see `state/roles.py`)
_TWO_LEDGERS = frozenset(("invoice", "credit", "payment"))
_REF_PAYMENT, _REF_INVOICE = (ROLES["billing", "refund"].index(name) for name in ("payment", "invoice"))


def codes(unmapped: tuple[str, ...]) -> list[str]:
    """Why fields of a fact are unknown, each code once: `NAME` is an unmapped label, `CODE:NAME` says why itself."""
    return list(dict.fromkeys(name.partition(":")[0] if ":" in name else UNMAPPED_STATUS for name in unmapped))


def flags(account: Account, item: Item) -> list[str]:
    """The object's flags; none for almost all."""
    erp = item.erp
    if not account.odd and erp is None and not account.faults:  # the usual case, asked for every record
        return _NONE
    rows, billing, refs = account.rows, item.billing, item.refs
    found: list[str] = []
    for ref in (*refs, *allocations(account, item)):
        if rows[ref][UNMAPPED] is not None:
            found += [code for code in codes(rows[ref][UNMAPPED]) if code not in found]
    if item.extra is not None:
        found.append(AMBIGUOUS)
    if account.faults and any(ref in account.faults for ref in refs):
        found.append(PARKED)
    if erp is not None and billing is not None and item.kind in _TWO_LEDGERS:
        ours = rows[billing][FIRST] or account.currency.get("billing")
        theirs = rows[erp][FIRST] or account.currency.get("erp")
        if ours != theirs and ours is not None and theirs is not None:
            found.append(CURRENCY_MISMATCH)
    if account.splits and billing is not None:
        found += _of_split(account, item, billing)
    return found


def allocations(account: Account, item: Item) -> Iterable[Ref]:
    """The rows that divide a payment; they have no record of their own, so what is wrong with them is told of it."""
    if not account.splits or item.billing is None or item.kind != "payment":
        return ()
    split = account.splits.get(item.billing)
    return split.rows if split is not None else ()


def _of_split(account: Account, item: Item, ref: Ref) -> list[str]:
    if item.kind == "payment":
        split = account.splits.get(ref)
        return [OVER_ALLOCATED] if split is not None and split.exceeded else []
    if item.kind == "refund" and account.rows[ref][_REF_INVOICE] is None:
        split = account.splits.get(account.rows[ref][_REF_PAYMENT])
        return [REFUND_OF_WHICH] if split is not None and len(split.invoices) > 1 else []
    return []

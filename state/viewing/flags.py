"""Why nothing may be derived from an object."""

from __future__ import annotations

from state.folding.account import Account
from state.folding.tally import Item
from state.roles import FIRST, UNMAPPED

#: a source label that the value map does not know; two rows of one system for one object; a row that cannot be used;
#: two systems that keep one object in different currencies
UNMAPPED_STATUS, AMBIGUOUS, PARKED, CURRENCY_MISMATCH = "UNMAPPED_STATUS", "AMBIGUOUS", "PARKED", "CURRENCY_MISMATCH"
#: shared, as almost every record has it; nobody changes it
_NONE: list[str] = []
#: objects with amounts in two systems; their facts begin with the currency (see `state/roles.py`)
_TWO_LEDGERS = frozenset(("invoice", "credit", "payment"))


def codes(unmapped: tuple[str, ...]) -> list[str]:
    """Why fields of a fact are unknown, each code once: `NAME` is an unmapped label, `CODE:NAME` says why itself."""
    return list(dict.fromkeys(name.partition(":")[0] if ":" in name else UNMAPPED_STATUS for name in unmapped))


def flags(account: Account, item: Item) -> list[str]:
    """The object's flags; none for almost all."""
    erp = item.erp
    if not account.odd and erp is None and not account.faults:  # the usual case, asked for every record
        return _NONE
    rows, billing, support = account.rows, item.billing, item.support
    found: list[str] = []
    for ref in (billing, erp, support):
        if ref is not None and rows[ref][UNMAPPED] is not None:
            found += [code for code in codes(rows[ref][UNMAPPED]) if code not in found]
    if item.extra is not None:
        found.append(AMBIGUOUS)
    if account.faults and any(ref in account.faults for ref in (billing, erp, support)):
        found.append(PARKED)
    if erp is not None and billing is not None and item.kind in _TWO_LEDGERS:
        ours = rows[billing][FIRST] or account.currency.get("billing")
        theirs = rows[erp][FIRST] or account.currency.get("erp")
        if ours != theirs and ours is not None and theirs is not None:
            found.append(CURRENCY_MISMATCH)
    return found

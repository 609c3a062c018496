"""Why nothing may be derived from an object."""

from __future__ import annotations

from state.account import Account, Item
from state.roles import UNMAPPED

#: a source label that the value map does not know; two rows of one system for one object; a row that cannot be used
UNMAPPED_STATUS, AMBIGUOUS, PARKED = "UNMAPPED_STATUS", "AMBIGUOUS", "PARKED"


def flags(account: Account, item: Item) -> list[str]:
    """Why nothing may be derived from the object; empty for almost all."""
    found: list[str] = []
    rows = account.rows
    for ref in (item.billing, item.erp, item.support):
        if ref is not None and rows[ref][UNMAPPED] is not None and UNMAPPED_STATUS not in found:
            found.append(UNMAPPED_STATUS)
    if item.extra is not None:
        found.append(AMBIGUOUS)
    if account.faults and any(ref in account.faults for ref in (item.billing, item.erp, item.support)):
        found.append(PARKED)
    return found

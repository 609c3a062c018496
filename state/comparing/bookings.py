"""What counts as booked in the ERP, and which state billing's documents must have there."""

from __future__ import annotations

from state.folding.account import Account
from state.folding.tally import Item
from state.roles import ROLES, Ref

#: billing's invoice status -> state that the ERP must show; a draft needs no booking
ERP_STATE = {"open": "posted", "paid": "paid", "void": "cancelled"}
_NOTE_STATE = ROLES["erp", "credit"].index("state")
#: states of a credit note that is still on its way into the books
_UNBOOKED = frozenset(("draft", "validated"))


def booked_note(account: Account, item: Item) -> Ref | None:
    """The ERP's credit note, None while it is a draft: nothing is booked by it, and a correction may be about to post it."""
    ref = item.erp
    return None if ref is None or account.rows[ref][_NOTE_STATE] in _UNBOOKED else ref

"""What counts as booked in the ERP, which state billing's documents must have there, and the steps that lead to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from state.folding.account import Account
from state.folding.tally import Item
from state.roles import ROLES, Ref

#: billing's invoice status -> state that the ERP must show; a draft needs no booking
ERP_STATE = {"open": "posted", "paid": "paid", "void": "cancelled"}
_NOTE_STATE = ROLES["erp", "credit"].index("state")
#: states of a credit note that is still on its way into the books
_UNBOOKED = frozenset(("draft", "validated"))
#: state that is desired -> the states, in order, that a document may pass through on its way there
_STEPS = {"posted": ("draft", "validated"), "paid": ("draft", "validated", "posted"), "cancelled": ("draft",)}
Values = Mapping[str, str]
#: whether the second shows every field of the first
Same = Callable[[Values, Values], bool]


def booked_note(account: Account, item: Item) -> Ref | None:
    """The ERP's credit note, None while it is a draft: nothing is booked by it, and a correction may be about to post it."""
    ref = item.erp
    return None if ref is None or unbooked_note(account.rows[ref][_NOTE_STATE]) else ref


def unbooked_note(state: str | None) -> bool:
    """Whether a credit note in this state is as good as none."""
    return state in _UNBOOKED


def on_the_way(desired: Values, before: Values | None, now: Values, same: Same) -> bool:
    """Whether what the ERP shows now is a step from `before` to what is desired, and no other difference.

    A plan of several steps is seen half done: the new document as a draft, or posted and not yet paid. Such a document
    says all that is desired, only its state has further to go, and it is further than it was. Who took the step means
    nothing: a person who drafts what is wanted has taken it, too.
    """
    steps = _STEPS.get(desired.get("state", ""), ())
    content = {name: value for name, value in desired.items() if name != "state"}
    state = now.get("state", "")
    if state not in steps or not same(content, now):
        return False
    if before is None or before.get("state", "") not in steps or not same(content, before):
        return True
    return steps.index(before["state"]) < steps.index(state)

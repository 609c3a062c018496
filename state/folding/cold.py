"""An account that nothing touches, as bytes: its rows and what cannot be derived from them, a tenth of what it takes as objects.

The bytes live and end with the process; what a restart reads is in `concord.facts`.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from state.folding.account import Account
from state.folding.entitlement import Entitled
from state.folding.fold import refold
from state.folding.remembered import Remembered
from state.folding.tally import Item
from state.model import TableSpec
from state.sparse import NOTHING, Sparse, alike
from state.spells import Began, Held, Tenure

#: what `Account.clear` forgets: `refold` derives it from the rows
DERIVED: Final = ("clocks", "counts", "ending", "items", "splits", "starting", "tallies", "tiers", "totals", "usage")
#: given again when the account is made, or kept by its own parts
_ELSEWHERE: Final = ("id", "steps", "tenure")
#: of the tenure, what `refold` derives
_OF_ROWS: Final = ("left", "rows")


class _Kept:
    """Slots of an object that differ from those of a new one."""

    def __init__(self, new: Sparse, slots: Iterable[str], without: Sequence[str]) -> None:
        self._names = [name for name in slots if name not in without]
        self._of = attrgetter(*self._names)
        self._new = self._of(new)

    def of(self, one: Sparse) -> dict[str, Any]:
        """Slot -> value; most slots hold the very same as those of a new object."""
        held = zip(self._names, self._of(one), self._new, strict=True)
        return {name: value for name, value, new in held if value is not new and value != new}


_SLOTS: Final = (*Remembered.__slots__, *Account.__slots__)
_ACCOUNT: Final = _Kept(Account("", {}), _SLOTS, (*DERIVED, *_ELSEWHERE))
_TENURE: Final = _Kept(Tenure(), Tenure.__slots__, _OF_ROWS)


def freeze(account: Account) -> bytes:
    """The account as bytes; the object must not be used any more."""
    kept, tenure = _ACCOUNT.of(account), _TENURE.of(account.tenure)
    kept["currency"] = dict(account.currency)  # which many share
    # as plain tuples: a third of the time, since a pickle asks every named one for its class and parts
    if account.shown is not None:
        kept["shown"] = tuple(account.shown)
    if (held := account.tenure.held) is not None:
        tenure["held"] = (*held[:-1], None if held.began is None else tuple(held.began))
    # almost every object has a row and was published; the others are named
    odd = [(key, item.published) for key, item in account.items.items() if item.empty or not item.published]
    return pickle.dumps((kept, tenure, odd), pickle.HIGHEST_PROTOCOL)


def thaw(identity: str, frozen: bytes, steps: Mapping[str, int], tables: tuple[TableSpec, ...]) -> Account:
    """The account that `freeze` made bytes of, as it was; `tables` of the model, `steps` as in `Account`."""
    account = Account(identity, steps)
    kept, tenure, odd = pickle.loads(frozen)  # noqa: S301 - written by this process a moment ago, never stored or received
    for name, value in kept.items():
        setattr(account, name, value)
    account.currency = alike(kept["currency"])
    if account.shown is not None:
        account.shown = Entitled(*account.shown)
    faults, dirty = dict(account.faults), dict(account.dirty)
    refold(account, tables)
    account.faults, account.dirty, account.stale = faults or NOTHING, dirty, kept.get("stale", False)
    for name, value in tenure.items():
        setattr(account.tenure, name, value)
    if (held := account.tenure.held) is not None:
        account.tenure.held = Held(*held[:-1], None if held[-1] is None else Began(*held[-1]))
    for item in account.items.values():
        item.published = True
    for key, published in odd:
        account.items.setdefault(key, Item(*key)).published = published
    return account

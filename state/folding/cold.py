"""An account that nothing touches, as bytes: its rows and what cannot be derived from them, a tenth of what it takes as objects.

The bytes live and end with the process; what a restart reads is in `concord.facts`.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from state.folding.account import Account
from state.folding.fold import refold
from state.folding.remembered import Remembered
from state.folding.tally import Item
from state.model import TableSpec
from state.sparse import NOTHING, Sparse, alike
from state.spells import Tenure

#: what `Account.clear` forgets: `refold` derives it from the rows
DERIVED: Final = ("clocks", "counts", "ending", "items", "splits", "starting", "tallies", "tiers", "totals", "usage")
#: given again when the account is made, or kept by its own parts
_ELSEWHERE: Final = ("id", "steps", "tenure")
#: of the tenure, what `refold` derives
_OF_ROWS: Final = ("left", "rows")


def _beginning(of: Sparse, slots: Iterable[str], without: Sequence[str]) -> list[tuple[str, Any]]:
    """Slot -> what a new object holds in it."""
    return [(name, getattr(of, name)) for name in slots if name not in without]


_SLOTS: Final = (*Remembered.__slots__, *Account.__slots__)
_ACCOUNT: Final = _beginning(Account("", {}), _SLOTS, (*DERIVED, *_ELSEWHERE))
_TENURE: Final = _beginning(Tenure(), Tenure.__slots__, _OF_ROWS)


def _different(of: Sparse, beginning: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, nothing in beginning if (value := getattr(of, name)) != nothing}


def freeze(account: Account) -> bytes:
    """The account as bytes; the object must not be used any more."""
    kept = _different(account, _ACCOUNT)
    kept["currency"] = dict(account.currency)  # which many share
    # almost every object has a row and was published; the others are named
    odd = [(key, item.published) for key, item in account.items.items() if item.empty or not item.published]
    return pickle.dumps((kept, _different(account.tenure, _TENURE), odd), pickle.HIGHEST_PROTOCOL)


def thaw(identity: str, frozen: bytes, steps: Mapping[str, int], tables: tuple[TableSpec, ...]) -> Account:
    """The account that `freeze` made bytes of, as it was; `tables` of the model, `steps` as in `Account`."""
    account = Account(identity, steps)
    kept, tenure, odd = pickle.loads(frozen)  # noqa: S301 - written by this process a moment ago, never stored or received
    for name, value in kept.items():
        setattr(account, name, value)
    account.currency = alike(kept["currency"])
    faults, dirty = dict(account.faults), dict(account.dirty)
    refold(account, tables)
    account.faults, account.dirty, account.stale = faults or NOTHING, dirty, kept.get("stale", False)
    for name, value in tenure.items():
        setattr(account.tenure, name, value)
    for item in account.items.values():
        item.published = True
    for key, published in odd:
        account.items.setdefault(key, Item(*key)).published = published
    return account

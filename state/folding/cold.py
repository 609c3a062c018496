"""An account that nothing touches, as bytes: its rows and what cannot be derived from them, a tenth of what it takes as objects.

The bytes live and end with the process; what a restart reads is in `concord.facts`.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, Final

from state.folding.account import Account
from state.folding.fold import refold
from state.folding.tally import Item
from state.model import TableSpec

#: what `Account.clear` forgets: `refold` derives it from the rows
DERIVED: Final = ("clocks", "counts", "ending", "items", "splits", "starting", "tallies", "tiers", "totals", "usage")
#: given again when the account is made
_GIVEN: Final = ("id", "steps")
_KEPT: Final = tuple(name for name in Account.__slots__ if name not in DERIVED and name not in _GIVEN)
_FRESH: Final = Account("", {})
#: slot -> what a new account holds in it
_NOTHING: Final = [(name, getattr(_FRESH, name)) for name in _KEPT]


def freeze(account: Account) -> bytes:
    """The account as bytes; the object must not be used any more."""
    kept: dict[str, Any] = {name: value for name, nothing in _NOTHING if (value := getattr(account, name)) != nothing}
    # almost every object has a row and was published; the others are named
    odd = [(key, item.published) for key, item in account.items.items() if item.empty or not item.published]
    return pickle.dumps((kept, odd), pickle.HIGHEST_PROTOCOL)


def thaw(identity: str, frozen: bytes, steps: Mapping[str, int], tables: tuple[TableSpec, ...]) -> Account:
    """The account that `freeze` made bytes of, as it was; `tables` of the model, `steps` as in `Account`."""
    account = Account(identity, steps)
    kept, odd = pickle.loads(frozen)  # noqa: S301 - written by this process a moment ago, never stored or received
    for name, value in kept.items():
        setattr(account, name, value)
    faults = account.faults
    refold(account, tables)
    account.faults, account.dirty, account.stale = faults, kept.get("dirty", {}), kept.get("stale", False)
    for item in account.items.values():
        item.published = True
    for key, published in odd:
        account.items.setdefault(key, Item(*key)).published = published
    return account

"""The accounts of a shard: as objects while they are busy, as bytes when they are not, as stored rows until first touched."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple
from weakref import WeakMethod

from state.folding.account import Account
from state.folding.cold import freeze, thaw
from state.model import Model
from state.row import of_values

#: of the busy accounts so many may be too many before the longest untouched ones are made bytes together: one in sixteen
_SLACK = 16


class StoredRow(NamedTuple):
    """One row of `concord.facts`, as a restart reads it."""

    table: int
    key: str
    position: int
    time_ms: int
    frame: bytes


class Accounts:
    """By id. `hot` are the busy ones, longest untouched first; only those that `of` gave out are among them."""

    def __init__(self, model: Model, hot_max: int | None, adopt: Callable[[Account, list[StoredRow]], None]) -> None:
        """`hot_max` accounts stay objects, None: all. `adopt` folds stored rows into their account when it is first touched."""
        self._tables, self._steps = model.folded, model.steps
        self._adopt = WeakMethod(adopt)  # its owner holds this object: a reference both ways would be a cycle
        self._hot_max = sys.maxsize if hot_max is None else hot_max
        self._full = sys.maxsize if hot_max is None else hot_max + hot_max // _SLACK
        self.hot: dict[str, Account] = {}
        self._cold: dict[str, bytes] = {}
        self._stored: dict[str, list[StoredRow]] = {}
        self._merged: dict[str, str] = {}

    def load(self, account: str, row: tuple[int, str, int, int, bytes]) -> None:
        """Restore one stored row."""
        stored = of_values(StoredRow, row)
        if (rows := self._stored.get(account)) is None:
            self._stored[account] = [stored]
        else:
            rows.append(stored)

    def load_merged(self, account: str, into: str) -> None:
        """Restore that an account was merged into another."""
        self._merged[account] = into
        self._stored.setdefault(account, [])

    def __contains__(self, name: str) -> bool:
        """Whether anything is known of the account."""
        return name in self.hot or name in self._cold or name in self._stored

    def stored(self, name: str) -> bool:
        """Whether the account was not touched since the restart."""
        return name in self._stored

    def of(self, name: str) -> Account:
        """The account; a new one if it is not known."""
        found = self.hot.get(name)
        if found is not None:
            return found
        frozen = self._cold.pop(name, None)
        if frozen is not None:
            account = self.hot[name] = thaw(name, frozen, self._steps, self._tables)
            return account
        account = self.hot[name] = Account(name, self._steps)
        account.merged_into = self._merged.pop(name, None)
        rows = self._stored.pop(name, None)
        if rows is not None and (adopt := self._adopt()) is not None:
            adopt(account, rows)
        return account

    def all(self) -> Iterator[Account]:
        """Every account, as an object."""
        for name in [*self._stored, *self._cold]:
            self.of(name)
        return iter(self.hot.values())

    def touched(self, account: Account) -> None:
        """Of all accounts this one was touched last."""
        if self._hot_max != sys.maxsize:
            self.hot[account.id] = self.hot.pop(account.id)

    def forget(self, account: Account) -> None:
        """It has no rows any more."""
        del self.hot[account.id]

    def rest(self) -> None:
        """Make bytes of the accounts that were longest untouched, if too many are busy."""
        if len(self.hot) > self._full:
            for name in list(islice(self.hot, len(self.hot) - self._hot_max)):
                self._cold[name] = freeze(self.hot.pop(name))

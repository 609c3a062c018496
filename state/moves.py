"""What a changed link means for others: rows whose way to the account leads over it move with it, or wait again.

Only for tables with ways (`state/ways.py`). Their rows' frames are kept here, so that a move is complete in the
transaction that causes it: a retirement under the old account and the row as it is under the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from state.model import ACCOUNT, AccountRule, Place
from state.resolved import Waiting
from state.row import KEY, TABLE
from state.ways import Ways

RowPlace = tuple[int, str]


class Moved(NamedTuple):
    """A row that a change of another row moved: `now` is None where no way leads to an account any more."""

    was: str
    now: str | None
    mark: Waiting


class Moves:
    """The rows of tables with ways that have an account, and the graph of their ways."""

    def __init__(self, rules: Sequence[AccountRule | None], accounts: set[str]) -> None:
        self.ways = Ways(rules, accounts)
        self._accounts = accounts
        self._kept: dict[RowPlace, Waiting] = {}
        self._before: dict[RowPlace, str] = {}

    def keep(self, mark: Waiting, account: str | None) -> None:
        """The row as it is now: while it has an account, its frame may be needed again."""
        if account is not None:
            self._kept[mark.row[TABLE], mark.row[KEY]] = mark
        else:
            self.forget((mark.row[TABLE], mark.row[KEY]))

    def forget(self, place: RowPlace) -> None:
        """The row is gone, or waits."""
        self._kept.pop(place, None)
        self._before.pop(place, None)

    def enter(self, place: RowPlace, old: str | None, new: str, moved: dict[RowPlace, str]) -> list[Place]:
        """Enter an upsert's link; `moved` gets the account that the row had; returns what may let waiting rows go."""
        appeared = self.relink(place, old, new)
        for account in self.ways.defined(*place, new):
            if account not in self._accounts:
                self._accounts.add(account)
                appeared.append((ACCOUNT, account))
        if (was := self._before.pop(place, None)) is not None:
            moved.setdefault(place, was)
        return appeared

    def relink(self, place: RowPlace, old: str | None, new: str | None) -> list[Place]:
        """Enter a row's new link (None: it is gone); returns the places whose steps changed."""
        changed = self.ways.changed(*place, old, new)
        if not changed:
            return []
        for row in self.ways.reaching(changed):
            if row in self._kept and row not in self._before:
                was = self.ways.account_of(row)
                if was is not None:
                    self._before[row] = was
        self.ways.replace(*place, old, new)
        return changed

    def others(self) -> Iterator[Moved]:
        """Rows of other transactions that this one moved."""
        before, self._before = self._before, {}
        for place, was in before.items():
            now, mark = self.ways.account_of(place), self._kept.get(place)
            if mark is not None and now != was:
                yield Moved(was, now, mark)

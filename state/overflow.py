"""What is kept of one transaction that is too large for memory: its rows as they came, then its changes by account.

A port: `connectors/scratch.py` keeps them in a file, `InMemory` is for runs that have no file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from operator import itemgetter
from typing import Protocol

from state.row import Change, Row

#: lsn, then total order
in_order = itemgetter(4, 5)
#: table, key, op, lsn: the same in every repeat of a row
identity_of = itemgetter(0, 2, 1, 4)


class Overflow(Protocol):
    """Of one transaction."""

    def add(self, rows: list[Row]) -> list[Row]:
        """Keep rows; returns those that are no repeats."""

    def rows(self) -> Iterator[Row]:
        """All rows in order; may be asked for more than once."""

    def put(self, changes: Iterable[tuple[int, Change]]) -> None:
        """Keep changes, each in its bucket, behind those that are there."""

    def bucket(self, number: int) -> list[tuple[int, Change]]:
        """The changes of one bucket, each with a number that rises in the order in which all were put."""

    def changes(self, places: Collection[tuple[int, str]]) -> list[Change]:
        """The changes of these rows (table, key), in order."""

    def close(self) -> None:
        """Nobody asks any more."""


OpenOverflow = Callable[[], Overflow]


class InMemory:
    """Keeps everything in memory."""

    def __init__(self) -> None:
        self._rows: dict[tuple[object, ...], Row] = {}
        self._changes: list[tuple[int, Change]] = []

    def add(self, rows: list[Row]) -> list[Row]:
        """Keep rows; returns those that are no repeats."""
        known = self._rows
        return [row for row in rows if known.setdefault(identity_of(row), row) is row]

    def rows(self) -> Iterator[Row]:
        """All rows in order."""
        return iter(sorted(self._rows.values(), key=in_order))

    def put(self, changes: Iterable[tuple[int, Change]]) -> None:
        """Keep changes, each in its bucket."""
        self._changes += changes

    def bucket(self, number: int) -> list[tuple[int, Change]]:
        """The changes of one bucket, each with its place among all."""
        return [(place, change) for place, (bucket, change) in enumerate(self._changes) if bucket == number]

    def changes(self, places: Collection[tuple[int, str]]) -> list[Change]:
        """The changes of these rows, in order."""
        return [change for _, change in self._changes if (change.table, change.key) in places]

    def close(self) -> None:
        """Forget everything."""
        self._rows, self._changes = {}, []

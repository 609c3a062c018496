"""Rows that move although nothing of their own changed: their frames are read back and given to their new account.

Nobody keeps the frames of all rows in memory. A row that moves is read back from what is stored of it; what was released
since the last cut and is not stored yet is remembered here until it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from state.resolving.identity import Identity
from state.resolving.resolved import Moved, Resolved, Waiting
from state.row import Change, Transaction

RowPlace = tuple[int, str]
#: op of a row that came to this account without a change of its own
MOVED = "m"


class StoredRow(NamedTuple):
    """A row as it is stored: the position and time of its transaction, its link, and what stands for its frame."""

    position: int
    time_ms: int
    link: str
    frame: bytes


#: rows with the account that they are stored under -> what is stored of them; rows that are not stored yet are left out
ReadBack = Callable[[Sequence[Moved]], dict[RowPlace, StoredRow]]


class LostRow(Exception):
    """A row that has to move is stored nowhere: state and topics do not fit."""


class Moves:
    """What was released since the last cut; together with what is stored that is every live row.

    `read_back=None`: nothing is stored anywhere, so everything that was released is remembered.
    """

    def __init__(self, read_back: ReadBack | None = None) -> None:
        self._read_back = read_back
        self._released: list[Transaction] = []
        self._before: list[Transaction] = []

    def add(self, transaction: Transaction) -> None:
        """A transaction was released."""
        self._released.append(transaction)

    def committed(self) -> None:
        """A cut ends: what was released before the last one is stored by now."""
        if self._read_back is not None:
            self._before, self._released = self._released, []

    def bring(
        self, found: Resolved, identity: Identity, source_of: Callable[[int], str], time_ms: int
    ) -> tuple[list[Transaction], list[Waiting]]:
        """Carry out the moves: the rows leave with `found`; returns how they come to their new accounts, and who has none.

        They come in the transactions of their own, but as of `time_ms`. A row's stored image comes first and then what
        was released since, so that values that a later image leaves out are there, and a row that was parked is parked
        again. Rows without an account wait, and are among those of `found`. Raises LostRow.
        """
        groups: dict[tuple[str, int], list[Change]] = {}
        stranded: list[Waiting] = []
        versions = self._versions(found.moved)
        for row in found.moved:
            found.changes.append(Change(row.was, row.table, "d", row.key, b""))
            images, source = versions[row.table, row.key], source_of(row.table)
            if row.now is None:
                last = images[-1]
                image = (row.table, MOVED, row.key, 0, 0, 0, last.link, -1, -1, last.frame, "", last.time_ms)
                stranded.append(Waiting(image, source, last.position, last.time_ms))
                identity.set_aside(stranded[-1])
                continue
            for one in images:
                change = Change(row.now, row.table, MOVED, row.key, one.frame, one.link)
                groups.setdefault((source, one.position), []).append(change)
        found.waiting += stranded
        places = sorted(groups)
        return [
            Transaction(source, position, time_ms, groups[source, position]) for source, position in places
        ], stranded

    def _versions(self, moved: Sequence[Moved]) -> dict[RowPlace, list[StoredRow]]:
        stored = self._read_back(moved) if self._read_back is not None else {}
        found = {(row.table, row.key): [one] if (one := stored.get((row.table, row.key))) else [] for row in moved}
        for position, time_ms, changes in self._since():
            for change in changes:
                versions = found.get((change.table, change.key))
                if versions is None:
                    continue
                if change.frame:
                    versions.append(StoredRow(position, time_ms, change.link, change.frame))
                elif change.op == "d" and self._read_back is None:
                    versions.clear()
        for row in moved:
            if not found[row.table, row.key]:
                raise LostRow(
                    f"row {row.key} of table {row.table} under account {row.was} has to move and is stored nowhere. "
                    f"Next step: delete the output topics and the group, and the view is built anew from the inputs"
                )
        return found

    def _since(self) -> Iterable[tuple[int, int, list[Change]]]:
        for transaction in (*self._before, *self._released):
            yield transaction.position, transaction.time_ms, transaction.changes

"""Rows that move although nothing of their own changed: their frames are read back and given to their new account.

Nobody keeps the frames of all rows in memory. A row that moves is read back from what is stored of it; what was released
since the last cut and is not stored yet is remembered here until it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from state.overflow import Overflow
from state.resolving.carried import Carried, carried_by, pack
from state.resolving.identity import Identity
from state.resolving.resolved import Moved, Resolved, Waiting
from state.row import Change, Transaction

RowPlace = tuple[int, str]
#: op of a row that came to this account without a change of its own
MOVED = "m"


class Place(NamedTuple):
    """Where a transaction stands: its source, position and commit time, ms."""

    source: str
    position: int
    time_ms: int


class StoredRow(NamedTuple):
    """A row as it is stored: the position and time of its transaction, its link, and what stands for its frame.

    `notes`: what is noted of the row, by kind (`state/folding/notes.py`).
    """

    position: int
    time_ms: int
    link: str
    frame: bytes
    notes: Mapping[str, Any] = {}


class Remembered(NamedTuple):
    """A large transaction: its changes are where its rows are kept."""

    position: int
    time_ms: int
    overflow: Overflow


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
        #: with the number of the step that released it, oldest first
        self._released: deque[tuple[int, Transaction | Remembered]] = deque()
        #: the step that is being made; whoever numbers steps says which
        self.step = 0
        #: the last step of the newest cut
        self._committed = -1

    def add(self, transaction: Transaction | Remembered) -> None:
        """A transaction was released."""
        self._released.append((self.step, transaction))

    def committed(self, step: int | None = None) -> None:
        """A cut ends with `step` (None: with all that was released): what the cuts before it hold can be read by now."""
        if step == self._committed:
            return
        while self._read_back is not None and self._released and self._released[0][0] <= self._committed:
            _, stored = self._released.popleft()
            if isinstance(stored, Remembered):
                stored.overflow.close()
        self._committed = self.step if step is None else step
        if step is None:
            self.step += 1

    def bring(
        self, found: Resolved, identity: Identity, source_of: Callable[[int], str], place: Place, told_ms: int
    ) -> tuple[list[Transaction], list[Waiting]]:
        """Carry out the moves: the rows leave with `found`; returns how they come to their new accounts, and who has none.

        They come in the transactions of their own, but as of that at `place`, and the last is what it says of them itself. A
        row's stored image comes first, with what is noted of it, and then what was released since, so that values that a
        later image leaves out are there, a row that was parked is parked again, and states that it went through since are
        gone through once more. Rows without an account wait, and are among those of `found`. `told_ms`: the clock that
        accounts have seen. Raises LostRow.
        """
        groups: dict[tuple[str, int], list[Change]] = {}
        stranded: list[Waiting] = []
        own = [Moved(was.table, was.key, was.account, now[0].account) for was, now in found.own.values()]
        versions = self._versions([*found.moved, *own], len(found.moved), told_ms)
        for row in (*found.moved, *own):
            images, source = versions[row.table, row.key], source_of(row.table)
            if row.now is None:
                found.changes.append(Change(row.was, row.table, "d", row.key, b""))
                last = images[-1]._replace(frame=_last(images))
                image = (row.table, MOVED, row.key, 0, 0, 0, last.link, -1, -1, last.frame, "", last.time_ms)
                stranded.append(Waiting(image, source, last.position, last.time_ms))
                identity.set_aside(stranded[-1])
                continue
            for one in images:
                change = Change(row.now, row.table, MOVED, row.key, one.frame, one.link)
                groups.setdefault((source, one.position), []).append(change)
        found.changes += [Change(row.was, row.table, "d", row.key, b"") for row in found.moved if row.now is not None]
        found.changes += [was for was, _ in found.own.values()]
        found.waiting += stranded
        arriving = [Transaction(*group, place.time_ms, groups[group]) for group in sorted(groups)]
        if found.own:
            arriving.append(Transaction(*place, [change for _, now in found.own.values() for change in now]))
        return arriving, stranded

    def _versions(self, moved: Sequence[Moved], needed: int, told_ms: int) -> dict[RowPlace, list[StoredRow]]:
        """Images of the rows, the first `needed` of which must be there: the others may be new in their transaction."""
        stored = self._read_back(moved) if self._read_back is not None else {}
        found: dict[RowPlace, list[StoredRow]] = {(row.table, row.key): [] for row in moved}
        for place, one in stored.items():
            found[place].append(one._replace(frame=pack(Carried(one.time_ms, True, told_ms, one.notes, one.frame))))
        for position, time_ms, changes in self._since(found):
            for change in changes:
                versions = found.get((change.table, change.key))
                if versions is None:
                    continue
                known = stored.get((change.table, change.key))
                if change.op == MOVED and known is not None and position <= known.position:
                    continue  # how it came where it is stored by now
                if change.frame:
                    carried = carried_by(change.frame) or Carried(time_ms, False, 0, {}, change.frame)
                    frame = pack(carried._replace(told_ms=told_ms))
                    versions.append(StoredRow(position, carried.time_ms, change.link, frame))
                elif change.op == "d" and self._read_back is None:
                    versions.clear()
        for row in moved[:needed]:
            if not found[row.table, row.key]:
                raise LostRow(
                    f"row {row.key} of table {row.table} under account {row.was} has to move and is stored nowhere. "
                    f"Next step: delete the output topics and the group, and the view is built anew from the inputs"
                )
        return found

    def _since(self, places: Collection[RowPlace]) -> Iterable[tuple[int, int, list[Change]]]:
        for _, one in self._released:
            changes = one.overflow.changes(places) if isinstance(one, Remembered) else one.changes
            yield one.position, one.time_ms, changes


def _last(images: Sequence[StoredRow]) -> bytes:
    """The newest image with what is noted of the row: all that a row keeps while it waits."""
    carried = [one for image in images if (one := carried_by(image.frame)) is not None]
    notes: Mapping[str, Any] = next((one.notes for one in reversed(carried) if one.notes), {})
    return pack(carried[-1]._replace(stored=True, notes=notes))


def settling(transactions: Sequence[Transaction]) -> list[bool]:
    """After which transactions objects of several rows are whole.

    Rows that move come one after the other: those that were stored make the objects as they were at the last cut, and only
    what follows are steps of theirs.
    """
    settles = [True] * len(transactions)
    begins = 0
    while begins < len(transactions):
        if not _arrives(transactions[begins]):
            begins += 1
            continue
        ends = begins
        while ends + 1 < len(transactions) and _arrives(transactions[ends + 1]):
            ends += 1
        run = range(begins, ends + 1)
        whole = max((n for n in run if _stored(transactions[n])), default=begins)
        for number in range(begins, whole):
            settles[number] = False
        begins = ends + 1
    return settles


def _arrives(transaction: Transaction) -> bool:
    return all(change.op == MOVED for change in transaction.changes)


def _stored(transaction: Transaction) -> bool:
    return any((carried := carried_by(change.frame)) is not None and carried.stored for change in transaction.changes)

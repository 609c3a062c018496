"""Captured records of one source that could not be read: held in their place until their transaction is known to be over.

A spoilt record lies in its partition between two commits, and which transaction it belonged to cannot be read. Parking
it at once would lose the one explanation of a transaction that will stay short of a row, and a restart would have
forgotten it. So it holds its place like a row that waits, and is let go when a later row of its partition is released,
when a short transaction is released because of it, or when its source's clock has left its time behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from state.row import FRAME, OFFSET, PARTITION, PARTITION_BITS, TABLE, BadFrame, Row

#: how far the source's clock must pass a transaction or a spoilt record before its story counts as told
INCOMPLETE_AFTER_MS = 5_000
#: a record that is no row of any table: it explains no missing row, so nothing is waited for
UNMAPPED_RECORD_TYPE = "UNMAPPED_RECORD_TYPE"


class Spoilt:
    """`frames`: what is held, by partition, in order.

    `partitions`: table -> how many its topic has; without it a shortage always needs a spoilt record to explain it.
    `bases`: where each table's slots begin; tables that share a topic share its slots.
    """

    def __init__(
        self, last_commit: Callable[[bytes], int | None], partitions: Mapping[int, int] | None, bases: Sequence[int]
    ) -> None:
        self._base = bases
        self._last_commit = last_commit
        self._partitions = partitions
        self.frames: dict[int, list[BadFrame]] = {}
        self._ripe: set[tuple[int, int]] = set()
        self._at_end: dict[int, int] = {}

    def __len__(self) -> int:
        """Records that are held."""
        return sum(map(len, self.frames.values()))

    def add(self, slot: int, bad: BadFrame, passed: int) -> None:
        """Hold a record; `passed`: the partition's next offset to commit, if rows behind the record were released already."""
        self.frames.setdefault(slot, []).append(bad)
        if passed > bad.offset or bad.code == UNMAPPED_RECORD_TYPE:
            self._ripe.add((slot, bad.offset))

    def reach(self, slot: int, seen: int) -> None:
        """The reader is at the end of the partition, behind `seen` (its next offset)."""
        self._at_end[slot] = seen

    def release(self, rows: list[Row]) -> None:
        """Rows were released: what lies before them in their partitions belonged to transactions that are over."""
        for row in rows:
            self.passed(self._base[row[TABLE]] | row[PARTITION], row[OFFSET])

    def passed(self, slot: int, offset: int) -> None:
        """A row of the partition is done with, at this offset."""
        for bad in self.frames.get(slot, ()):
            if bad.offset < offset:
                self._ripe.add((slot, bad.offset))

    def expire(self, limit_ms: int) -> None:
        """Whatever was written up to then cannot belong to a transaction that is still open."""
        for slot, frames in self.frames.items():
            self._ripe |= {(slot, bad.offset) for bad in frames if bad.time_ms <= limit_ms}

    def explain(
        self, missing: Mapping[int, int], position: int, seen: Mapping[int, int], last: Mapping[int, Row]
    ) -> bool:
        """Whether rows of the transaction at `position`, so many of each table, can no longer come; then the records count as used.

        Of every partition of the table either a row of a later transaction has been read, which proves it, or its end
        has been reached, and as many spoilt records are there as rows are missing.
        """
        unused = Counter(
            slot >> PARTITION_BITS for slot, frames in self.frames.items() for _ in self._unused(slot, frames)
        )
        short: Counter[int] = Counter()
        for table, number in missing.items():
            short[self._base[table] >> PARTITION_BITS] += number
        for table, number in short.items():
            open_slots = self._open(table, position, seen, last)
            proven = self._partitions is not None and not open_slots
            if not proven and not (self._has_ended(open_slots, seen) and unused[table] >= number):
                return False
        for table, number in short.items():
            self._use(table, number)
        return True

    def is_settled(
        self, tables: Iterable[int], position: int, seen: Mapping[int, int], last: Mapping[int, Row]
    ) -> bool:
        """Whether every partition of the tables is read past the commit before `position`, or to its end."""
        return all(self._has_ended(self._open(table, position, seen, last), seen) for table in tables)

    def _open(self, table: int, position: int, seen: Mapping[int, int], last: Mapping[int, Row]) -> list[int]:
        return [slot for slot in self._slots(table, seen) if not self._is_past(last.get(slot), position)]

    def _has_ended(self, slots: Iterable[int], seen: Mapping[int, int]) -> bool:
        return all(self._at_end.get(slot) == seen.get(slot, -1) for slot in slots)

    def _slots(self, table: int, seen: Mapping[int, int]) -> list[int]:
        base = self._base[table]
        if self._partitions is not None:
            return [base | number for number in range(self._partitions[table])]
        return [slot for slot in {*seen, *self._at_end} if slot >> PARTITION_BITS == base >> PARTITION_BITS]

    def _is_past(self, row: Row | None, position: int) -> bool:
        before = None if row is None else self._last_commit(row[FRAME])
        return before is not None and before >= position

    def _unused(self, slot: int, frames: list[BadFrame]) -> list[BadFrame]:
        return [bad for bad in frames if (slot, bad.offset) not in self._ripe]

    def _use(self, table: int, number: int) -> None:
        found = [
            (bad.time_ms, slot, bad.offset)
            for slot, frames in self.frames.items()
            if slot >> PARTITION_BITS == table
            for bad in self._unused(slot, frames)
        ]
        self._ripe |= {(slot, offset) for _, slot, offset in sorted(found)[:number]}

    def take(
        self, offsets: dict[int, int], seen: Mapping[int, int], waiting: Iterable[Mapping[int, Iterable[Row]]]
    ) -> list[BadFrame]:
        """Records that are let go: ripe, and nothing before them waits any more.

        `offsets`, the next ones to commit, are moved past them and kept before those that are still held.
        """
        gone: list[BadFrame] = []
        for slot in sorted({slot for slot, _ in self._ripe}):
            held = self._first_waiting(slot, waiting)
            while (
                (bad := self._first(slot))
                and (slot, bad.offset) in self._ripe
                and not (held is not None and held < bad.offset)
            ):
                self.frames[slot].pop(0)
                self._ripe.discard((slot, bad.offset))
                offsets[slot] = max(offsets.get(slot, 0), seen[slot] if held is None else held)
                gone.append(bad)
        self.frames = {slot: frames for slot, frames in self.frames.items() if frames}
        for slot, frames in self.frames.items():
            if slot in offsets:
                offsets[slot] = min(offsets[slot], frames[0].offset)
        return gone

    def _first(self, slot: int) -> BadFrame | None:
        frames = self.frames.get(slot)
        return frames[0] if frames else None

    def _first_waiting(self, slot: int, waiting: Iterable[Mapping[int, Iterable[Row]]]) -> int | None:
        """Offset of the first row of the partition that waits."""
        rows = (row for held in waiting for rows in held.values() for row in rows)
        return min((row[OFFSET] for row in rows if self._base[row[TABLE]] | row[PARTITION] == slot), default=None)

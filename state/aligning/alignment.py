"""Alignment of one source: hold rows until their transaction is whole, release in commit order, drop repeats.

Three facts of Debezium on PostgreSQL carry it: the transaction topic's END names the commit's LSN and how many rows
each table gave; within one topic partition rows arrive in commit order; `source.sequence[0]` of a row is the LSN of
the commit before its own, so a row whose predecessor lies before the frontier repeats a transaction already released.
Per partition "released" is therefore always a prefix: the offset to commit is that of the first unreleased row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from state.aligning.ends import Ends
from state.aligning.large import Large, LargeRows
from state.aligning.pending import Pending
from state.aligning.slots import separate
from state.aligning.spoilt import INCOMPLETE_AFTER_MS, Spoilt
from state.overflow import OpenOverflow
from state.row import (
    FRAME,
    KEY,
    LSN,
    OFFSET,
    OP,
    PARTITION,
    SNAPSHOT,
    TABLE,
    TS_MS,
    TXID,
    BadFrame,
    End,
    Released,
    Row,
    Stalled,
)


class Alignment:
    """The aligner of one source. `tables`: captured table name -> table number, ignored ones included.

    `partitions`: table number -> partitions of its topic. `bases`: where each table's slots begin (`state/aligning/slots.py`).
    """

    def __init__(
        self,
        tables: dict[str, int],
        frontier: int,
        clock_ms: int,
        last_commit: Callable[[bytes], int | None],
        partitions: Mapping[int, int] | None = None,
        bases: list[int] | None = None,
    ) -> None:
        self._base = separate(tables.values()) if bases is None else bases
        self.frontier, self.clock_ms = frontier, clock_ms
        self._tables, self._last_commit = tables, last_commit
        self._pending = Pending(tables, self._base)
        self._after, self._loose = dict[int, list[Row]](), list[Row]()
        self.ends = Ends(frontier, clock_ms)
        self._held, self._last = self._pending.held, self._pending.last
        self._seen, self._dropped = dict[int, int](), dict[int, str]()
        self._spoilt = Spoilt(last_commit, partitions, self._base)
        #: whether a large transaction is the next to be released
        self.is_large_next = False
        self._bad, self._offsets = list[BadFrame](), dict[int, int]()

    @property
    def repeats(self) -> int:
        """Rows that were dropped because they had come before."""
        return self._pending.repeats

    @property
    def held(self) -> int:
        """Rows that wait for their transaction to become whole, and records whose transaction is not known."""
        return sum(self._held.values()) + len(self._spoilt)

    @property
    def ahead(self) -> dict[int, int]:
        """Slots that are read far enough for now; none while an END could not be read: then rows are looked for everywhere."""
        next_end = self.ends.queue[0].txid if self.ends.queue else None
        return {} if self.ends.spoilt else self._pending.ahead(next_end)

    def keep_elsewhere(self, rows_max: int, overflow: OpenOverflow) -> None:
        """Of a transaction of more than `rows_max` rows keep further ones where `overflow` opens a place: it is large."""
        self._pending.large = Large(self._base, rows_max, overflow)

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Take rows in the order of their partitions."""
        pending, held, seen, last = self._pending.rows, self._held, self._seen, self._last
        frontier, base = self.frontier, self._base
        for row in rows:
            slot = base[row[TABLE]] | row[PARTITION]
            seen[slot] = row[OFFSET] + 1
            if row[SNAPSHOT] or row[OP] == "t":
                self._add_loose(slot, row)
                continue
            if row[LSN] <= frontier and self._is_repeat(slot, row):
                continue
            held[slot] = held.get(slot, 0) + 1
            last[slot] = row
            rows_of = pending.get(row[TXID])
            if rows_of is None:
                pending[row[TXID]] = [row]
            else:
                rows_of.append(row)
        self._pending.relieve(rows)

    def _add_loose(self, slot: int, row: Row) -> None:
        """A row outside any transaction keeps its place in its partition: behind whatever is held there."""
        held = self._held.get(slot)
        if row[OP] == "t" and self._dropped.get(slot) == row[KEY]:
            self._drop(slot)  # the tombstone of a repeated delete
        elif row[OP] == "t" and held and self._last[slot][OP] == "d" and self._last[slot][KEY] == row[KEY]:
            self._drop(slot)  # the delete says it all; behind its transaction it would end a row that was made again
        elif held:
            self._held[slot] += 1
            self._after.setdefault(self._last[slot][TXID], []).append(row)
        else:
            self._loose.append(row)
            self._offsets[slot] = row[OFFSET] + 1
            self._spoilt.passed(slot, row[OFFSET])

    def _is_repeat(self, slot: int, row: Row) -> bool:
        """Whether the row belongs to a transaction at or below the frontier; then it is dropped."""
        before = self._last_commit(row[FRAME])
        if before is None or before >= self.frontier:
            return False
        self._dropped[slot] = row[KEY] if row[OP] == "d" else ""
        self._drop(slot)
        return True

    def _drop(self, slot: int) -> None:
        self._pending.repeats += 1
        if not self._held.get(slot):
            self._offsets[slot] = self._seen[slot]
            self._spoilt.passed(slot, self._seen[slot] - 1)

    def add_bad(self, bad: BadFrame) -> None:
        """A record of a row topic that could not be read; `take_bad` gives it when its place is passed."""
        slot = self._base[bad.table] | bad.partition
        self._seen[slot] = max(self._seen.get(slot, 0), bad.offset + 1)
        self._spoilt.add(slot, bad, self._offsets.get(slot, 0))

    def reach_end(self, table: int, partition: int) -> None:
        """The reader has everything that the partition holds."""
        slot = self._base[table] | partition
        self._spoilt.reach(slot, self._seen.get(slot, -1))

    def add_ends(self, ends: Iterable[End | int]) -> None:
        """Take ENDs (and, as bare offsets, events that mean nothing) in the order of the transaction topic."""
        self.ends.add(ends)

    def release(self) -> list[Released]:
        """Everything that is whole now, in commit order, up to a transaction that is large: then `is_large_next`."""
        out: list[Released] = []
        if self._loose:
            position = max(row[LSN] for row in self._loose) or self.frontier
            out.append(Released(position, max(row[TS_MS] for row in self._loose), self._loose, 0))
            self._loose = []
        self._release_whole(out, alone=False)
        return out

    def release_large(self) -> tuple[Released, LargeRows]:
        """The large transaction that is next: what `release` would give of another one, and its rows."""
        out, large = list[Released](), self._pending.large.of[self.ends.queue[0].txid]
        self._release_whole(out, alone=True)
        return out[0], large

    def _release_whole(self, out: list[Released], alone: bool) -> None:
        ends, spoilt = self.ends.queue, self.ends.spoilt
        self.is_large_next = False
        while ends and not (alone and out):
            end = ends[0]
            if spoilt and self.ends.is_doubtful and not self._release_orphans(end, out):
                break
            whole = self._pending.whole(end, self._is_over)
            if whole is None:
                break
            rows, missing, lacking = whole
            large = self._pending.large.of.get(end.txid)
            if large and not alone:
                self.is_large_next = True
                break
            self._pending.rows.pop(end.txid, None)
            ends.popleft()
            self.ends.offset = end.offset + 1
            self._bad += self.ends.passed(end) if spoilt else ()
            self.frontier, self.clock_ms = end.position, max(self.clock_ms, end.time_ms)
            rows = self._settle(end.txid, rows, large)
            if rows or missing or large:
                out.append(Released(end.position, self.clock_ms, rows, missing, True, tuple(lacking)))
        if self._spoilt.frames:
            before_ms = self.ends.newest_ms - INCOMPLETE_AFTER_MS
            self._spoilt.expire(min(before_ms, ends[0].time_ms - 1) if ends else before_ms)
            held = (self._pending.rows, self._after, self._pending.large.firsts())
            self._bad += self._spoilt.take(self._offsets, self._seen, held)

    def _is_over(self, end: End) -> bool:
        """Whether the missing rows can no longer come: the source has long gone on, and its partitions are read past them."""
        if self.ends.newest_ms - end.time_ms < INCOMPLETE_AFTER_MS:
            return False
        missing = {self._tables[name]: n for name, n in self._pending.missing(end).items()}
        return self._spoilt.explain(missing, end.position, self._seen, self._last)

    def _release_orphans(self, end: End, out: list[Released]) -> bool:
        """Release what lies before `end` and whose own END could not be read; False while more of it may come."""
        lost = self.ends.orphans(self._pending.rows, self._last_commit)
        if self.ends.newest_ms - end.time_ms < INCOMPLETE_AFTER_MS or not self._spoilt.is_settled(
            self._tables.values(), max(lost.values(), default=self.frontier) + 1, self._seen, self._last
        ):
            return False
        for txid in lost:
            found = self._pending.large.recall(txid, self._pending.rows[txid])
            rows = self._settle(txid, self._pending.distinct(txid, found, 0))
            del self._pending.rows[txid]
            out.append(Released(max(self.frontier, lost[txid] + 1), end.time_ms, rows, 0, has_end=False))
        return True

    def take_bad(self) -> list[BadFrame]:
        """Records that could not be read and whose place is passed, since the last call."""
        bad, self._bad = self._bad, []
        return bad

    def _settle(self, txid: int, rows: list[Row], large: LargeRows | None = None) -> list[Row]:
        """Move the offsets past released rows and append the loose rows that waited behind them."""
        held, offsets, base = self._held, self._offsets, self._base
        if large is not None:
            del self._pending.large.of[txid]
            for slot, (number, last) in large.slots.items():
                left = held[slot] = held[slot] - number
                offsets[slot] = last + 1 if left else self._seen[slot]
                self._spoilt.passed(slot, last)
        if self._after and (after := self._after.pop(txid, None)):
            rows = rows + after
        for row in rows:
            slot = base[row[TABLE]] | row[PARTITION]
            left = held[slot] = held[slot] - 1
            offsets[slot] = row[OFFSET] + 1 if left else self._seen[slot]
        if self._spoilt.frames:
            self._spoilt.release(rows)
        return rows

    def take_offsets(self) -> tuple[dict[int, int], int | None]:
        """Next offsets since the last call: {slot: offset} of row topics, and that of the transaction topic."""
        taken, self._offsets = self._offsets, {}
        return taken, self.ends.take_offset()

    def stalled(self) -> Stalled | None:
        """The oldest transaction that is not whole, with what it waits for; None if nothing waits."""
        end = self.ends.queue[0] if self.ends.queue else None
        return None if end is None else Stalled(end.txid, end.position, end.time_ms, self._pending.missing(end))

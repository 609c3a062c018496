"""The serial step where transactions may be large: such a one comes out in slices, each with whole accounts.

The rows of a large transaction are resolved together, like those of any other; then its changes are sorted by account.
A slice holds all that the transaction does to some accounts, so that no account is ever published half changed. Accounts
that rows leave for another one, or come to from elsewhere (moves, merges, rows that waited), are in the last slice: what
leaves has to be gone before it comes. Only this one has the position, the offsets and the clock: nothing is committed before.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from zlib import crc32

from state.aligning.large import LargeRows
from state.overflow import OpenOverflow
from state.resolving.moves import Remembered
from state.resolving.resolved import Resolved
from state.row import TABLE, Change, Release, Row, Transaction
from state.sequencer import Sequencer
from state.step import Batch, Step, ticked


class SlicingSequencer(Sequencer):
    """A sequencer that hands large transactions out in slices: while it is `busy`, batches are kept."""

    #: rows of a large transaction that are sorted in one call
    turn_rows = 2_000
    _slice_rows = 0
    _slices: Iterator[Step] | None = None
    _kept: Sequence[Batch] = ()

    def slice(self, rows_max: int, overflow: OpenOverflow) -> None:
        """Transactions of more rows are large; a slice is of about so many. `overflow` opens a place for each of them."""
        self._slice_rows = rows_max
        for alignment in self._alignments:
            alignment.keep_elsewhere(rows_max, overflow)

    @property
    def busy(self) -> bool:
        """Whether there is more to hand out of what was taken: then `advance` is to be called at once."""
        return self._slices is not None or bool(self._kept)

    def advance(self, batch: Batch) -> Step | None:
        """Take a batch, or hand out the next slice; None if nothing became whole and no offset moved."""
        if self._slices is not None:
            self._kept = [*self._kept, batch] if any(batch) or not self._kept else self._kept
            step = next(self._slices)
            if step.whole:
                self._slices = None
            return step
        if self._kept:
            batch, self._kept = _together(*self._kept, batch), ()
        found = super().advance(batch)
        large = (number for number, alignment in enumerate(self._alignments) if alignment.is_large_next)
        if (number := next(large, None)) is not None:
            self._slices = self._in_slices(number)
        return found

    def _in_slices(self, number: int) -> Iterator[Step]:
        """The steps of the large transaction that is next: sorting it, its slices, and the last one, which is whole."""
        released, large = self._alignments[number].release_large()
        behind = released.rows
        if not self._live:
            self._snapshots.count(number, behind, self._rows_of, self._identity.knows)
        sorting = _Sorting(large, self._of_partitions(number, behind), self._rows_of, self._slice_rows)
        placed = self._sources[number].name, released.position, released.time_ms
        found = Resolved()
        for _ in self._identity.resolve_large(sorting, placed, found, self.turn_rows):
            yield self._sort(sorting, found, whole=False)
        step = self._sort(sorting, found, whole=True)
        arriving = self._follow(number, released, found, len(sorting), step)
        self.moves.add(Remembered(released.position, released.time_ms, large.overflow))
        apart = {change.account for one in arriving for change in one.changes}
        apart |= {change.account for change in found.changes} | {merged.account for merged in found.merged}
        apart |= set(found.crossed)
        position = self._position()
        for changes in sorting.slices(apart):
            yield self._slice(Transaction(*placed, changes), ticked(position.clock_ms), position.frontier)
        per_shard: dict[int, list[Transaction]] = {}
        if found.changes:
            self.moves.add(Transaction(*placed, found.changes))
        if last := sorting.apart() + found.changes:
            self._router.split(Transaction(*placed, last), per_shard)
        for transaction in arriving:
            self._hand_out(transaction, per_shard)
        self._finish(step, per_shard)
        yield step

    def _sort(self, sorting: _Sorting, found: Resolved, whole: bool) -> Step:
        """Take away what was resolved so far."""
        step = Step(whole=whole)
        changes, found.changes = found.changes, []
        sorting.put(changes)
        self._aside.links(found.links, step.facts)
        found.links = []
        return step

    def _slice(self, transaction: Transaction, clock_ms: int, frontier: dict[str, int]) -> Step:
        step = Step(whole=False)
        per_shard: dict[int, list[Transaction]] = {}
        self._router.split(transaction, per_shard)
        for shard, transactions in per_shard.items():
            step.releases[shard] = Release(clock_ms, frontier, transactions, self._live, False, whole=False)
        return step


def _together(*batches: Batch) -> Batch:
    """Batches as one, in their order."""
    return Batch(*([item for items in kind for item in items] for kind in zip(*batches, strict=True)))


class _Sorting:
    """The rows of a large transaction in commit order, as often as they are asked for; and its changes by account."""

    def __init__(self, large: LargeRows, behind: list[Row], rows_of: Mapping[int, int], size: int) -> None:
        self._overflow = large.overflow
        self._behind = behind
        self._rows_of = rows_of
        self._rows = len(large) + len(behind)
        self._buckets = -(-self._rows // size)
        self._apart: list[tuple[int, Change]] = []

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[Row]:
        rows_of = self._rows_of
        for row in self._overflow.rows():
            yield (rows_of[row[TABLE]], *row[1:]) if row[TABLE] in rows_of else row
        yield from self._behind

    def put(self, changes: list[Change]) -> None:
        """Sort changes by account, behind those that are there."""
        buckets = self._buckets
        self._overflow.put((crc32(change[0].encode()) % buckets, change) for change in changes)

    def slices(self, apart: Container[str]) -> Iterator[list[Change]]:
        """All changes, each account's in one slice; those of the accounts `apart` are kept for the end."""
        for number in range(self._buckets):
            placed = self._overflow.bucket(number)
            self._apart += [one for one in placed if one[1][0] in apart]
            if changes := [change for _, change in placed if change[0] not in apart]:
                yield changes

    def apart(self) -> list[Change]:
        """Once the slices are through: what was kept for the end, in its order."""
        return [change for _, change in sorted(self._apart)]

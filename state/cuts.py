"""Puts the records of several partitions together to whole cuts: what one commit number published, complete.

The canonical flow publishes a cut in one Kafka transaction, but its records lie in many partitions and a reader gets
them partition by partition. A cut n is complete here when a *barrier* is passed: the end offsets of all partitions,
taken after n's progress record was seen, are reached by every partition. Records of later commits wait.
"""

from __future__ import annotations

from typing import NamedTuple

Partition = tuple[str, int]  # (topic, partition)


class Entry(NamedTuple):
    """One canonical record. `value` None is a tombstone; `object` is 'account', 'invoice', ... (the topic's last part)."""

    object: str
    key: str
    commit: int
    partition: int
    offset: int
    value: bytes | None


class Progress(NamedTuple):
    """What the progress record of a commit says: {source: position}, {source: commit time in ms}, published or not."""

    commit: int
    frontier: dict[str, int]
    clock_ms: dict[str, int]
    live: bool


class Cut(NamedTuple):
    """Everything up to `progress.commit` that was not handed out before, the last record of each key.

    `offsets`: the first offset of each partition that is not contained. `whole` is False for an overflow while the reader is
    far behind; the entries are right one by one but do not belong to one commit yet (`progress` is None).
    `highest`: the newest commit among all entries handed out so far.
    """

    entries: list[Entry]
    offsets: dict[Partition, int]
    progress: Progress | None
    highest: int

    @property
    def whole(self) -> bool:
        """True if the cut shows exactly what commit `progress.commit` left behind."""
        return self.progress is not None


class CutAssembler:
    """Collects entries and hands out whole cuts; memory is bounded by `held_bytes_max`, beyond it cuts are not whole."""

    def __init__(
        self, positions: dict[Partition, int], held_bytes_max: int, released: int = -1, highest: int = -1
    ) -> None:
        """`positions`: where reading starts. `released`: commit of the last whole cut; `highest`: newest commit handed out."""
        self._positions = dict(positions)
        self._held: dict[Partition, list[Entry]] = {partition: [] for partition in positions}
        self._held_bytes = 0
        self._held_bytes_max = held_bytes_max
        self._newest: Progress | None = None
        self._released = released
        self._highest = highest
        self._target: Progress | None = None
        self._missing: dict[Partition, int] = {}

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """Every partition that takes part."""
        return tuple(self._positions)

    @property
    def held_records(self) -> int:
        """Entries that wait for their cut."""
        return sum(map(len, self._held.values()))

    @property
    def expects(self) -> bool:
        """Whether a cut is on its way: something is held, or a commit is known whose records may still come."""
        return self._target is not None or self.wants_barrier or any(self._held.values())

    def add(self, partition: Partition, entry: Entry) -> None:
        """Take one record; offsets of a partition must come in rising order (AssertionError otherwise)."""
        assert entry.offset >= self._positions[partition], f"{partition} went back to {entry.offset}"
        self._held[partition].append(entry)
        self._held_bytes += len(entry.value or b"") + len(entry.key)
        self.reach(partition, entry.offset + 1)

    def progress(self, partition: Partition, offset: int, progress: Progress) -> None:
        """Take one progress record; one with an older commit than the newest is repeated history and only moves the offset."""
        if self._newest is None or progress.commit >= self._newest.commit:
            self._newest = progress
        self.reach(partition, offset + 1)

    def reach(self, partition: Partition, position: int) -> None:
        """Everything below `position` was read (an end-of-partition event skips transaction markers)."""
        if position > self._positions[partition]:
            self._positions[partition] = position
        if self._missing.get(partition, position + 1) <= position:
            del self._missing[partition]

    @property
    def wants_barrier(self) -> bool:
        """True when a commit is known that may end the next cut and no barrier is set for it.

        It must be newer than the last whole cut, and not older than anything handed out by an overflow.
        """
        newest = self._newest.commit if self._newest else -1
        return self._target is None and newest > self._released and newest >= self._highest

    def barrier(self, ends: dict[Partition, int]) -> None:
        """Set the end offsets of all partitions, taken after the newest progress record was seen."""
        assert self._newest is not None, "a barrier needs a commit that it stands for"
        self._target = self._newest
        self._missing = {p: end for p, end in ends.items() if self._positions[p] < end}

    def take(self) -> Cut | None:
        """The next cut if one is complete, a part of one if too much is held, else None."""
        if self._target is not None and not self._missing:
            target, self._target = self._target, None
            self._released = target.commit
            return self._release(target)
        if self._held_bytes > self._held_bytes_max:
            self._target = None
            return self._release(None)
        return None

    def _release(self, target: Progress | None) -> Cut:
        """Hand out entries up to the target's commit (all without one), the last of each key and partition."""
        last: dict[tuple[str, str, int], Entry] = {}
        offsets = dict(self._positions)
        for partition, entries in self._held.items():
            kept = 0
            for entry in entries:
                if target is not None and entry.commit > target.commit:
                    break
                last[entry.object, entry.key, entry.partition] = entry
                self._held_bytes -= len(entry.value or b"") + len(entry.key)
                self._highest = max(self._highest, entry.commit)
                kept += 1
            del entries[:kept]
            if entries:
                offsets[partition] = entries[0].offset
        return Cut(list(last.values()), offsets, target, self._highest)

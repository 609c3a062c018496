"""Steps between the sequencer and the commit: several may be under way at once, and they are written whole and in order.

Reader, sequencer and sink are on one worker, and so is this. The shards may be elsewhere and run ahead of one another: what
they make of a step is kept until all of it is there and every step before it is written. A cut is a number of whole steps,
whatever the engine's epochs are: these would let the shards of other processes wait for the slowest one after each of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from dataflows.encode import ShardRecords
from state.step import Step

#: so many steps may be under way before nothing more is read: enough that no process waits for another one's next step
STEPS_MAX: Final = 4
#: so many full polls one after the other are a backlog
BACKLOG_POLLS: Final = 3


class _Underway:
    """A step that is not written yet, and what came of it; `missing` shards have still to say what they made of it."""

    __slots__ = ("missing", "records", "step")

    def __init__(self, step: Step, missing: int) -> None:
        self.step, self.missing = step, missing
        self.records: list[ShardRecords] = []


class Flight:
    """Numbers steps from 1. Not thread-safe: all of it happens on the engine's thread of one worker."""

    def __init__(self) -> None:
        """Nothing under way, nothing committed."""
        self._underway: deque[_Underway] = deque()
        self._written = 0
        #: the last step of the newest cut
        self.committed = 0
        self._full_polls = 0
        #: asked before each read; a writer that has something to commit puts itself here
        self.look: Callable[[], None] = lambda: None

    @property
    def number(self) -> int:
        """Of the step that comes next."""
        return self._written + len(self._underway) + 1

    @property
    def full(self) -> bool:
        """Whether enough is under way."""
        return len(self._underway) >= STEPS_MAX

    def polled(self, full: bool) -> None:
        """The reader has polled, and has got as much as it may or less."""
        self._full_polls = self._full_polls + 1 if full else 0

    @property
    def behind(self) -> bool:
        """Whether there is a backlog, and not just what has come during a pause."""
        return self._full_polls >= BACKLOG_POLLS

    @property
    def ready(self) -> bool:
        """Whether a step can be written."""
        return bool(self._underway) and not self._underway[0].missing

    def may_read(self) -> bool:
        """Let the writer commit what is due; whether more is to be read."""
        self.look()
        return not self.full

    def begin(self, step: Step) -> None:
        """A step leaves the sequencer; as many shards as it has releases will say what they made of it."""
        self._underway.append(_Underway(step, len(step.releases)))

    def arrive(self, number: int, records: ShardRecords) -> None:
        """A shard has made its part of step `number`."""
        one = self._underway[number - self._written - 1]
        one.records.append(records)
        one.missing -= 1

    def whole(self) -> Iterator[tuple[Step, list[ShardRecords]]]:
        """Steps that are whole and have only whole ones before them, in their order; each is written when the next is asked for."""
        while self.ready:
            one = self._underway.popleft()
            self._written += 1
            yield one.step, one.records

    def commit(self) -> None:
        """All that is written is in a cut."""
        self.committed = self._written

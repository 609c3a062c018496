"""The waiting lines of all targets: who may be tried, who holds which target object, who is kept back by what. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from state.correcting.book import Book
from state.correcting.correction import Correction, Intent, State
from state.correcting.lane import Lane, Promise
from state.correcting.late import OVER

#: states in which a write may begin, and in which only looking settles it
READY = frozenset({State.PLANNED, State.APPROVED})
LOOK = frozenset({State.UNKNOWN, State.ACKNOWLEDGED})


def is_late(correction: Correction) -> bool:
    """Whether it is over, and looked after."""
    return correction.late_looks > 0 and correction.state in OVER


def keeps_place(correction: Correction) -> bool:
    """Whether its target object stays its own: under way, or in doubt, also while it waits to be sent again.

    Another write in between would hide that the first request did arrive, and sending again would be a second effect.
    """
    again = correction.state in READY and correction.doubted and correction.intent.mode != "observe"
    return again or correction.state is State.SENDING or correction.state in LOOK


class Lanes:
    """Corrections of the book, by the target that they wait for."""

    def __init__(self, promises: Mapping[str, Promise], book: Book) -> None:
        self._lanes = {target: Lane(promise) for target, promise in promises.items()}
        self._book = book
        #: correction -> the hold, or the cap, that keeps it from beginning; and the other way round
        self._held: dict[str, str] = {}
        self._kept_back: defaultdict[str, list[str]] = defaultdict(list)

    def __iter__(self) -> Iterator[Lane]:
        """Every lane."""
        return iter(self._lanes.values())

    def of(self, correction: Correction) -> Lane:
        """The lane of its target."""
        return self._lanes[correction.intent.target]

    def tier(self, target: str) -> str:
        """What the target promises; empty for one that is not there."""
        lane = self._lanes.get(target)
        return lane.promise.tier if lane else ""

    def can_write(self, intent: Intent) -> bool:
        """Whether its target is there and knows such objects."""
        lane = self._lanes.get(intent.target)
        return lane is not None and intent.object in lane.promise.resources

    def has_work(self, correction: Correction) -> bool:
        """Whether there is something to send or to look at, as far as it is not kept back."""
        ready = correction.state in READY and correction.id not in self._held and correction.intent.mode != "observe"
        return ready or correction.state in LOOK or is_late(correction)

    def line_up(self, correction: Correction) -> None:
        """Let it wait for its turn."""
        if self.has_work(correction) and self.can_write(correction.intent):
            self.of(correction).wait(correction.id, correction.retry_at_ms)

    def hold_doubt(self, correction: Correction) -> None:
        """After a restart an object stays held by the correction that is in doubt on it."""
        if keeps_place(correction) and self.can_write(correction.intent):
            lane = self.of(correction)
            lane.hold(lane.promise.place(correction), correction.id)

    def release(self, correction: Correction) -> None:
        """Give its target object back; who waited behind it lines up."""
        if not self.can_write(correction.intent):
            return
        lane = self.of(correction)
        for name in lane.release(lane.promise.place(correction), correction.id):
            if (behind := self._book.get(name)) is not None:
                self.line_up(behind)

    def keep_back(self, correction: Correction, hold: str) -> None:
        """Let it not begin before the hold ends."""
        self._held[correction.id] = hold
        self._kept_back[hold].append(correction.id)

    def let_go(self, hold: str) -> None:
        """The hold has ended: what it kept back lines up again."""
        for name in self._kept_back.pop(hold, ()):
            self._held.pop(name, None)
            if (known := self._book.get(name)) is not None:
                self.line_up(known)

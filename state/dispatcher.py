"""Which correction may be sent when: serial per target object, bounded per target, a slow target delays only itself.

Pure. The caller feeds intents, results and the time, publishes `changed`, and hands `jobs` to the senders only after
what was published is durable: that is how SENDING(n) is on record before the first byte leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from state import correction as c
from state.correction import Correction, Event, Intent, State
from state.lane import Lane, Promise
from state.lifecycle import advance

#: Jobs: write the desired value, or only look whether the target shows it.
WRITE, READ_BACK = "write", "read-back"
_READY = frozenset({State.PLANNED, State.APPROVED})
_LOOK = frozenset({State.UNKNOWN, State.ACKNOWLEDGED})


class Job(NamedTuple):
    """One piece of work for a sender. `may_repeat`: what a read-back that does not show the value may lead to."""

    kind: str
    correction: Correction
    may_repeat: bool


class Dispatcher:
    """All corrections of the flow and their order of sending."""

    def __init__(self, promises: Mapping[str, Promise], caps: Mapping[str, int]) -> None:
        """`promises` by target; `caps`: how many corrections of each ownership rule this run may begin."""
        self._lanes = {target: Lane(promise) for target, promise in promises.items()}
        self._caps = caps
        self._open: dict[str, Correction] = {}
        self._settled: dict[str, State] = {}
        self._flying: dict[str, Job] = {}
        self._started: Counter[str] = Counter()
        self._capped: set[str] = set()
        self.counts: Counter[tuple[str, str]] = Counter()
        self._changed: list[Correction] = []
        self._jobs: list[Job] = []

    def restore(self, corrections: Iterable[Correction], now_ms: int) -> None:
        """Take the state back at a start: what was being sent is in doubt now, and is read back before anything else."""
        for correction in corrections:
            self._keep(None, correction)
            if correction.state is State.SENDING:
                correction = self._advance(correction, c.Restarted(), now_ms)
            self._hold_doubt(correction)
            self._line_up(correction)

    def intent(self, intent: Intent, now_ms: int) -> None:
        """One record of the intents topic. Settling intents, and the end of unknown ones, ask for nothing."""
        known = self._open.get(intent.id)
        if intent.state == "wanted":
            if known is not None:
                self._advance(known, c.Wanted(intent), now_ms)
            elif self._settled.get(intent.id) is not State.VERIFIED:
                self._plan(intent, now_ms)
        elif intent.state in ("seen", "withdrawn") and known is not None and known.intent.state != intent.state:
            self._advance(known, c.Seen() if intent.state == "seen" else c.Withdrawn(), now_ms)

    def tombstone(self, correction_id: str, now_ms: int) -> None:
        """The intent's record was removed: the same as withdrawn."""
        known = self._open.get(correction_id)
        if known is not None and known.wanted:
            self._advance(known, c.Withdrawn(), now_ms)

    def decide(self, correction_id: str, event: c.Approved | c.Rejected, now_ms: int) -> None:
        """A person's decision. Raises KeyError for a correction that is not open."""
        self._advance(self._open[correction_id], event, now_ms)

    def result(self, correction_id: str, events: Iterable[Event], now_ms: int) -> None:
        """What a sender reports for its job; events that come after capture has settled the case are dropped."""
        job = self._flying.pop(correction_id)
        lane = self._lanes[job.correction.intent.target]
        lane.flying -= 1
        for event in events:
            if isinstance(event, c.NotApplied | c.ReadFailed) and event.retry_after_ms is not None:
                lane.pause(now_ms + event.retry_after_ms)
            current = self._open.get(correction_id)
            if current is not None and (current.state is State.SENDING or current.state in _LOOK):
                self._advance(current, event, now_ms)
        current = self._open.get(correction_id)
        if current is None or current.state not in _LOOK:
            self._release(job.correction)

    def start(self, now_ms: int) -> None:
        """Begin what is due: publishes SENDING(n) and lines up its job behind it."""
        for lane in self._lanes.values():
            while (name := lane.next_due(now_ms)) is not None:
                correction = self._open.get(name)
                if correction is None or name in self._flying or correction.retry_at_ms > now_ms:
                    continue
                if self._has_work(correction) and lane.hold(lane.promise.place(correction), name):
                    self._begin(lane, correction, now_ms)

    def drain(self) -> tuple[list[Correction], list[Job]]:
        """What to publish and, once that is durable, what to do."""
        drained = self._changed, self._jobs
        self._changed, self._jobs = [], []
        return drained

    @property
    def flying(self) -> int:
        """Jobs that have been handed out and not come back."""
        return len(self._flying)

    def _plan(self, intent: Intent, now_ms: int) -> None:
        lane = self._lanes.get(intent.target)
        planned = Correction(intent, tier=lane.promise.tier if lane else "", retry_at_ms=now_ms, updated_ms=now_ms)
        if gone := self._settled.pop(intent.id, None):
            self.counts[gone.value, intent.target] -= 1
        self._record(None, planned)
        if intent.rule not in self._caps:
            reason = f"no ownership rule is called {intent.rule!r}. Next step: restart dispatch with the rules that canonical uses"
            self._advance(planned, c.Refused("NO_RULE", reason), now_ms)
        elif lane is None or intent.object not in lane.promise.resources:
            reason = f"no target {intent.target!r} that can write {intent.object!r} is configured. Next step: check the rule's target"
            self._advance(planned, c.Refused("NO_TARGET", reason), now_ms)
        elif intent.mode == "propose":
            self._advance(planned, c.Proposed(), now_ms)
        else:
            self._line_up(planned)

    def _begin(self, lane: Lane, correction: Correction, now_ms: int) -> None:
        """Hand out the job of a correction that holds its target object."""
        kind = READ_BACK if correction.state in _LOOK else WRITE
        if kind == WRITE:
            if not self._within_cap(correction):
                self._cap(correction, now_ms)
                return
            correction = self._advance(correction, c.Send(lane.promise.tier), now_ms)
        job = Job(kind, correction, lane.promise.may_repeat(correction, now_ms))
        self._flying[correction.id] = job
        self._jobs.append(job)
        lane.flying += 1

    def _within_cap(self, correction: Correction) -> bool:
        """Count first attempts per rule in this run."""
        if correction.attempt == 0:
            self._started[correction.intent.rule] += 1
        return correction.attempt > 0 or self._started[correction.intent.rule] <= self._caps.get(
            correction.intent.rule, 0
        )

    def _cap(self, correction: Correction, now_ms: int) -> None:
        """Beyond the cap a correction stays planned until the next run, and says so."""
        self._capped.add(correction.id)
        reason = (
            f"rule {correction.intent.rule} has begun as many corrections in this run as its cap allows "
            f"({self._caps.get(correction.intent.rule, 0)}). Next step: check them, then restart dispatch or raise the cap"
        )
        self._release(self._advance(correction, c.Capped(reason), now_ms))

    def _has_work(self, correction: Correction) -> bool:
        ready = correction.state in _READY and correction.id not in self._capped and correction.intent.mode != "observe"
        return ready or correction.state in _LOOK

    def _line_up(self, correction: Correction) -> None:
        lane = self._lanes.get(correction.intent.target)
        if lane is not None and self._has_work(correction):
            lane.wait(correction.id, correction.retry_at_ms)

    def _hold_doubt(self, correction: Correction) -> None:
        """After a restart an object stays held by the correction that is in doubt on it."""
        lane = self._lanes.get(correction.intent.target)
        if lane is not None and correction.state in _LOOK:
            lane.hold(lane.promise.place(correction), correction.id)

    def _release(self, correction: Correction) -> None:
        lane = self._lanes[correction.intent.target]
        for name in lane.release(lane.promise.place(correction), correction.id):
            if (behind := self._open.get(name)) is not None:
                self._line_up(behind)

    def _advance(self, correction: Correction, event: Event, now_ms: int) -> Correction:
        after = advance(correction, event, now_ms)
        self._record(correction, after)
        if after.state is State.PLANNED and after.intent.mode == "propose":
            return self._advance(after, c.Proposed(), now_ms)
        if correction.state in _LOOK and after.state not in _LOOK and after.id not in self._flying:
            self._release(after)
        self._line_up(after)
        return after

    def _record(self, before: Correction | None, after: Correction) -> None:
        self._keep(before, after)
        self._changed.append(after)

    def _keep(self, before: Correction | None, after: Correction) -> None:
        """Keep what is open; of what can never be sent again only the name stays in memory."""
        if before is not None:
            self.counts[before.state.value, before.intent.target] -= 1
        self.counts[after.state.value, after.intent.target] += 1
        proven = after.state is State.VERIFIED and after.proof == "capture"
        if proven or (after.state is State.SUPERSEDED and after.attempt == 0):
            self._open.pop(after.id, None)
            self._settled[after.id] = after.state
        else:
            self._open[after.id] = after

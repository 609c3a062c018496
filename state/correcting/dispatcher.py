"""Which correction may be sent when: serial per target object, bounded per target, a slow target delays only itself.

Pure. The caller feeds intents, decisions, results and the time, publishes what `drain` gives, and hands the jobs to the
senders only after what was published is durable: that is how SENDING(n) is on record before the first byte leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from state.correcting import correction as c
from state.correcting.book import KEEP_MS, Book
from state.correcting.correction import Correction, Event, Intent, State
from state.correcting.decision import APPROVE, RESUME, STOP, SWITCH, Decision
from state.correcting.desk import Desk, answer
from state.correcting.hold import MASS_CHANGE, WRITE_BRAKE, Hold
from state.correcting.lane import Lane, Promise
from state.correcting.lanes import LOOK, READY, Lanes, is_late, keeps_place
from state.correcting.policy import Policy
from state.correcting.unsendable import by_configuration, no_route, no_rule, no_target

#: Jobs: write the desired value, only look whether the target shows it, or look for what late requests have left.
WRITE, READ_BACK, TIDY = "write", "read-back", "tidy"
#: reason for not beginning that ends with the run
_CAP = "cap"
_PERSON = frozenset({State.PROPOSED, State.REFUSED, State.REJECTED})


class Job(NamedTuple):
    """One piece of work for a sender. `may_repeat`: what a read-back that does not show the value may lead to."""

    kind: str
    correction: Correction
    may_repeat: bool


class Dispatcher:
    """All corrections of the flow and their order of sending."""

    def __init__(self, promises: Mapping[str, Promise], policy: Policy, keep_ms: int = KEEP_MS) -> None:
        """`promises` by target; `keep_ms`: how long records of ended corrections stay."""
        self.policy = policy
        self._desk = Desk(policy)
        self._book = Book(keep_ms)
        self._lanes = Lanes(promises, self._book)
        self._flying: dict[str, Job] = {}
        self._jobs: list[Job] = []

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """How many corrections there are by (state, target)."""
        return self._book.counts

    @property
    def flying(self) -> int:
        """Jobs that have been handed out and not come back."""
        return len(self._flying)

    def restore(self, corrections: Iterable[Correction], now_ms: int, holds: Iterable[Hold] = ()) -> None:
        """Take the state back at a start: what was being sent is in doubt now, and is read back before anything else."""
        known = list(corrections)
        placed = [(one, self._lanes.of(one).promise.place(one)) for one in known if self._lanes.can_write(one.intent)]
        self.policy.restore(holds, placed)
        for correction in known:
            correction = replace(correction, intent=self.policy.strict(correction.intent))
            self._book.restore(correction)
            if by_configuration(correction) and correction.wanted:
                self._plan(self._book.take_back(correction).intent, now_ms)
                continue
            if correction.state is State.SENDING:
                correction = self._advance(correction, c.Restarted(), now_ms)
            elif correction.state in READY and not self.policy.knows(correction.intent.rule):
                correction = self._advance(correction, no_rule(correction.intent), now_ms)
            self._lanes.hold_doubt(self._next(correction, now_ms))

    def intent(self, intent: Intent, now_ms: int) -> None:
        """One record of the intents topic. Settling intents, and the end of unknown ones, ask for nothing."""
        known = self._book.get(intent.id)
        if intent.state == "wanted":
            intent = self.policy.strict(intent)
            if known is not None and self.policy.leads_elsewhere(known, intent):
                self._advance(known, c.Withdrawn(), now_ms)
                known = self._book.get(intent.id)
            if known is not None:
                self._advance(known, c.Wanted(replace(intent, target=known.intent.target)), now_ms)
            elif not self._book.has_verified(intent.id):
                self._plan(intent, now_ms)
        elif intent.state in ("seen", "withdrawn") and known is not None and known.intent.state != intent.state:
            self._advance(known, c.Seen() if intent.state == "seen" else c.Withdrawn(), now_ms)

    def tombstone(self, correction_id: str, now_ms: int) -> None:
        """The intent's record was removed: the same as withdrawn."""
        known = self._book.get(correction_id)
        if known is not None and known.wanted:
            self._advance(known, c.Withdrawn(), now_ms)

    def decide(self, decision: Decision, now_ms: int) -> None:
        """A person's decision; one that is about nothing that waits changes nothing."""
        if decision.subject == SWITCH:
            if decision.verb == STOP:
                self.policy.stop(decision.by, decision.reason, now_ms)
            elif decision.verb == RESUME:
                self._release_hold(SWITCH)
            return
        members = sorted(self._book.groups.get(decision.subject, ()))
        for name in members or [decision.subject]:
            if (known := self._book.get(name)) is not None and known.state in _PERSON:
                event = self._desk.by_person(known, decision, now_ms) or answer(known, decision)
                if isinstance(event, c.Void) and members and event.code == "STATE_MOVED":
                    continue  # it joined the group, or moved, after the person looked
                if event is not None:
                    self._advance(known, event, now_ms)
        hold = self.policy.holds.get(decision.subject)
        if hold is not None and hold.kind == WRITE_BRAKE and decision.verb == APPROVE:
            self._release_hold(hold.id)

    def result(self, correction_id: str, events: Iterable[Event], now_ms: int) -> None:
        """What a sender reports for its job; events that come after capture has settled the case are dropped."""
        job = self._flying.pop(correction_id)
        lane = self._lanes.of(job.correction)
        lane.flying -= 1
        for event in events:
            if isinstance(event, c.NotApplied | c.ReadFailed) and event.retry_after_ms is not None:
                lane.pause(now_ms + event.retry_after_ms)
            current = self._book.get(correction_id)
            if current is None:
                break
            if is_late(current) if job.kind == TIDY else current.state is State.SENDING or current.state in LOOK:
                self._advance(current, event, now_ms)
        current = self._book.get(correction_id)
        if current is None or not keeps_place(current):
            self._lanes.release(job.correction)
        if current is not None and job.kind == TIDY:
            self._lanes.line_up(current)  # it may have been wanted again meanwhile

    def start(self, now_ms: int) -> None:
        """End what ran out, then begin what is due: publishes SENDING(n) and lines up its job behind it."""
        for ending in self._desk.due(now_ms):
            known = self._book.get(ending)
            if known is not None and (event := self._desk.ended(known, now_ms)) is not None:
                self._advance(known, event, now_ms)
        self._book.forget(now_ms)
        for lane in self._lanes:
            while (name := lane.next_due(now_ms)) is not None:
                correction = self._book.get(name)
                if correction is None or name in self._flying or correction.retry_at_ms > now_ms:
                    continue
                if self._lanes.has_work(correction) and lane.hold(lane.promise.place(correction), name):
                    self._begin(lane, correction, now_ms)
        for hold_id, hold in list(self.policy.holds.items()):
            if hold.kind == MASS_CHANGE and not self._book.groups.get(hold_id):
                self.policy.release(hold_id)

    def drain(self) -> tuple[list[Correction], list[Job]]:
        """What to publish and, once that is durable, what to do."""
        jobs, self._jobs = self._jobs, []
        return self._book.drain(), jobs

    def drain_removed(self) -> list[tuple[str, str]]:
        """(correction id, account id) of records that have been kept long enough."""
        return self._book.drain_removed()

    def _plan(self, intent: Intent, now_ms: int) -> None:
        target = self.policy.route(intent)
        if target is not None and target != intent.target:
            intent = replace(intent, target=target)
        planned = self._book.plan(intent, self._lanes.tier(intent.target), now_ms)
        if not self.policy.knows(intent.rule):
            self._advance(planned, no_rule(intent), now_ms)
        elif target is None:
            self._advance(planned, no_route(intent), now_ms)
        elif not self._lanes.can_write(intent):
            self._advance(planned, no_target(intent), now_ms)
        elif intent.mode == "auto" and (hold := self.policy.arrived(intent, now_ms)) is not None:
            begun = bool(self._book.groups.get(hold.id))
            self._gather(hold, [planned] if begun else list(self._book.of_rule(intent.rule)), now_ms)
        else:
            self._next(planned, now_ms)

    def _gather(self, hold: Hold, found: Iterable[Correction], now_ms: int) -> None:
        """What a rule that found too many differences has not begun yet waits as one group."""
        for one in found:
            if one.state is State.PLANNED and one.attempt == 0 and one.intent.mode == "auto":
                self._desk.watch(self._book.advance(one, self._desk.by_mass(one, hold, now_ms), now_ms))

    def _begin(self, lane: Lane, correction: Correction, now_ms: int) -> None:
        """Hand out the job of a correction that holds its target object."""
        kind = TIDY if is_late(correction) else READ_BACK if correction.state in LOOK else WRITE
        if kind == TIDY and self.policy.is_stopped:
            self._hold_back(correction, SWITCH)
            return
        if kind == WRITE:
            if self._keeps_back(lane, correction, now_ms):
                return
            correction = self._advance(correction, c.Send(lane.promise.tier), now_ms)
        job = Job(kind, correction, lane.promise.may_repeat(correction, now_ms))
        self._flying[correction.id] = job
        self._jobs.append(job)
        lane.flying += 1

    def _keeps_back(self, lane: Lane, correction: Correction, now_ms: int) -> bool:
        """Whether the switch, the brake or the cap keeps a write from beginning; then it says so and gives way."""
        if not self.policy.knows(correction.intent.rule):  # its rule went away while it was in doubt
            self._lanes.release(self._advance(correction, no_rule(correction.intent), now_ms))
            return True
        if self.policy.is_stopped:
            self._hold_back(correction, SWITCH)
            return True
        if (reason := self.policy.may_begin(correction)) is not None:
            self._hold_back(correction, _CAP, c.Held("CAP_REACHED", reason), now_ms)
            return True
        if (hold := self.policy.braked(correction, lane.promise.place(correction), now_ms)) is not None:
            self._hold_back(correction, hold.id, c.Held(hold.kind, hold.text), now_ms)
            return True
        return False

    def _hold_back(self, correction: Correction, hold: str, event: c.Held | None = None, now_ms: int = 0) -> None:
        self._lanes.keep_back(correction, hold)
        if event is not None and correction.reason != event.reason:
            correction = self._advance(correction, event, now_ms)
        if not keeps_place(correction):
            self._lanes.release(correction)

    def _release_hold(self, hold_id: str) -> None:
        self.policy.release(hold_id)
        self._lanes.let_go(hold_id)

    def _advance(self, correction: Correction, event: Event, now_ms: int) -> Correction:
        after = self._next(self._book.advance(correction, event, now_ms), now_ms)
        if keeps_place(correction) and not keeps_place(after) and after.id not in self._flying:
            self._lanes.release(after)
        return after

    def _next(self, correction: Correction, now_ms: int) -> Correction:
        """A proposal, where a person must decide; else its place in the line."""
        proposal: c.Proposed | None = None
        if correction.state is State.PLANNED and correction.intent.mode == "propose":
            proposal = self._desk.by_mode(correction, now_ms)
        elif correction.state is State.REFUSED:
            proposal = self._desk.by_refusal(correction, now_ms)
        if proposal is not None:
            correction = self._book.advance(correction, proposal, now_ms)
        self._desk.watch(correction)
        self._lanes.line_up(correction)
        return correction

"""One correction from PLANNED to its end at a real target, on a clock of its own: pauses take no time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.targets.protocol import Target
from connectors.targets.sender import work
from state.correcting import correction as c
from state.correcting.correction import Correction, Event, Intent, State
from state.correcting.dispatcher import READ_BACK, TIDY, WRITE, Job
from state.correcting.lifecycle import advance

ROUNDS_MAX = 40
CIRCUIT_OPEN = "CIRCUIT_OPEN"
START_MS = 1_700_000_000_000
_WRITING, _LOOKING = frozenset({State.PLANNED, State.APPROVED}), frozenset({State.UNKNOWN, State.ACKNOWLEDGED})


@dataclass
class Story:
    """What became of a correction: every event in order, and the time that its pauses would have taken."""

    correction: Correction
    events: list[Event] = field(default_factory=list)
    now_ms: int = START_MS

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.correction.state

    @property
    def code(self) -> str | None:
        """Why it stands there."""
        return self.correction.code

    def codes(self) -> set[str]:
        """The codes of all writes that were not applied."""
        return {event.code for event in self.events if isinstance(event, c.NotApplied)}

    def step(self, target: Target) -> bool:
        """Do the next job as dispatch would; False when there is none."""
        one = self.correction
        self.now_ms = max(self.now_ms, one.retry_at_ms)
        if one.state in _WRITING:
            one = advance(one, c.Send(target.promise.tier), self.now_ms)
            job = Job(WRITE, one, target.promise.may_repeat(one, self.now_ms))
        elif one.state in _LOOKING:
            job = Job(READ_BACK, one, target.promise.may_repeat(one, self.now_ms))
        else:
            return False
        for event in work(target, job):
            self.events.append(event)
            one = advance(one, event, self.now_ms)
        self.correction = one
        return True

    def look_after(self, target: Target) -> int:
        """The looks after the end, each at its time; returns how many there were."""
        looks = 0
        while self.correction.late_looks and looks < ROUNDS_MAX:
            looks += 1
            self.now_ms = max(self.now_ms, self.correction.retry_at_ms)
            for event in work(target, Job(TIDY, self.correction, False)):
                self.events.append(event)
                self.correction = advance(self.correction, event, self.now_ms)
        return looks

    def settle(self, target: Target) -> Story:
        """Go on until it ends or a person is needed. Only an open breaker is waited for in real time."""
        rounds = 0
        while rounds < ROUNDS_MAX:
            if not self.step(target):
                return self
            if CIRCUIT_OPEN in (self.code, self._last_code()):
                time.sleep(0.02)
            else:
                rounds += 1
        raise AssertionError(f"not settled in {ROUNDS_MAX} rounds: {self.state} {self.code} {self.correction.reason}")

    def _last_code(self) -> str | None:
        last = self.events[-1]
        return last.reason.partition(":")[0] if isinstance(last, c.ReadFailed) else None


def told(
    name: str,
    target: str,
    object_name: str,
    object_id: str,
    account: str,
    desired: Mapping[str, str],
    current: Mapping[str, str] | None,
) -> Story:
    """The story of a new correction; `current` is what the view saw (None: the target lacks the object)."""
    intent = Intent(
        id=name,
        state="wanted",
        rule="rule",
        target=target,
        object=object_name,
        object_id=object_id,
        account_id=account,
        desired=desired,
        current=current,
        target_ref=None,
        positions={},
        since_ms=0,
        risk_minor=None,
        risk_currency=None,
        mode="auto",
        team="finance",
    )
    return Story(Correction(intent))

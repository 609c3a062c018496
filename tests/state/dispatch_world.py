"""A world for the planner without I/O: a target that keeps count of effects, a log of what was made durable, crashes.

A request may arrive, arrive late (even after the process that sent it is gone), or never; an answer may be lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from state.correcting import correction as c
from state.correcting.correction import Correction, Event, Intent
from state.correcting.correction_record import correction_from, correction_record
from state.correcting.dispatcher import READ_BACK, TIDY, Dispatcher, Job
from state.correcting.lane import Promise
from state.correcting.policy import Policy
from state.rules import Rule, Rules

PROMISES = {
    "A": Promise("A", 4, {"invoice": "invoices"}, 3_600_000, True),
    "B": Promise("B", 4, {"invoice": "invoices"}, None, True),
    "C": Promise("C", 4, {"invoice": "invoices"}, None, False),
}
#: a request that has not arrived after this time never does; the last look comes later than that
LATEST_MS = 800_000


def policy(cap: int = 1000, **changes: Any) -> Policy:
    """One rule called `rule`; `changes` of it, or the whole file's `brake`."""
    whole = {name: changes.pop(name) for name in ("brake",) if name in changes}
    population = changes.pop("population", None)
    rule = Rule("rule", "invoice", "billing", "erp", 0, "auto", cap, "finance", **changes)
    return Policy(Rules(1, ("none", "standard"), "finance", (rule,), **whole), population)


def wanted(number: int, **changes: Any) -> Intent:
    """A wanted intent for one invoice."""
    text = f"I-{number}"
    made = Intent(
        f"id-{number}",
        "wanted",
        "rule",
        "erp",
        "invoice",
        text,
        "A-1",
        {"total": f"{number}.00"},
        None,
        None,
        {},
        0,
        None,
        None,
        "auto",
        "finance",
    )
    return replace(made, **changes)


class FakeTarget:
    """Rows by object id with a version; a key store on tier A. On tier B a request for a row that has changed leaves a stray."""

    def __init__(self, tier: str) -> None:
        self.tier = tier
        self.rows: dict[str, Mapping[str, str]] = {}
        self.versions: Counter[str] = Counter()
        self.effects: Counter[str] = Counter()
        self.strays: Counter[str] = Counter()

    def apply(self, one: Correction, version: int) -> bool:
        """Carry a request out unless its key is known or its version is not the row's; whether it is there now."""
        place = one.intent.object_id
        if self.tier == "A" and self.effects[one.id]:
            return True
        if self.tier != "C" and self.versions[place] != version:
            self.strays[one.id] += self.tier == "B"
            return False
        self.rows[place] = one.intent.desired
        self.versions[place] += 1
        self.effects[one.id] += 1
        return True

    def shows(self, one: Correction) -> bool:
        """Whether the row shows the desired fields."""
        return self.rows.get(one.intent.object_id) == one.intent.desired


class World:
    """The flow around the planner: publish, then send; a crash forgets everything that was not published."""

    def __init__(self, tier: str = "A", cap: int = 1000) -> None:
        self.target = FakeTarget(tier)
        self.promises = {"erp": PROMISES[tier]}
        self.cap = cap
        self.now_ms = 1_000_000
        self.log: dict[str, Correction] = {}
        self.history: list[tuple[str, str]] = []
        self.intents: list[Intent] = []
        self.committed = 0
        self.read = 0
        self.jobs: list[Job] = []
        self.late: list[tuple[Correction, int, int]] = []
        self.planner = Dispatcher(self.promises, policy(cap))

    def begin(self) -> None:
        """Time passes, and what is due begins; nothing of it is durable yet."""
        self.now_ms += 40_000
        self.late = [one for one in self.late if one[2] > self.now_ms - LATEST_MS]
        self.planner.start(self.now_ms)

    def tick(self) -> None:
        """What is due begins, and becomes durable."""
        self.begin()
        self.commit()

    def feed(self) -> None:
        """Hand over the intents that were not read yet."""
        for intent in self.intents[self.read :]:
            self.planner.intent(intent, self.now_ms)
        self.read = len(self.intents)

    def commit(self) -> None:
        """Make corrections and offsets durable together, then release the jobs."""
        changed, jobs = self.planner.drain()
        for one in changed:
            self.log[one.id] = correction_from(correction_record(one))
            self.history.append((one.id, one.state.value))
        self.committed = self.read
        self.jobs += jobs

    def crash(self) -> None:
        """The process dies and another starts from what is durable."""
        self.jobs = []
        self.read = self.committed
        self.planner = Dispatcher(self.promises, policy(self.cap))
        self.planner.restore(self.log.values(), self.now_ms)

    def do(self, outcome: str) -> None:
        """The oldest job meets the target with this outcome and, unless the process died on the way, reports."""
        if not self.jobs:
            return
        job = self.jobs.pop(0)
        one = job.correction
        if job.kind == TIDY:
            events: list[Event] = [self._tidy(one, outcome)]
        else:
            events = [self._look(job)] if job.kind == READ_BACK else self._write(one, job, outcome)
        if outcome == "crash after effect":
            self.crash()
        else:
            self.planner.result(one.id, events, self.now_ms)

    def _look(self, job: Job) -> Event:
        return c.Shown() if self.target.shows(job.correction) else c.NotShown(job.may_repeat)

    def _tidy(self, one: Correction, outcome: str) -> Event:
        if outcome in ("late", "never", "throttled"):
            return c.ReadFailed("no answer")
        found = self.target.strays.pop(one.id, 0)
        return c.Tidied({"strays": str(found)} if found else {})

    def _write(self, one: Correction, job: Job, outcome: str) -> list[Event]:
        if self.target.shows(one):
            return [c.AlreadyEqual()]
        version = self.target.versions[one.intent.object_id]
        if outcome == "throttled":
            return [c.NotApplied("THROTTLED", "busy", 100)]
        if outcome == "refused":
            return [c.Refused("PERIOD_CLOSED", "closed")]
        if outcome in ("late", "never"):
            self.late += [(one, version, self.now_ms)] if outcome == "late" else []
            return [c.InDoubt("no answer")]
        arrived = self.target.apply(one, version)
        if outcome == "answer lost":
            return [c.InDoubt("no answer")]
        return [c.Acknowledged(), self._look(job)] if arrived else [c.NotApplied("CONFLICT", "stale")]

    def arrive(self) -> None:
        """A late request reaches the target."""
        if self.late:
            self.target.apply(*self.late.pop(0)[:2])

    def settle(self) -> None:
        """No more faults: run until nothing is left to do."""
        self.feed()
        self.commit()
        for _ in range(50):
            self.tick()
            while self.jobs:
                self.do("good")
                self.commit()

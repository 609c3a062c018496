"""On tier B a correction that was sent again in doubt is looked after when it is over: by a minute, then a quarter of an hour."""

from __future__ import annotations

import pytest

from state.correcting import correction as c
from state.correcting.correction import Correction, State
from state.correcting.correction_record import correction_from, correction_record
from state.correcting.decision import RESUME, SWITCH, Decision
from state.correcting.dispatcher import TIDY, Dispatcher, Job
from state.correcting.late import AGAIN_MS, LOOKS_MS
from tests.state.dispatch_world import PROMISES, policy, wanted

LOST, NOT_THERE = [c.InDoubt("no answer")], [c.NotShown(True)]
YES = [c.Acknowledged(), c.Shown()]


class World:
    """A planner for one target of a tier, and the last record of each correction."""

    def __init__(self, tier: str) -> None:
        self.tier = tier
        self.planner = Dispatcher({"erp": PROMISES[tier]}, policy())
        self.records: dict[str, Correction] = {}

    def turn(self, now_ms: int) -> list[Job]:
        """What begins now."""
        self.planner.start(now_ms)
        changed, jobs = self.planner.drain()
        self.records |= {one.id: one for one in changed}
        return jobs

    def one(self, now_ms: int, kind: str) -> Job:
        """The only job that begins now."""
        (job,) = self.turn(now_ms)
        assert job.kind == kind
        return job

    def answer(self, now_ms: int, kind: str, events: list[c.Event]) -> Correction:
        """The only job that begins now ends so."""
        job = self.one(now_ms, kind)
        self.planner.result(job.correction.id, events, now_ms)
        assert not self.turn(now_ms)
        return self.records[job.correction.id]

    def sent_twice(self) -> Correction:
        """Sent, in doubt, not there, sent again and proven by capture, all at 1,000 ms and soon after."""
        self.planner.intent(wanted(1), 1000)
        job = self.one(1000, "write")
        self.planner.result(job.correction.id, LOST, 1000)
        job = self.one(1000, "read-back")
        self.planner.result(job.correction.id, NOT_THERE, 1000)
        job = self.one(1000, "write")
        self.planner.result(job.correction.id, YES, 2000)
        self.planner.intent(wanted(1, state="seen"), 2000)
        self.turn(2000)
        return self.records[job.correction.id]

    def restarted(self) -> World:
        """Another process with what the topic holds."""
        again = World(self.tier)
        stored = [correction_from(correction_record(one)) for one in self.records.values()]
        again.planner.restore(stored, 3000)
        again.records = dict(self.records)
        return again


@pytest.mark.parametrize("restart", [False, True])
def test_a_doubted_correction_is_looked_after_twice(restart: bool) -> None:
    """Also by the process that comes after a restart; then it is over for good.

    Planted breaks, seen to fail: a proven correction is forgotten at once; looks are not in the record.
    """
    world = World("B")
    ended = world.sent_twice()
    assert (ended.state, ended.proof, ended.late_looks) == (State.VERIFIED, "capture", 2)
    world = world.restarted() if restart else world
    first_ms = ended.retry_at_ms
    assert not world.turn(first_ms - 1)
    found = world.answer(first_ms, TIDY, [c.Tidied({"draft": "12"})])
    assert (found.state, found.details["draft"], found.late_looks) == (State.VERIFIED, "12", 1)
    assert "draft 12" in (found.reason or "")
    second_ms = first_ms + LOOKS_MS[1]
    assert not world.turn(second_ms - 1)
    assert world.answer(second_ms, TIDY, [c.Tidied()]).late_looks == 0
    assert not world.turn(second_ms + 10 * LOOKS_MS[1])


def test_an_answer_that_comes_after_the_proof_is_no_look() -> None:
    """Capture proves it while a read-back is on its way: what that says has no meaning any more.

    Planted break, seen to fail: answers of any job are taken while it is looked after.
    """
    world = World("B")
    world.planner.intent(wanted(1), 1000)
    for kind, events in (("write", LOST), ("read-back", NOT_THERE), ("write", [c.Acknowledged()])):
        job = world.one(1000, kind)
        world.planner.result(job.correction.id, events, 1000)
    job = world.one(1000, "read-back")
    world.planner.intent(wanted(1, state="seen"), 1500)
    world.planner.result(job.correction.id, NOT_THERE, 2000)
    assert not world.turn(2000)
    assert (world.records[job.correction.id].state, world.records[job.correction.id].late_looks) == (State.VERIFIED, 2)


def test_what_is_wanted_again_during_a_look_is_sent() -> None:
    """It was given up in doubt and is over; while it is looked after the view wants it again.

    Planted break, seen to fail: after a look nothing lines up again.
    """
    world = World("B")
    world.planner.intent(wanted(1), 1000)
    job = world.one(1000, "write")
    world.planner.result(job.correction.id, LOST, 1000)
    job = world.one(1000, "read-back")
    world.planner.intent(wanted(1, state="withdrawn"), 1000)
    world.planner.result(job.correction.id, NOT_THERE, 1000)
    assert not world.turn(1000)
    due_ms = world.records[job.correction.id].retry_at_ms
    job = world.one(due_ms, TIDY)
    world.planner.intent(wanted(1), due_ms + 1)
    assert not world.turn(due_ms + 1)
    world.planner.result(job.correction.id, [c.Tidied()], due_ms + 2)
    assert world.one(due_ms + 2, "write").correction.attempt == 2


def test_a_look_that_fails_is_done_again() -> None:
    """The target is away: the look is still owed."""
    world = World("B")
    due_ms = world.sent_twice().retry_at_ms
    assert world.answer(due_ms, TIDY, [c.ReadFailed("UNREACHABLE: no connection")]).late_looks == 2
    assert world.answer(due_ms + AGAIN_MS, TIDY, [c.Tidied()]).late_looks == 1


def test_what_cannot_be_removed_is_a_persons() -> None:
    """Booked twice: the correction is no longer proven, and says why."""
    world = World("B")
    due_ms = world.sent_twice().retry_at_ms
    refused = world.answer(due_ms, TIDY, [c.Refused("DUPLICATE_AT_TARGET", "two are booked", {"numbers": "1, 2"})])
    assert (refused.state, refused.code, refused.proof) == (State.REFUSED, "DUPLICATE_AT_TARGET", None)
    assert refused.details == {"numbers": "1, 2"}
    assert not world.turn(due_ms + 10 * LOOKS_MS[1])


def test_nothing_is_removed_while_all_is_stopped() -> None:
    """The switch stops this, too; it goes on where it was."""
    world = World("B")
    due_ms = world.sent_twice().retry_at_ms
    world.planner.policy.stop("ada", "audit", due_ms)
    assert not world.turn(due_ms)
    world.planner.decide(Decision("d", SWITCH, RESUME, "ada", due_ms), due_ms + 5)
    assert world.answer(due_ms + 5, TIDY, [c.Tidied()]).late_looks == 1


def test_one_request_or_a_tier_that_remembers_needs_no_look() -> None:
    """Tier A: the target knows that two requests are one. Sent once: the doubtful request is the effect."""
    assert World("A").sent_twice().late_looks == 0
    world = World("B")
    world.planner.intent(wanted(1), 1000)
    job = world.one(1000, "write")
    world.planner.result(job.correction.id, LOST, 1000)
    assert world.answer(1000, "read-back", [c.Shown()]).late_looks == 0

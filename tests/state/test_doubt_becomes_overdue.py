"""A write in doubt is settled by looking within its time, or a person is told, while looking goes on; it is never sent blindly.

Planted breaks that were seen to fail here: `_in_doubt` without a deadline; `_overdue` that refuses, so that nothing looks
any more; a read that fails afterwards and hides the code.
"""

from __future__ import annotations

from state.correcting import correction as c
from state.correcting.attention import attention
from state.correcting.correction import Correction, State
from state.correcting.dispatcher import Dispatcher
from state.correcting.lifecycle import DOUBT_MS_MAX
from tests.state.dispatch_world import PROMISES, policy, wanted


class Doubt:
    """One correction whose write was not answered, at a target that cannot be read."""

    def __init__(self) -> None:
        self.planner = Dispatcher({"erp": PROMISES["A"]}, policy())
        self.kinds: list[str] = []
        self.planner.intent(wanted(1), 0)
        self.one = self.turn(0)
        self.planner.result("id-1", [c.InDoubt("no answer")], 1)
        self.one = self.turn(1)

    def turn(self, now_ms: int) -> Correction:
        """Time passes; the newest record."""
        self.planner.start(now_ms)
        changed, jobs = self.planner.drain()
        self.kinds += [job.kind for job in jobs]
        if changed:
            self.one = changed[-1]
        return self.one

    def unreadable(self, since_ms: int, until_ms: int) -> None:
        """Every read-back fails; at the end one is under way."""
        for now_ms in range(since_ms, until_ms, 10_000):
            if self.planner.flying:
                self.planner.result("id-1", [c.ReadFailed("unreachable")], now_ms)
            self.turn(now_ms)
        while not self.planner.flying:
            now_ms += 10_000
            self.turn(now_ms)


def test_settled_in_time_nobody_is_told() -> None:
    """The read-back shows it: verified, without an exception."""
    doubt = Doubt()
    assert attention(doubt.one) is None
    doubt.planner.result("id-1", [c.Shown()], 5)
    assert doubt.turn(6).state is State.VERIFIED
    assert attention(doubt.turn(10 * DOUBT_MS_MAX)) is None


def test_overdue_is_an_exception_and_looking_goes_on() -> None:
    """After its time it says so once and keeps saying so; only read-backs are made; when the target answers it is settled."""
    doubt = Doubt()
    doubt.unreadable(1000, DOUBT_MS_MAX - 40_000)
    assert attention(doubt.one) is None
    doubt.unreadable(DOUBT_MS_MAX, 2 * DOUBT_MS_MAX)
    told = attention(doubt.one)
    assert told is not None
    assert (told.kind, doubt.one.state) == ("DOUBT_OVERDUE", State.UNKNOWN)
    assert "look there for the object" in told.text
    assert set(doubt.kinds) == {"write", "read-back"}
    assert doubt.kinds.count("write") == 1
    doubt.planner.result("id-1", [c.Shown()], 3 * DOUBT_MS_MAX)
    assert attention(doubt.turn(3 * DOUBT_MS_MAX)) is None


def test_overdue_after_a_restart() -> None:
    """The deadline is in the record: a restart neither forgets nor prolongs it."""
    doubt = Doubt()
    after = Doubt()
    after.planner = Dispatcher({"erp": PROMISES["A"]}, policy())
    after.planner.restore([doubt.one], 2)
    after.turn(3)
    after.planner.result("id-1", [c.ReadFailed("unreachable")], 4)
    assert after.turn(1 + DOUBT_MS_MAX).code == "DOUBT_OVERDUE"

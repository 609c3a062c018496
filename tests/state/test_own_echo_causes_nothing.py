"""Our own write comes back through capture: it proves its correction and causes no other, whatever it overtakes.

Planted breaks that were seen to fail here: `Intents._outcome` that always says withdrawn; `_seen` that does not verify;
a planner that plans an intent whose correction capture has proven.
"""

from __future__ import annotations

import pytest

from state.correcting import correction as c
from state.correcting.correction import Correction, Intent, State
from state.correcting.correction_record import intent_from
from state.correcting.dispatcher import Dispatcher
from state.correcting.lane import Promise
from state.correcting.policy import Policy
from state.output import Output
from state.shard import Shard
from tests.state.company import SETTLE_MS, at, in_step, put, rules

PROMISE = Promise("A", 4, {"invoice": "invoices", "credit": "notes", "entitlement": "o", "standing": "o"}, None, True)
PAID = put("billing.invoices", 1, status="paid")
ECHO = put("erp.sales_invoices", 1, state="paid", version=2)


class Loop:
    """The view, the planner and what is sent; `feed` hands the view's intents on, as the topic does."""

    def __init__(self) -> None:
        self.view: Shard = in_step()
        self.planner = Dispatcher({"erp": PROMISE, "support": PROMISE}, Policy(rules()))
        self.records: dict[str, Correction] = {}
        self.writes: list[Correction] = []

    def feed(self, out: Output, now_ms: int) -> None:
        """Intents to the planner; what is due begins."""
        for name, intent in out.intents:
            self.planner.tombstone(name, now_ms) if intent is None else self.planner.intent(intent_from(intent), now_ms)
        self.turn(now_ms)

    def turn(self, now_ms: int) -> None:
        """Begin what is due."""
        self.planner.start(now_ms)
        changed, jobs = self.planner.drain()
        self.records |= {one.id: one for one in changed}
        self.writes += [job.correction for job in jobs if job.kind == "write"]

    def corrected(self) -> str:
        """An invoice that is paid in billing and posted in the ERP; its write is on the wire."""
        self.feed(at(self.view, 2000, PAID), 2000)
        self.feed(at(self.view, 2000 + SETTLE_MS), 2000 + SETTLE_MS)
        [write] = self.writes
        return write.id


ACKNOWLEDGED = [c.Acknowledged(), c.Shown()]


@pytest.mark.parametrize("answer", [ACKNOWLEDGED, [c.Acknowledged(), c.NotShown(True)], [c.InDoubt("no answer")]])
@pytest.mark.parametrize("echo_first", [True, False])
def test_the_echo_proves_the_write_and_ends_there(answer: list[c.Event], echo_first: bool) -> None:
    """Before or after the answer, and where the answer is lost: VERIFIED by capture, one write, nothing open."""
    loop = Loop()
    name = loop.corrected()
    if not echo_first:
        loop.planner.result(name, answer, 9000)
    loop.feed(at(loop.view, 9000, ECHO), 9001)
    if echo_first:
        loop.planner.result(name, answer, 9002)
        loop.turn(9002)
    for clock_ms in (20_000, 90_000, 500_000):
        loop.feed(at(loop.view, clock_ms), clock_ms)
    assert (loop.records[name].state, loop.records[name].proof) == (State.VERIFIED, "capture")
    assert len(loop.writes) == 1


def test_the_same_intent_read_again_sends_nothing() -> None:
    """The topic repeats a wanted intent after its correction was proven, as after a reset of offsets."""
    loop = Loop()
    name = loop.corrected()
    wanted: Intent = loop.records[name].intent
    loop.planner.result(name, ACKNOWLEDGED, 9000)
    loop.feed(at(loop.view, 9000, ECHO), 9001)
    loop.planner.intent(wanted, 10_000)
    loop.turn(10_000)
    assert len(loop.writes) == 1


def test_an_echo_with_another_value_is_a_difference_of_its_own() -> None:
    """What comes back is not what was asked for: another correction, sent when the first is known not to hold."""
    loop = Loop()
    name = loop.corrected()
    loop.planner.result(name, [c.Acknowledged(), c.NotShown(True)], 9000)
    loop.feed(at(loop.view, 9000, put("erp.sales_invoices", 1, state="draft", version=2)), 9001)
    loop.feed(at(loop.view, 9000 + SETTLE_MS), 9000 + SETTLE_MS)
    assert [write.id for write in loop.writes] == [name]
    loop.turn(60_000)
    loop.planner.result(name, [c.NotShown(True)], 60_000)
    loop.turn(60_000)
    assert loop.records[name].state is State.SUPERSEDED
    [_, second] = loop.writes
    assert second.intent.current == {**loop.records[name].intent.desired, "state": "draft"}

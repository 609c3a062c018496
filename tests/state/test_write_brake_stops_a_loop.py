"""An object that is corrected again and again, each time with success, is stopped by the brake; who fights is named.

Planted breaks that were seen to fail here: counting attempts in place of corrections; one count for all objects; a
restart that forgets the count.
"""

from __future__ import annotations

from state.correcting import correction as c
from state.correcting.correction import Correction
from state.correcting.decision import APPROVE, Decision
from state.correcting.dispatcher import Dispatcher
from state.correcting.lane import Promise
from state.correcting.policy import Policy
from state.rules import Brake, Rule, Rules
from tests.state.dispatch_world import policy, wanted

PROMISE = Promise("A", 4, {"invoice": "documents", "credit": "documents"}, None, True)
BRAKE = Brake(writes=4, within_ms=60_000)
HOLD = "brake:erp/documents/X"


def two_rules() -> Policy:
    """Two rules that write the same kind of document."""
    rules = (
        Rule("first", "invoice", "billing", "erp", 0, "auto", 100, "finance"),
        Rule("second", "credit", "billing", "erp", 0, "auto", 100, "finance"),
    )
    return Policy(Rules(1, ("none", "standard"), "finance", rules, brake=BRAKE))


class Loop:
    """Corrections of one object, each of which succeeds at once."""

    def __init__(self, rules: Policy) -> None:
        self.planner = Dispatcher({"erp": PROMISE}, rules)
        self.records: dict[str, Correction] = {}
        self.sent = 0

    def round(self, number: int, now_ms: int, **changes: str) -> None:
        """One more difference of the object; what is sent is carried out and shown."""
        self.planner.intent(wanted(number, **{"object_id": "X", **changes}), now_ms)
        self.settle(now_ms)

    def settle(self, now_ms: int) -> None:
        """Send what is due until nothing is."""
        while True:
            self.planner.start(now_ms)
            changed, jobs = self.planner.drain()
            self.records |= {one.id: one for one in changed}
            if not jobs:
                return
            self.sent += len(jobs)
            for job in jobs:
                self.planner.result(job.correction.id, [c.Acknowledged(), c.Shown()], now_ms)


def test_two_rules_that_fight_are_stopped_and_both_named() -> None:
    """Alternating corrections of one document: four go through, the fifth is held with both names."""
    loop = Loop(two_rules())
    for number in range(8):
        rule, kind = (("first", "invoice"), ("second", "credit"))[number % 2]
        loop.round(number, number * 100, rule=rule, object=kind)
    assert loop.sent == 4
    hold = loop.planner.policy.holds[HOLD]
    assert hold.rules == ("first", "second")
    assert "rules first and second fight over it" in hold.text
    assert {loop.records[f"id-{number}"].code for number in range(4, 8)} == {"WRITE_BRAKE"}


def test_a_rule_that_the_target_undoes_is_stopped() -> None:
    """The target's own automation takes each correction back: the rule is named alone."""
    loop = Loop(policy(brake=BRAKE))
    loop.planner = Dispatcher({"erp": PROMISE}, policy(brake=BRAKE))
    for number in range(6):
        loop.round(number, number * 100)
    assert loop.sent == 4
    assert "rule rule and the target do" in loop.planner.policy.holds[HOLD].text


def test_other_objects_go_on() -> None:
    """The brake is on one object."""
    loop = Loop(policy(brake=BRAKE))
    for number in range(6):
        loop.round(number, 0)
    for number in range(10, 16):
        loop.round(number, 0, object_id=f"Y-{number}")
    assert loop.sent == 4 + 6


def test_the_same_number_of_corrections_over_a_long_time_is_no_loop() -> None:
    """An object may be corrected often in a year."""
    loop = Loop(policy(brake=BRAKE))
    for number in range(12):
        loop.round(number, number * 20_000)
    assert loop.sent == 12


def test_retries_of_one_correction_are_no_loop() -> None:
    """A target that throttles makes many attempts of one correction, none of them a success."""
    loop = Loop(policy(brake=BRAKE))
    loop.planner.intent(wanted(1, object_id="X"), 0)
    for attempt in range(10):
        loop.planner.start(attempt * 1000)
        [job] = loop.planner.drain()[1]
        loop.planner.result(job.correction.id, [c.NotApplied("THROTTLED", "busy", 1000)], attempt * 1000)
    assert loop.planner.policy.holds == {}


def test_a_person_lets_it_go() -> None:
    """After the approval of the hold what it kept back is sent, and counting begins anew."""
    loop = Loop(policy(brake=BRAKE))
    for number in range(6):
        loop.round(number, 0)
    loop.planner.decide(Decision("d", HOLD, APPROVE, "ada", 1), 1)
    loop.settle(1)
    assert loop.sent == 6
    assert loop.planner.policy.holds == {}
    assert loop.planner.policy.drain()[-1] == (HOLD, None)


def test_near_misses_are_counted() -> None:
    """More than half of the allowed writes is told before the brake has to act."""
    loop = Loop(policy(brake=BRAKE))
    for number in range(4):
        loop.round(number, 0)
    assert loop.planner.policy.near_misses["erp"] == 2


def test_a_restart_does_not_reset_the_count() -> None:
    """Writes are counted from the corrections' own records."""
    first = Loop(policy(brake=BRAKE))
    for number in range(3):
        first.round(number, 1000)
    second = Loop(policy(brake=BRAKE))
    second.planner.restore(first.records.values(), 2000)
    for number in range(3, 8):
        second.round(number, 3000)
    assert second.sent == 1

"""Too many differences of one rule at once wait as one group for a person; the approval is a ceiling, not a replay.

Planted breaks that were seen to fail here: `_is_mass` that looks at the number only, and at the share only; a decision
that approves every member of the group; `release` that keeps the arrivals.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from state.correcting.correction import Correction, State
from state.correcting.decision import APPROVE, REJECT, Decision, binding
from state.correcting.dispatcher import Dispatcher
from state.correcting.hold import Hold
from state.correcting.policy import Policy
from state.rules import Guard
from tests.state.dispatch_world import PROMISES, policy, wanted

GROUP = "mass:rule"
GUARD = Guard(number=3, percent=10, within_ms=1000)


def planner(rules: Policy) -> Dispatcher:
    """A planner for the ERP that is never full."""
    return Dispatcher({"erp": PROMISES["A"]._replace(concurrency=100)}, rules)


def arrive(dispatcher: Dispatcher, numbers: range, now_ms: int = 0) -> dict[str, Correction]:
    """Feed intents at once; the newest record of each."""
    for number in numbers:
        dispatcher.intent(wanted(number), now_ms)
    return {one.id: one for one in dispatcher.drain()[0]}


def approve(dispatcher: Dispatcher, *shown: Correction, verb: str = APPROVE) -> list[str]:
    """Decide about the group as it was shown; ids of what is sent then."""
    dispatcher.decide(Decision("d", GROUP, verb, "ada", 5, frozenset(binding(one) for one in shown)), 5)
    dispatcher.start(5)
    return sorted(job.correction.id for job in dispatcher.drain()[1])


def test_more_than_number_and_share_wait_together() -> None:
    """The fourth difference of 30 objects turns all four into proposals of one group, named by a hold."""
    dispatcher = planner(policy(guard=GUARD, population={"invoice": 30}))
    records = arrive(dispatcher, range(4))
    dispatcher.start(1)
    assert {one.state for one in records.values()} == {State.PROPOSED}
    assert dispatcher.drain()[1] == []
    [(name, hold)] = dispatcher.policy.drain()
    assert (name, hold.kind if hold else "") == (GROUP, "MASS_CHANGE")
    assert hold is not None
    assert "4 differences of 30 objects" in hold.text


def test_number_alone_is_not_a_mass_change() -> None:
    """Four of a thousand objects are everyday work."""
    dispatcher = planner(policy(guard=GUARD, population={"invoice": 1000}))
    arrive(dispatcher, range(4))
    dispatcher.start(1)
    assert len(dispatcher.drain()[1]) == 4


def test_share_alone_is_not_a_mass_change() -> None:
    """Three of three objects are fewer than the number."""
    dispatcher = planner(policy(guard=GUARD, population={"invoice": 3}))
    arrive(dispatcher, range(3))
    dispatcher.start(1)
    assert len(dispatcher.drain()[1]) == 3


def test_the_same_number_over_a_long_time_is_none() -> None:
    """The guard counts what came within its time only."""
    dispatcher = planner(policy(guard=GUARD, population={"invoice": 10}))
    for number in range(8):
        arrive(dispatcher, range(number, number + 1), number * 400)
    dispatcher.start(9000)
    assert len(dispatcher.drain()[1]) == 8


def test_an_approval_is_a_ceiling() -> None:
    """Of what was shown, what healed is not sent; what joined the group afterwards waits on."""
    dispatcher = planner(policy(guard=GUARD, population={"invoice": 10}))
    shown = arrive(dispatcher, range(4))
    dispatcher.intent(replace(wanted(0), state="withdrawn"), 1)
    arrive(dispatcher, range(4, 6), 2)
    assert approve(dispatcher, *shown.values()) == ["id-1", "id-2", "id-3"]
    assert dispatcher.counts["PROPOSED", "erp"] == 2
    assert GROUP in dispatcher.policy.holds


def test_a_part_can_be_approved_first() -> None:
    """Two of the group go ahead; the hold ends when the rest is decided."""
    dispatcher = planner(policy(guard=GUARD, population={"invoice": 10}))
    shown = arrive(dispatcher, range(4))
    assert approve(dispatcher, shown["id-0"], shown["id-1"]) == ["id-0", "id-1"]
    assert approve(dispatcher, shown["id-2"], shown["id-3"], verb=REJECT) == []
    assert dispatcher.counts["REJECTED", "erp"] == 2
    assert dispatcher.policy.drain()[-1] == (GROUP, None)


def test_after_a_decision_counting_begins_anew() -> None:
    """The next single difference of the rule is sent by itself."""
    dispatcher = planner(policy(guard=GUARD, population={"invoice": 10}))
    shown = arrive(dispatcher, range(4))
    approve(dispatcher, *shown.values())
    arrive(dispatcher, range(9, 10), 6)
    dispatcher.start(6)
    assert [job.correction.id for job in dispatcher.drain()[1]] == ["id-9"]


def test_the_group_survives_a_restart() -> None:
    """Hold and members come back from their topics, and further differences join them."""
    first = planner(policy(guard=GUARD, population={"invoice": 10}))
    records = arrive(first, range(4))
    holds: list[Hold] = [hold for _, hold in first.policy.drain() if hold is not None]
    second = planner(policy(guard=GUARD, population={"invoice": 10}))
    second.restore(records.values(), 1, holds)
    second.drain()
    joined = arrive(second, range(7, 8), 2)
    assert joined["id-7"].group == GROUP
    assert approve(second, *records.values(), *joined.values()) == ["id-0", "id-1", "id-2", "id-3", "id-7"]


def test_a_share_caps_a_run_too() -> None:
    """At most a tenth of thirty objects in one run, although the number would allow more."""
    dispatcher = planner(policy(cap=100, cap_percent=10, population={"invoice": 30}))
    arrive(dispatcher, range(5))
    dispatcher.start(1)
    changed, jobs = dispatcher.drain()
    assert len(jobs) == 3
    assert [one.code for one in changed if one.code] == ["CAP_REACHED"] * 2


@pytest.mark.parametrize("population", [{}, {"invoice": 0}])
def test_a_share_of_nothing_known_caps_nothing(population: dict[str, int]) -> None:
    """Before anything has been counted the number alone is the cap: a share of 0 would stop every correction."""
    dispatcher = planner(policy(cap=4, cap_percent=10, population=population))
    arrive(dispatcher, range(5))
    dispatcher.start(1)
    assert len(dispatcher.drain()[1]) == 4

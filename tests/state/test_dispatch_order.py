"""Serial per target object, bounded per target, a slow target delays only itself, caps and modes are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from state.correcting import correction as c
from state.correcting.correction import Intent
from state.correcting.dispatcher import Dispatcher, Job
from state.correcting.lane import Promise
from state.correcting.policy import Policy
from state.rules import Rule, Rules
from tests.state.dispatch_world import policy, wanted

PROMISE = Promise("A", 2, {"invoice": "invoices"}, None, True)


def planner(cap: int = 100) -> Dispatcher:
    """A planner for the targets erp and crm, two at once each."""
    return Dispatcher({"erp": PROMISE, "crm": PROMISE}, policy(cap))


def begun(dispatcher: Dispatcher, now_ms: int, *intents: Intent) -> list[str]:
    """Feed intents, let what is due begin; the ids of the jobs."""
    for intent in intents:
        dispatcher.intent(intent, now_ms)
    dispatcher.start(now_ms)
    jobs: list[Job] = dispatcher.drain()[1]
    return [job.correction.id for job in jobs]


def test_one_at_a_time_per_object() -> None:
    """Two corrections of one invoice: the second begins when the first is settled."""
    dispatcher = planner()
    same = wanted(2, object_id="I-1")
    assert begun(dispatcher, 0, wanted(1), same) == ["id-1"]
    dispatcher.result("id-1", [c.Acknowledged(), c.Shown()], 1)
    assert begun(dispatcher, 1) == ["id-2"]


def test_an_object_in_doubt_is_held() -> None:
    """While the first write may still arrive, nothing else is sent to that invoice."""
    dispatcher = planner()
    begun(dispatcher, 0, wanted(1), wanted(2, object_id="I-1"))
    dispatcher.result("id-1", [c.InDoubt("no answer")], 1)
    assert begun(dispatcher, 1) == ["id-1"]
    dispatcher.result("id-1", [c.ReadFailed("unreachable")], 2)
    assert begun(dispatcher, 3) == []
    assert begun(dispatcher, 60_000) == ["id-1"]
    dispatcher.result("id-1", [c.Shown()], 60_001)
    assert begun(dispatcher, 60_001) == ["id-2"]


def test_bounded_per_target_and_independent() -> None:
    """Two at once at each target; a full one does not keep the other from beginning."""
    dispatcher = planner()
    slow = [wanted(number) for number in range(1, 5)]
    assert begun(dispatcher, 0, *slow, wanted(9, target="crm")) == ["id-1", "id-2", "id-9"]
    dispatcher.result("id-1", [c.Refused("PERIOD_CLOSED", "closed")], 5)
    assert begun(dispatcher, 5) == ["id-3"]


def test_retry_after_pauses_only_that_target() -> None:
    """429 with Retry-After: nothing more goes to that target until then, the other goes on."""
    dispatcher = planner()
    begun(dispatcher, 0, wanted(1))
    dispatcher.result("id-1", [c.NotApplied("THROTTLED", "busy", 5000)], 0)
    assert begun(dispatcher, 10, wanted(2), wanted(9, target="crm")) == ["id-9"]
    assert begun(dispatcher, 5000) == ["id-2", "id-1"]


def test_observe_writes_nothing() -> None:
    """Mode observe records the plan; when the rule becomes auto, the same correction is sent."""
    dispatcher = planner()
    watched = wanted(1, mode="observe")
    assert begun(dispatcher, 0, watched) == []
    assert begun(dispatcher, 1, replace(watched, mode="auto")) == ["id-1"]


def test_cap_per_run_holds_the_rest() -> None:
    """Beyond the rule's cap a correction stays planned and says so; the next run begins it."""
    dispatcher = planner(cap=1)
    for number in (1, 2):
        dispatcher.intent(wanted(number), 0)
    dispatcher.start(0)
    changed, jobs = dispatcher.drain()
    assert [job.correction.id for job in jobs] == ["id-1"]
    held = [one for one in changed if one.code == "CAP_REACHED"]
    assert [one.id for one in held] == ["id-2"]
    following = planner(cap=1)
    following.restore(held, 1)
    assert begun(following, 1) == ["id-2"]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"target": "moon"}, "NO_TARGET"), ({"object": "boat"}, "NO_TARGET"), ({"rule": "none"}, "NO_RULE")],
)
def test_no_default_target_and_no_default_rule(change: dict[str, str], code: str) -> None:
    """An intent without a rule or a target that can write it is refused by name, never guessed."""
    dispatcher = planner()
    assert begun(dispatcher, 0, wanted(1, **change)) == []
    dispatcher.intent(wanted(2, **change), 0)
    assert [one.code for one in dispatcher.drain()[0]] == [None, code]


def withdraw(dispatcher: Dispatcher) -> None:
    """The intent's record says withdrawn."""
    dispatcher.intent(wanted(1, state="withdrawn"), 1)


def remove(dispatcher: Dispatcher) -> None:
    """The intent's record is removed."""
    dispatcher.tombstone("id-1", 1)


@pytest.mark.parametrize("end", [withdraw, remove])
def test_withdrawn_before_sending_is_superseded(end: Callable[[Dispatcher], None]) -> None:
    """A difference that healed by itself is not written; the same id may be wanted again later."""
    dispatcher = planner()
    dispatcher.intent(wanted(1), 0)
    end(dispatcher)
    assert begun(dispatcher, 1) == []
    assert dispatcher.counts["SUPERSEDED", "erp"] == 1
    assert begun(dispatcher, 2, wanted(1)) == ["id-1"]
    assert dispatcher.counts["SUPERSEDED", "erp"] == 0


def test_settling_and_unknown_ends_ask_for_nothing() -> None:
    """Settling intents, and the end of an intent that was never wanted, leave no correction."""
    dispatcher = planner()
    assert (
        begun(dispatcher, 0, wanted(1, state="settling"), wanted(2, state="withdrawn"), wanted(3, state="seen")) == []
    )
    dispatcher.tombstone("id-4", 0)
    assert dispatcher.drain() == ([], [])


def test_verified_by_capture_is_never_sent_again() -> None:
    """The intents topic repeats an intent whose correction was proven: nothing happens."""
    dispatcher = planner()
    begun(dispatcher, 0, wanted(1))
    dispatcher.result("id-1", [c.Acknowledged(), c.Shown()], 1)
    dispatcher.intent(wanted(1, state="seen"), 2)
    assert dispatcher.drain()[0][-1].proof == "capture"
    assert begun(dispatcher, 3, wanted(1)) == []


def test_answer_after_capture_is_dropped() -> None:
    """Capture settles a doubt while its read-back is under way; the late answer changes nothing and frees the object."""
    dispatcher = planner()
    begun(dispatcher, 0, wanted(1), wanted(2, object_id="I-1"))
    dispatcher.result("id-1", [c.InDoubt("no answer")], 1)
    assert begun(dispatcher, 1) == ["id-1"]
    dispatcher.intent(wanted(1, state="seen"), 2)
    dispatcher.result("id-1", [c.NotShown(True)], 3)
    assert begun(dispatcher, 3) == ["id-2"]


def test_a_rule_that_went_away_while_in_doubt_is_not_sent_again() -> None:
    """The doubt is still settled by looking; what is not there is refused by name, and frees the object."""
    before = planner()
    before.intent(wanted(1), 0)
    before.start(0)
    records = {one.id: one for one in before.drain()[0]}
    gone = Rules(
        2, ("none", "standard"), "finance", (Rule("new", "invoice", "billing", "erp", 0, "auto", 9, "finance"),)
    )
    after = Dispatcher({"erp": PROMISE}, Policy(gone))
    after.restore(records.values(), 1)
    assert begun(after, 1) == ["id-1"]
    after.result("id-1", [c.NotShown(True)], 2)
    assert begun(after, 2, wanted(2, object_id="I-1", rule="new")) == ["id-2"]
    assert after.counts["REFUSED", "erp"] == 1

"""One switch for all corrections: nothing is begun while it is thrown, looking goes on, a restart does not forget it.

Planted breaks that were seen to fail here: `_keeps_back` without the switch; `restore` without the holds.
"""

from __future__ import annotations

from state.correcting import correction as c
from state.correcting.decision import RESUME, STOP, SWITCH, Decision
from state.correcting.dispatcher import Dispatcher
from tests.state.dispatch_world import PROMISES, policy, wanted


def planner() -> Dispatcher:
    """A planner for the ERP."""
    return Dispatcher({"erp": PROMISES["A"]}, policy())


def turn(dispatcher: Dispatcher, verb: str, now_ms: int = 0) -> None:
    """Stop or resume."""
    dispatcher.decide(Decision("d", SWITCH, verb, "ada", now_ms, reason="audit"), now_ms)


def begun(dispatcher: Dispatcher, now_ms: int) -> list[tuple[str, str]]:
    """(kind, correction) of the jobs that begin now."""
    dispatcher.start(now_ms)
    return [(job.kind, job.correction.id) for job in dispatcher.drain()[1]]


def test_stop_and_resume() -> None:
    """Stopped in the same cut as the decision is read; resumed, everything that waited is sent."""
    dispatcher = planner()
    dispatcher.intent(wanted(1), 0)
    turn(dispatcher, STOP)
    assert begun(dispatcher, 1) == []
    dispatcher.intent(wanted(2), 2)
    assert begun(dispatcher, 3) == []
    turn(dispatcher, RESUME, 4)
    assert begun(dispatcher, 4) == [("write", "id-1"), ("write", "id-2")]


def test_a_doubt_is_settled_while_stopped() -> None:
    """Looking at the target writes nothing."""
    dispatcher = planner()
    dispatcher.intent(wanted(1), 0)
    assert begun(dispatcher, 0) == [("write", "id-1")]
    turn(dispatcher, STOP, 1)
    dispatcher.result("id-1", [c.InDoubt("no answer")], 2)
    assert begun(dispatcher, 3) == [("read-back", "id-1")]
    dispatcher.result("id-1", [c.NotShown(True)], 4)
    assert begun(dispatcher, 90_000) == []


def test_the_switch_survives_a_restart() -> None:
    """The hold is a record: who, when and why."""
    first = planner()
    turn(first, STOP)
    [(name, hold)] = first.policy.drain()
    assert hold is not None
    assert (name, hold.by) == (SWITCH, "ada")
    assert "audit" in hold.text
    second = planner()
    second.restore([], 1, [hold])
    second.intent(wanted(1), 2)
    assert begun(second, 3) == []


def test_thrown_twice_it_stays_as_it_was() -> None:
    """Who stopped first is who is named; one resume is enough."""
    dispatcher = planner()
    turn(dispatcher, STOP)
    turn(dispatcher, STOP)
    assert len(dispatcher.policy.drain()) == 1
    turn(dispatcher, RESUME)
    assert not dispatcher.policy.is_stopped

"""Records of what has ended, and nobody wants any more, are removed after their time; what is open or wanted stays.

Planted breaks that were seen to fail here: `forget` without the look at `wanted`; a restart that starts no clock.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from state.correcting import correction as c
from state.correcting.correction import Correction
from state.correcting.decision import REJECT, Decision, binding
from state.correcting.dispatcher import Dispatcher
from tests.state.dispatch_world import PROMISES, policy, wanted

KEEP_MS = 1000


def planner() -> Dispatcher:
    """A planner that keeps ended corrections for a second."""
    return Dispatcher({"erp": PROMISES["A"]}, policy(author="rita"), KEEP_MS)


def removed(dispatcher: Dispatcher, now_ms: int) -> list[tuple[str, str]]:
    """What leaves the topic now."""
    dispatcher.start(now_ms)
    dispatcher.drain()
    return dispatcher.drain_removed()


def verified(dispatcher: Dispatcher, seen: bool) -> Correction:
    """A correction that was written and shown; and, if seen, captured."""
    dispatcher.intent(wanted(1), 0)
    dispatcher.start(0)
    dispatcher.result("id-1", [c.Acknowledged(), c.Shown()], 1)
    if seen:
        dispatcher.intent(wanted(1, state="seen"), 2)
    return dispatcher.drain()[0][-1]


def test_proven_by_capture_it_leaves_after_its_time() -> None:
    """Not before; with its account, whose partition it lies in; and it is no longer counted."""
    dispatcher = planner()
    verified(dispatcher, seen=True)
    assert removed(dispatcher, 2 + KEEP_MS - 1) == []
    assert removed(dispatcher, 2 + KEEP_MS) == [("id-1", "A-1")]
    assert dispatcher.counts["VERIFIED", "erp"] == 0
    assert removed(dispatcher, 9 * KEEP_MS) == []


def test_what_capture_has_not_shown_stays() -> None:
    """A read-back is no proof for ever: the view still wants it."""
    dispatcher = planner()
    verified(dispatcher, seen=False)
    assert removed(dispatcher, 9 * KEEP_MS) == []
    dispatcher.intent(wanted(1, state="seen"), 9 * KEEP_MS)
    assert removed(dispatcher, 10 * KEEP_MS) == [("id-1", "A-1")]


def test_a_no_is_remembered_while_the_difference_is_there() -> None:
    """Forgotten, the same intent would be proposed again; it leaves after the view has withdrawn it."""
    dispatcher = planner()
    dispatcher.intent(wanted(1, mode="propose"), 0)
    shown = dispatcher.drain()[0][-1]
    dispatcher.decide(Decision("d", "id-1", REJECT, "ada", 1, frozenset({binding(shown)})), 1)
    assert removed(dispatcher, 9 * KEEP_MS) == []
    dispatcher.intent(wanted(1, state="withdrawn"), 9 * KEEP_MS)
    assert removed(dispatcher, 10 * KEEP_MS) == [("id-1", "A-1")]


@pytest.mark.parametrize("seen", [True, False])
def test_the_time_goes_on_over_a_restart(seen: bool) -> None:
    """It counts from the record's own time."""
    record = replace(verified(planner(), seen))
    dispatcher = planner()
    dispatcher.restore([record], 500)
    assert removed(dispatcher, 2 + KEEP_MS) == ([("id-1", "A-1")] if seen else [])


def test_superseded_and_wanted_anew_it_is_a_new_life() -> None:
    """The end of the first life does not remove the second."""
    dispatcher = planner()
    dispatcher.intent(wanted(1), 0)
    dispatcher.intent(wanted(1, state="withdrawn"), 1)
    dispatcher.intent(wanted(1), 500)
    assert removed(dispatcher, 1 + KEEP_MS) == []
    assert dispatcher.counts["SENDING", "erp"] == 1

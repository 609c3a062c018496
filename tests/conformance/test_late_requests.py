"""A request that we gave up arrives after we have looked and written again: one effect in the end, and nothing is left."""

from __future__ import annotations

import pytest

from connectors.targets.protocol import Target
from stack.fault_proxy import Fault
from state.correcting.correction import State
from tests.conformance.subject import Subject


@pytest.mark.parametrize("step", [0, 1])
def test_late_first_request_leaves_one_effect(subject: Subject, target: Target, step: int) -> None:
    """Making, then what changing sends besides: each late request doubles nothing, or what it doubled is removed.

    Planted breaks, seen to fail on Tryton: nothing is looked after (`watched` does nothing); `leftovers` finds nothing.
    """
    whens = subject.requests(step)
    only_here = {name: when for name, when in whens.items() if name not in subject.requests(0)}
    for name, when in (only_here if step and only_here else whens).items():
        case = subject.case() if step == 0 else subject.made(target)
        fault = subject.proxy.switch_on(Fault("late", when))
        story = subject.story(case, step, seen=None if step == 0 else 0).settle(target)
        assert (story.state, fault.strikes) == (State.VERIFIED, 1), (name, story.code, story.correction.reason)
        assert subject.proxy.deliver_late() == 1
        looks = story.look_after(target)
        assert looks == (2 if target.promise.tier == "B" and story.correction.attempt > 1 else 0), name
        assert story.state is State.VERIFIED, (name, story.code, story.correction.reason)
        assert (subject.effects(case), subject.leftovers(case)) == (1 + step, 0), name
        assert subject.holds(case, step), (name, subject.truth(case))
        subject.proxy.clear()

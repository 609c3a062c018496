"""Somebody writes between our read and our write: the target's own condition decides, and nobody's work is lost."""

from __future__ import annotations

from collections.abc import Callable

from connectors.targets.protocol import Target
from connectors.targets.sender import CONFLICTS_MAX
from stack.fault_proxy import Fault
from state.correcting import correction as c
from state.correcting.correction import State
from tests.conformance.subject import Subject


def meanwhile(subject: Subject, edit: Callable[[], None], count: int = 1) -> Fault:
    """A person who is faster than the request that carries the condition, `count` times."""
    conditional = list(subject.requests(1).values())[-2:][0]
    return subject.proxy.switch_on(Fault("pass", conditional, count=count, meanwhile=edit))


def test_conflict_with_a_persons_value_is_not_overwritten(subject: Subject, target: Target) -> None:
    """The person brought our fields to a third value: after the conflict the row is read again and left as it is.

    Planted break, seen to fail, like the others here: the write carries no condition.
    """
    case = subject.made(target)
    fault = meanwhile(subject, lambda: subject.edit_ours(case))
    story = subject.story(case, 1, seen=0)
    story.step(target)
    assert (story.codes(), fault.strikes) == ({"MOVED"}, 1)
    assert subject.holds(case, 2), subject.truth(case)


def test_conflict_that_solved_itself_writes_nothing(subject: Subject, target: Target) -> None:
    """G34 B: the person did what we want: superseded, no effect of ours."""
    case = subject.made(target)
    ended = subject.story(case, 2, seen=0)
    last = subject.requests(1)
    when = last.get("refund", list(last.values())[-1])
    fault = subject.proxy.switch_on(Fault("pass", when, meanwhile=lambda: subject.edit_ours(case)))
    before = subject.effects(case)
    ended.settle(target)
    assert (ended.state, fault.strikes) == (State.SUPERSEDED, 1)
    assert isinstance(ended.events[-1], c.AlreadyEqual)
    assert subject.holds(case, 2)
    assert subject.effects(case) - before <= 1  # the person's own


def test_conflict_over_another_field_is_written_once(subject: Subject, target: Target) -> None:
    """G34 C: the person changed another field: one write on the new token, and the person's field is kept."""
    case = subject.made(target)
    fault = meanwhile(subject, lambda: subject.edit_other(case, "2026-02-03"))
    story = subject.story(case, 1, seen=0).settle(target)
    assert (story.state, fault.strikes) == (State.VERIFIED, 1)
    assert subject.holds(case, 1), subject.truth(case)
    assert (subject.other(case), subject.effects(case)) == ("2026-02-03", 2)


def test_three_conflicts_in_a_row_ask_a_person(subject: Subject, target: Target) -> None:
    """Somebody keeps changing the row: CONFLICT, and what is there stays.

    Planted break, seen to fail for Tryton: no `_timestamp` in the context.
    """
    case = subject.made(target)
    days = iter(f"2026-02-{number:02}" for number in range(1, 20))
    fault = meanwhile(subject, lambda: subject.edit_other(case, next(days)), CONFLICTS_MAX)
    story = subject.story(case, 1, seen=0).settle(target)
    assert (story.state, story.code, fault.strikes) == (State.REFUSED, "CONFLICT", CONFLICTS_MAX)
    assert subject.holds(case, 0), subject.truth(case)

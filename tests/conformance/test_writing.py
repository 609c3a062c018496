"""Making, changing and leaving alone: one effect per wanted change, proven by the server's own tables."""

from __future__ import annotations

from connectors.targets.protocol import Target
from state.correcting import correction as c
from state.correcting.correction import State
from tests.conformance.rest_subject import RestSubject
from tests.conformance.subject import Subject


def test_missing_object_is_made_once_and_then_linked(subject: Subject, target: Target) -> None:
    """Create or link: the first correction makes it, a second one that wants the same finds it and writes nothing.

    Planted break, seen to fail: the sender writes without comparing first.
    """
    case = subject.case()
    assert subject.story(case, 0).settle(target).state is State.VERIFIED
    assert subject.holds(case, 0), subject.truth(case)
    again = subject.story(case, 0).settle(target)
    assert (again.state, [type(event) for event in again.events]) == (State.SUPERSEDED, [c.AlreadyEqual])
    assert subject.effects(case) == 1


def test_change_arrives_and_keeps_the_persons_field(subject: Subject, target: Target) -> None:
    """Update: our fields show it, a field that a person has set is as it was, and there is one more effect."""
    case = subject.made(target)
    subject.edit_other(case, "2026-02-03")
    changed = subject.story(case, 1, seen=0).settle(target)
    assert changed.state is State.VERIFIED, changed.correction.reason
    assert subject.holds(case, 1), subject.truth(case)
    assert (subject.other(case), subject.effects(case)) == ("2026-02-03", 2)


def test_equal_object_is_not_written(subject: Subject, target: Target) -> None:
    """No-op on equal, whoever brought it there: nothing that writes is sent."""
    case = subject.made(target)
    subject.edit_ours(case)
    subject.proxy.clear()
    assert subject.story(case, 2, seen=0).settle(target).state is State.SUPERSEDED
    writes = [
        one
        for step in (0, 1)
        for when in subject.requests(step).values()
        for one in filter(when, subject.proxy.requests)
    ]
    assert not writes


def test_object_can_be_ended(subject: Subject, target: Target) -> None:
    """A second change of the same object, here to its end (cancelled) or another value."""
    case = subject.made(target)
    assert subject.story(case, 2, seen=0).settle(target).state is State.VERIFIED
    assert subject.holds(case, 2), subject.truth(case)


def test_what_the_view_did_not_see_is_not_overwritten(subject: Subject, target: Target) -> None:
    """A person has changed our field since the view looked: the view decides anew, nothing is written.

    Planted break, seen to fail: `moved` is always False.
    """
    case = subject.made(target)
    subject.edit_ours(case)
    story = subject.story(case, 1, seen=0)
    story.step(target)
    assert story.codes() == {"MOVED"}
    assert subject.holds(case, 2), subject.truth(case)


def test_version_token_zero_is_a_token(subject: Subject, target: Target) -> None:
    """G34 A: the first revision's token is 0; it is sent, not taken for missing.

    Planted break, seen to fail: token 0 counts as no token.
    """
    case = subject.made(target)
    assert isinstance(subject, RestSubject)
    subject.token_zero(case)
    assert subject.story(case, 1, seen=0).settle(target).state is State.VERIFIED
    put = [one for one in subject.proxy.requests if one.method == "PUT"][-1]
    assert (put.headers["if-match"], subject.holds(case, 1)) == ('"0"', True)

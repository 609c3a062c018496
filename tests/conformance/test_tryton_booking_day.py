"""A booking day that a person approved reaches Tryton: its documents and moves are of that day, billing's dates stay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from connectors.targets.tryton import TrytonTarget
from state.correcting import correction as c
from state.correcting.correction import State
from state.correcting.desk import POSTED_ON, Desk
from state.correcting.lifecycle import advance
from state.correcting.policy import Policy
from state.rules import Rules
from tests.conformance.conftest import of_tryton
from tests.conformance.story import Story
from tests.conformance.tryton_subject import CLOSED_FROM, TrytonSubject

#: the middle of the month that `refusal` closes, and the first day after it
CLOSED = dt.datetime(CLOSED_FROM.year, CLOSED_FROM.month, 15, tzinfo=dt.UTC)
OPEN_DAY = dt.date(CLOSED.year, 2, 1)


@pytest.fixture(scope="module")
def books(request: pytest.FixtureRequest) -> Iterator[TrytonSubject]:
    """Tryton behind its proxy, last year's January closed."""
    for subject in of_tryton(request):
        assert isinstance(subject, TrytonSubject)
        subject.refusal(subject.case())
        yield subject
        subject.close()


@pytest.fixture
def then(books: TrytonSubject) -> Iterator[TrytonTarget]:
    """The adapter on a day whose period is closed."""
    books.proxy.clear()
    opened = books.target(now=lambda: CLOSED)
    yield opened
    opened.close()


def approved(story: Story) -> Story:
    """A person approves what the desk makes of the refusal: the first open day that Tryton named."""
    desk = Desk(Policy(Rules(1, ("none", "standard"), "finance", ())))
    proposal = desk.by_refusal(story.correction, story.now_ms)
    assert proposal is not None
    assert proposal.amendment == {POSTED_ON: OPEN_DAY.isoformat()}
    for event in (proposal, c.Approved("ada")):
        story.correction = advance(story.correction, event, story.now_ms)
    return story


def test_approved_day_is_the_day_of_the_new_document(books: TrytonSubject, then: TrytonTarget) -> None:
    """Refused once with nothing booked; approved, the invoice is posted on the first open day.

    Planted break, seen to fail: the amendment is not sent (refused again).
    """
    case = books.case()
    story = books.story(case, 0).settle(then)
    assert (story.state, story.code, books.truth(case), books.drafts(case)) == (State.REFUSED, "PERIOD_CLOSED", None, 0)
    assert approved(story).settle(then).state is State.VERIFIED, story.correction.reason
    assert books.holds(case, 0)
    assert books.booked_on(case) == [OPEN_DAY]


def test_amendment_on_an_approved_day_is_whole_or_nothing(books: TrytonSubject, then: TrytonTarget) -> None:
    """Tryton numbers credit notes in the order of their days: of an earlier one it refuses, and nothing was taken back."""
    now = books.target()
    earlier, case = books.made(now), books.made(now)
    assert approved(books.story(books.case(), 0).settle(then)).settle(then).state is State.VERIFIED
    story = books.story(case, 1, seen=0).settle(then)
    assert (story.state, story.code) == (State.REFUSED, "PERIOD_CLOSED")
    assert approved(story).settle(then).state is State.REFUSED
    assert story.code == "TRYTON_REFUSED", story.correction.reason
    assert (books.holds(case, 0), books.drafts(case), books.owed(case)) == (True, 0, books.owed(earlier))
    assert books.story(case, 1, seen=0).settle(now).state is State.VERIFIED
    now.close()

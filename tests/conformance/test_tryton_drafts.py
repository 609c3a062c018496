"""Drafts in Tryton that a person has made: what leads to the wanted document is taken up, anything else is left alone."""

from __future__ import annotations

import json
from decimal import Decimal

from connectors.targets.tryton import TrytonTarget
from stack.fault_proxy import Fault
from state.correcting.correction import State
from tests.conformance.story import told
from tests.conformance.tryton_subject import TrytonSubject, calls


def test_a_persons_draft_of_what_is_wanted_is_posted(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """The view keeps its want over such a draft, so the correction must not wait for another: no second document.

    Planted break, seen to fail: `moved` does not know steps (the correction waits as MOVED for ever).
    """
    case = books.case()
    books.draft_by_hand(case, books.desired(case, 0))
    story = books.story(case, 0).settle(tryton)
    assert (story.state, books.holds(case, 0)) == (State.VERIFIED, True)
    assert (books.effects(case), books.drafts(case), books.owed(case)) == (1, 0, Decimal("119.00"))


def test_a_persons_draft_of_something_else_is_left_alone(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Other lines than those that are wanted, and the view has not seen them: nothing is written over them."""
    case = books.case()
    books.draft_by_hand(case, books.desired(case, 1))
    story = books.story(case, 0)
    story.step(tryton)
    assert (story.codes(), books.drafts(case), books.owed(case)) == ({"MOVED"}, 1, Decimal(0))


def test_a_persons_draft_that_is_posted_meanwhile_is_a_conflict(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """We were about to give it our lines, and its person posts it first: read again, not refused; the view decides anew.

    Planted break, seen to fail: what Tryton refuses is always a rule of business (TRYTON_REFUSED).
    """
    case = books.case()
    books.draft_by_hand(case, books.desired(case, 1))
    faster = Fault("pass", calls("model.account.invoice.write"), meanwhile=lambda: books.post_by_hand(case))
    books.proxy.switch_on(faster)
    story = books.wish(case, books.desired(case, 0), {**books.desired(case, 1), "state": "draft"})
    story.step(tryton)
    assert (story.codes(), faster.strikes, books.holds(case, 1)) == ({"MOVED"}, 1, True)


def test_a_persons_draft_of_a_credit_note_is_posted(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """The view takes a drafted credit note for none, and so does the sender: one note, with the wanted amount."""
    case = books.case()
    note = {"reference": case.object_id, "customer": case.account, "currency": "EUR", "amount": "7.00"}
    line = json.dumps([{"description": "by hand", "amount": "-5.00"}])
    books.draft_by_hand(case, {**books.desired(case, 0), "total": "-5.00", "lines": line})
    story = told(f"c-{case.object_id}", "erp", "credit", case.object_id, case.account, note, None).settle(tryton)
    assert story.state is State.VERIFIED, story.correction.reason
    assert (books.drafts(case), books.owed(case)) == (0, Decimal("-7.00"))

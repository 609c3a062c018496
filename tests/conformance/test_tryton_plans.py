"""What only Tryton has: plans of several bookings, amounts of every currency, payments; proven by what the customer owes."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.targets.guard import utc_now
from connectors.targets.tryton import TrytonTarget
from stack.fault_proxy import Fault, Kind
from state.correcting import correction as c
from state.correcting.correction import State
from tests.conformance.story import Story, told
from tests.conformance.subject import Case
from tests.conformance.tryton_subject import TrytonSubject, calls

POST = calls("model.account.invoice.post")
NOTHING = Decimal(0)
REFUSED = json.dumps({"id": 0, "error": ["UserError", ["The ledger is being audited.", "", None]]}).encode()


def interrupted(books: TrytonSubject, target: TrytonTarget, kind: Kind, **what: Any) -> tuple[Case, Story]:
    """An amendment whose last step, the posting of the new document, meets a fault."""
    case = books.made(target)
    fault = books.proxy.switch_on(Fault(kind, POST, **what))
    story = books.story(case, 1, seen=0)
    story.step(target)
    assert fault.strikes == 1
    return case, story


def test_amendment_takes_the_old_document_back(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """A credit note and a new document: the customer owes the new total, and both carry the reference or its number."""
    case = books.made(tryton)
    story = books.story(case, 1, seen=0).settle(tryton)
    assert (story.state, books.owed(case), books.drafts(case)) == (State.VERIFIED, Decimal("129.00"), 0)
    assert books.described(case) == f"Concord correction {story.correction.id}"


def test_plan_is_taken_up_by_another_process(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """It broke between credit note and new document: whoever comes next finds the draft by the correction's id.

    Planted break, seen to fail: the snapshot does not say whose plan is unfinished.
    """
    case, story = interrupted(books, tryton, "drop_before")
    assert (books.owed(case), books.drafts(case)) == (NOTHING, 1)
    other = books.target()
    assert story.settle(other).state is State.VERIFIED
    other.close()
    assert (books.owed(case), books.drafts(case), books.effects(case)) == (Decimal("129.00"), 0, 2)


def test_refused_last_step_is_held_for_a_person(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Policy hold: the old one is taken back, the draft waits, and the refusal says which is which."""
    case, story = interrupted(books, tryton, "answer", body=REFUSED)
    assert (story.state, story.code) == (State.REFUSED, "PLAN_HELD")
    assert {"taken_back", "draft", "refused", "policy"} <= set(story.correction.details)
    assert (books.owed(case), books.drafts(case)) == (NOTHING, 1)


def test_refused_last_step_is_compensated(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Policy compensate: the old document is booked again, so that the customer owes what it owed before.

    Planted break, seen to fail: the policy is not looked at.
    """
    careful = books.target(when_last_step_refused="compensate")
    case, story = interrupted(books, careful, "answer", body=REFUSED)
    careful.close()
    assert (story.state, story.code) == (State.REFUSED, "PLAN_UNDONE")
    assert "booked_again" in story.correction.details
    assert (books.owed(case), books.drafts(case), books.holds(case, 0)) == (Decimal("119.00"), 0, True)


def test_plan_that_is_too_late_is_stopped(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Its last step would come an hour after the credit note: the policy decides, nothing is booked by surprise.

    Planted break, seen to fail: no deadline.
    """
    case, story = interrupted(books, tryton, "drop_before")
    later = books.target(now=lambda: utc_now() + timedelta(hours=1))
    story.settle(later)
    later.close()
    assert (story.state, story.code, story.correction.details["refused"]) == (
        State.REFUSED,
        "PLAN_HELD",
        "PLAN_OVERDUE",
    )
    assert (books.owed(case), books.drafts(case)) == (NOTHING, 1)


def test_late_request_leaves_a_draft_and_no_booking(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Tier B for making: a request that arrives twice makes two drafts; one is booked, the other is removed.

    Planted break, seen to fail: drafts beside the first are left.
    """
    case = books.case()
    draft = calls("model.account.invoice.create")

    def twice(body: bytes) -> bytes:
        call = json.loads(body)
        call["params"][0] *= 2
        return json.dumps(call).encode()

    books.proxy.switch_on(Fault("drop_after", draft, rewrite=twice))
    assert books.story(case, 0).settle(tryton).state is State.VERIFIED
    assert (books.effects(case), books.owed(case), books.drafts(case)) == (1, Decimal("119.00"), 0)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_payment_is_booked_once(books: TrytonSubject, tryton: TrytonTarget, kind: Kind) -> None:
    """Paid: booked, posted and paid; a lost answer of the payment does not pay twice."""
    case = books.case()
    books.proxy.switch_on(
        Fault(kind, lambda request: b"account.invoice.pay.execute" in request.body and b"choice" in request.body)
    )
    story = books.wish(case, {**books.desired(case, 0), "state": "paid"}).settle(tryton)
    assert (story.state, books.owed(case), books.effects(case)) == (State.VERIFIED, NOTHING, 1)


def test_paid_document_is_not_amended(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """A payment is not taken back by a correction: a person is asked, nothing is booked."""
    case = books.case()
    paid = {**books.desired(case, 0), "state": "paid"}
    assert books.wish(case, paid).settle(tryton).state is State.VERIFIED
    story = books.wish(case, books.desired(case, 1), paid).settle(tryton)
    assert (story.state, story.code, books.owed(case)) == (State.REFUSED, "INVOICE_PAID", NOTHING)


def test_void_that_was_never_booked_gets_no_number(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """G35: an invoice that billing voided before the ERP had it: cancelled, and the customer owes nothing."""
    case = books.case()
    story = books.story(case, 2).settle(tryton)
    assert (story.state, books.owed(case), books.truth(case)) == (State.VERIFIED, NOTHING, None)


def test_invoice_of_nothing_is_settled_not_void(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """G35: a real invoice of 0.00 that billing calls paid: booked with a number and settled, without a payment."""
    case = books.case()
    story = books.wish(case, {**one_line(books, case, "USD", "0.00"), "state": "paid"}).settle(tryton)
    assert (story.state, story.correction.reason) == (State.VERIFIED, None)
    assert (books.owed(case), books.effects(case)) == (NOTHING, 1)


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("JPY", "500", "500"), ("USD", "5.00", "5.00"), ("KWD", "18.600", "18.600")],
)
def test_amounts_are_exact_in_every_currency(
    books: TrytonSubject, tryton: TrytonTarget, currency: str, amount: str, shown: str
) -> None:
    """G23: no, two and three decimals travel as they are, and are equal to what comes back."""
    case = books.case()
    story = books.wish(case, one_line(books, case, currency, amount)).settle(tryton)
    assert story.state is State.VERIFIED, story.correction.reason
    assert books.total(case) == Decimal(shown)


def test_fraction_of_the_smallest_unit_is_refused(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """G23: half a yen would be rounded by Tryton: refused, and no draft is left.

    Planted break, seen to fail: what Tryton keeps is not compared with what it was sent.
    """
    case = books.case()
    story = books.wish(case, one_line(books, case, "JPY", "500.5")).settle(tryton)
    assert (story.state, books.drafts(case), books.truth(case)) == (State.REFUSED, 0, None)


def test_two_booked_documents_of_one_reference_ask_a_person(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Somebody booked it a second time: DUPLICATE_AT_TARGET names both, and neither is touched."""
    case = books.made(tryton)
    books.book_again(case)
    story = books.story(case, 1, seen=0).settle(tryton)
    assert (story.state, story.code) == (State.REFUSED, "DUPLICATE_AT_TARGET")
    assert books.owed(case) == Decimal("238.00")


def test_credit_note_is_made_and_amended(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """The other object: 5.00, then 7.00; what the customer has to its credit follows exactly."""
    case = books.case()
    made = {"reference": f"CR-{case.object_id}", "customer": case.account, "currency": "EUR", "amount": "5"}
    changed = {**made, "amount": "7.00"}
    for name, desired, current in (("c1", made, None), ("c2", changed, made)):
        key = f"{name}-{case.object_id}"
        story = told(key, "erp", "credit", made["reference"], case.account, desired, current).settle(tryton)
        assert story.state is State.VERIFIED, story.correction.reason
    assert books.owed(case) == Decimal("-7.00")


def test_customer_is_made_and_changed_on_its_token(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Tier A: the code is unique, a change is conditional; a person who was faster makes a conflict that is read again."""
    name = f"A-{books.case().account}"
    make = told(f"{name}-1", "erp", "customer", name, name, {"name": "Ada"}, None)
    assert make.settle(tryton).state is State.VERIFIED
    write = calls("model.party.party.write")
    books.proxy.switch_on(Fault("pass", write, meanwhile=lambda: books.rename(name, "Ada Lovelace")))
    change = told(f"{name}-2", "erp", "customer", name, name, {"name": "Ada GmbH"}, {"name": "Ada"})
    change.step(tryton)
    assert (change.codes(), isinstance(change.events[0], c.NotApplied)) == ({"MOVED"}, True)


def one_line(books: TrytonSubject, case: Case, currency: str, amount: str) -> dict[str, str]:
    """The desired fields of an invoice with one line of this amount."""
    lines = json.dumps([{"description": "Plan", "amount": amount}])
    return {**books.desired(case, 0), "currency": currency, "total": amount, "lines": lines}

"""Periods of service become deferrals in Tryton, which are what its accountants recognise revenue by; proven by its own tables."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

from connectors.targets.tryton import TrytonTarget
from stack.fault_proxy import Fault
from state.correcting.correction import State
from tests.conformance.story import Story, told
from tests.conformance.subject import Case
from tests.conformance.tryton_subject import TrytonSubject, refunds

#: the books of last year, this one and the next are open
YEAR = dt.datetime.now(dt.UTC).year
#: a charge for the rest of a cycle, what was unused of it, one day, and something without a period
CHARGE = {"description": "rest", "amount": "100.00", "period_from": f"{YEAR}-03-05", "period_until": f"{YEAR}-04-01"}
UNUSED = {"description": "unused", "amount": "-9.99", "period_from": f"{YEAR}-03-05", "period_until": f"{YEAR}-04-01"}
ONE_DAY = {"description": "a day", "amount": "3.00", "period_from": f"{YEAR}-03-31", "period_until": f"{YEAR}-04-01"}
SETUP = {"description": "set-up", "amount": "6.99"}
LINES = [CHARGE, UNUSED, ONE_DAY, SETUP]
#: what Tryton makes of them: the last day is included, one day is not deferred
DEFERRED = [
    ("rest", f"{YEAR}-03-05", f"{YEAR}-03-31", "100.00", "draft"),
    ("unused", f"{YEAR}-03-05", f"{YEAR}-03-31", "-9.99", "draft"),
]


def wanted(books: TrytonSubject, case: Case, lines: list[dict[str, str]], currency: str = "USD") -> dict[str, str]:
    """The invoice of these lines."""
    total = sum(Decimal(line["amount"]) for line in lines)
    step = {"currency": currency, "total": str(total), "lines": json.dumps(lines)}
    return {**books.desired(case, 0), **step}


def booked(books: TrytonSubject, tryton: TrytonTarget, lines: list[dict[str, str]], currency: str = "USD") -> Case:
    """An invoice that Concord has posted."""
    case = books.case()
    story = books.wish(case, wanted(books, case, lines, currency)).settle(tryton)
    assert story.state is State.VERIFIED, story.correction.reason
    return case


def deferred(books: TrytonSubject, case: Case) -> list[tuple[str, ...]]:
    """Line, first and last day, amount and state of the customer's deferrals."""
    return [row[:-1] for row in books.deferring.all(case.account)]


def schedule(case: Case, lines: list[dict[str, Any]], shown: list[dict[str, Any]]) -> Story:
    """A correction of the schedule's input: billing's lines, and those that the view saw."""
    desired, seen = ({"reference": case.object_id, "lines": json.dumps(one)} for one in (lines, shown))
    return told(uuid.uuid4().hex, "erp", "schedule", case.object_id, case.account, desired, seen)


def test_periods_are_deferred_when_the_invoice_is_posted(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """First and last day of each line, exact amounts; the one day stands on its line, and what has no period is booked at once.

    Planted break, seen to fail: the last day is the one that billing excludes.
    """
    case = booked(books, tryton, LINES)
    assert deferred(books, case) == DEFERRED
    shown = tryton.read("schedule", {"object_id": case.object_id})
    assert shown is not None
    assert json.loads(shown.fields["lines"]) == LINES


def test_a_deferral_that_is_lost_or_wrong_is_brought_back(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """One is deleted and one has other days: one correction, no other document, and its trace at the invoice.

    In euros the amount that waits is that of the company's books, as Tryton itself reckons it.
    """
    case = booked(books, tryton, LINES, "EUR")
    before = deferred(books, case)
    books.deferring.lose(case.account, "rest")
    books.deferring.move(case.account, "unused", f"{YEAR}-03-20")
    without = {name: CHARGE[name] for name in ("description", "amount")}
    story = schedule(case, LINES, [without, {**UNUSED, "period_until": f"{YEAR}-03-21"}, ONE_DAY, SETUP]).settle(tryton)
    assert (story.state, deferred(books, case)) == (State.VERIFIED, before), story.correction.reason
    assert (books.effects(case), books.drafts(case), len(books.traces(case))) == (1, 0, 2)


def test_an_amended_invoice_has_the_deferrals_of_the_new_one(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """What was deferred of the document that is taken back is gone: its credit note gives the revenue back at once.

    Planted break, seen to fail: the deferrals stay with the cancelled document.
    """
    case = booked(books, tryton, LINES)
    longer = [{**CHARGE, "period_until": f"{YEAR}-05-01", "amount": "110.00"}, UNUSED, ONE_DAY, SETUP]
    story = books.wish(case, wanted(books, case, longer), wanted(books, case, LINES)).settle(tryton)
    assert story.state is State.VERIFIED, story.correction.reason
    assert deferred(books, case) == [("rest", f"{YEAR}-03-05", f"{YEAR}-04-30", "110.00", "draft"), DEFERRED[1]]


def void(books: TrytonSubject, case: Case) -> Story:
    """Billing has voided an invoice of LINES that is booked."""
    now = wanted(books, case, LINES)
    return books.wish(case, {**now, "state": "cancelled"}, now)


def test_a_cancelled_invoice_defers_nothing_whatever_is_lost(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Whoever is ended as the credit note is booked comes back to an invoice that is cancelled: nothing is left to do.

    Planted break, seen to fail: the deferrals go after the credit note.
    """
    case = booked(books, tryton, LINES)
    books.proxy.switch_on(Fault("drop_after", refunds))
    story = void(books, case).settle(tryton)
    assert (story.state, deferred(books, case)) == (State.VERIFIED, []), story.correction.reason


def test_an_invoice_that_is_not_cancelled_after_all_defers_as_before(
    books: TrytonSubject, tryton: TrytonTarget
) -> None:
    """Tryton refuses the credit note: a person is told, and the revenue waits as it did.

    Planted break, seen to fail: deferrals that are not made again.
    """
    case = booked(books, tryton, LINES)
    books.proxy.switch_on(
        Fault("answer", refunds, body=json.dumps({"id": 0, "error": ["UserError", ["no", ""]]}).encode())
    )
    story = void(books, case).settle(tryton)
    assert (story.state, sorted(deferred(books, case))) == (State.REFUSED, sorted(DEFERRED)), story.correction.reason


def test_a_person_who_is_faster_with_the_credit_note_leaves_nothing(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Our credit note is refused since theirs is booked: there is nothing left to do, and nothing is deferred.

    Planted break, seen to fail: deferrals are made again although the document is cancelled, which Tryton refuses.
    """
    case = booked(books, tryton, LINES)
    books.proxy.switch_on(Fault("pass", refunds, meanwhile=lambda: books.edit_ours(case)))
    story = void(books, case).settle(tryton)
    assert (story.state, deferred(books, case)) == (State.SUPERSEDED, []), story.correction.reason


def test_what_accounting_recognises_already_is_left_to_it(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """Neither its days nor its invoice are changed, and a person is told which deferral it is."""
    case = booked(books, tryton, [CHARGE, SETUP])
    books.deferring.run(case.account)
    running, owed = deferred(books, case), books.owed(case)
    later = [{**CHARGE, "period_until": f"{YEAR}-05-01"}, SETUP]
    dearer = wanted(books, case, [{**CHARGE, "amount": "120.00"}, SETUP])
    for story in (
        schedule(case, later, [CHARGE, SETUP]).settle(tryton),
        books.wish(case, dearer, wanted(books, case, [CHARGE, SETUP])).settle(tryton),
    ):
        assert (story.state, story.code) == (State.REFUSED, "SCHEDULE_RUNNING")
        assert "Next step" in (story.correction.reason or "")
    assert (deferred(books, case), books.owed(case), books.drafts(case)) == (running, owed, 0)


def test_what_tryton_cannot_defer_is_refused_by_name(books: TrytonSubject, tryton: TrytonTarget) -> None:
    """A line that names no service, and a period without an end: nothing is written, the line is named."""
    case = booked(books, tryton, [SETUP])
    late = [{**SETUP, "period_from": f"{YEAR}-03-05", "period_until": f"{YEAR}-04-01"}]
    story = schedule(case, late, [SETUP]).settle(tryton)
    assert (story.state, story.code, story.correction.details) == (State.REFUSED, "NOT_DEFERRABLE", {"line": "set-up"})
    other = books.case()
    endless = [{**SETUP, "period_from": f"{YEAR}-03-05"}]
    story = books.wish(other, wanted(books, other, endless)).settle(tryton)
    assert (story.state, story.code, books.drafts(other)) == (State.REFUSED, "PERIOD_NOT_HELD", 0)

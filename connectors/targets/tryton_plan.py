"""How a Tryton document is brought to what is desired: drafts first, then the steps that book, each of them repeatable.

A posted document is never changed. It is amended by a plan: a draft of the new one, a credit note that takes the old one
back, then the new one is posted. An interrupted plan is taken up by the draft, which carries the correction's id. When the
last step is refused, or comes later than the deadline, the policy decides: `hold` leaves the credit note and the draft to a
person, `compensate` books the old document again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Literal

from connectors.targets.protocol import (
    BusinessRefusal,
    Conflict,
    InDoubt,
    Misconfigured,
    PlanStopped,
    TargetError,
    TerminalError,
    TransientError,
)
from connectors.targets.tryton_books import Books
from connectors.targets.tryton_deferrals import require_draft
from connectors.targets.tryton_documents import BOOKED, DRAFTS, INVOICE, Entry, current
from connectors.targets.tryton_notes import Notes
from connectors.targets.tryton_wish import Wish

OnRefusal = Literal["hold", "compensate"]


@contextmanager
def _under_way() -> Iterator[None]:
    """Something is booked already: an error that would mean 'nothing was written' becomes doubt, which is looked at."""
    try:
        yield
    except TransientError as error:
        raise InDoubt("PLAN_INTERRUPTED", f"between two steps: {error.code}: {error.reason}") from error


class Planner:
    """Takes the steps. Every method finds out anew how far an earlier attempt came."""

    def __init__(
        self, books: Books, notes: Notes, on_refusal: OnRefusal, deadline: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._books, self._notes = books, notes
        self._on_refusal, self._deadline, self._now = on_refusal, deadline, now

    def bring(self, wish: Wish) -> None:
        """Make the document what is desired. Raises TargetError."""
        key = wish.write.key
        entries = self._books.entries(wish.write.desired["reference"])
        found = current(entries)
        if (found and found.timestamp) != wish.write.token:
            raise Conflict("STALE", "tryton: the document has changed since it was read")
        own = [one for one in entries if one.state in DRAFTS and one.key == key]
        self._books.drop([one.id for one in own[1:]])
        if found is not None and found.state in BOOKED:
            self._change_booked(wish, found, own)
            return
        taken_back = [one for one in entries if one.state == "cancelled" and one.number]
        if own and taken_back:
            with _under_way():
                self._finish(wish, taken_back[-1], own[0])
        elif wish.state == "cancelled":
            self._cancel_unbooked(wish, found)
        else:
            self._make(wish, found if found is not None and found.state in DRAFTS else None)
        if wish.state == "paid":
            with _under_way():
                self._pay(wish)

    def _make(self, wish: Wish, draft: Entry | None) -> None:
        """Nothing is booked yet: a draft with the right content, then post it. A refusal leaves nothing of ours behind."""
        self._require_open(wish)
        made = self._draft(wish) if draft is None else draft
        if not wish.alike(made):
            if made.state != "draft":
                reason = f"tryton: document {made.id} is validated. Next step: set it back to draft, or correct it"
                raise BusinessRefusal("NOT_EDITABLE", reason, {"document": str(made.id)})
            with self._as_read(wish, made):
                self._books.refill(made, wish.lines, wish.write.key, wish.booked_on)
            made = self._entry(wish, made.id)
        try:
            self._post(wish, made)
        except BusinessRefusal:
            if made.key == wish.write.key:
                self._books.drop([made.id])
            raise

    def _change_booked(self, wish: Wish, booked: Entry, own: list[Entry]) -> None:
        if wish.alike(booked) and wish.state in BOOKED and not (booked.state == "paid" and wish.state == "posted"):
            if wish.state == "paid" and booked.state != "paid":
                self._pay(wish)
            return
        if booked.state == "paid":
            text = f"tryton: {booked.number} is paid. Next step: book a credit note by hand, or correct billing"
            raise BusinessRefusal("INVOICE_PAID", text, {"number": str(booked.number)})
        require_draft(booked.deferrals)
        self._require_open(wish)
        if wish.state == "cancelled":
            self._books.drop([one.id for one in own])
            # before the credit note: whoever is ended between the two finds the invoice booked, and does both
            self._books.deferrals.drop(booked)
            try:
                self._take_back(wish, booked)
            except TerminalError:
                if self._entry(wish, booked.id).state in BOOKED:  # else somebody was faster
                    self._books.deferrals.restore(booked)
                raise
            with _under_way():
                self._require(wish, booked.id, "cancelled")
            return
        draft = own[0] if own else self._draft(wish)
        try:
            self._take_back(wish, booked)
        except TerminalError:
            self._books.drop([draft.id])
            raise
        with _under_way():
            self._require(wish, booked.id, "cancelled")
            self._finish(wish, self._entry(wish, booked.id), self._entry(wish, draft.id))
            if wish.state == "paid":
                self._pay(wish)

    def _take_back(self, wish: Wish, booked: Entry) -> None:
        """Book the credit note."""
        self._sign(wish, booked.id)
        with self._as_read(wish, booked):
            self._books.refund(booked, wish.booked_on)

    @contextmanager
    def _as_read(self, wish: Wish, entry: Entry) -> Iterator[None]:
        """What Tryton refuses because somebody was faster is a conflict, not a rule of business."""
        try:
            yield
        except BusinessRefusal as error:
            if self._entry(wish, entry.id).timestamp != entry.timestamp:
                raise Conflict("STALE", error.reason) from error
            raise

    def _finish(self, wish: Wish, taken_back: Entry, draft: Entry) -> None:
        """The last step of a plan: post the new document, or do what the policy says."""
        late = self._now() - taken_back.changed.replace(tzinfo=UTC) > self._deadline
        try:
            if late:
                reason = f"the plan's last step is later than {self._deadline} after the credit note"
                raise BusinessRefusal("PLAN_OVERDUE", reason, {})
            self._require_open(wish)
            self._books.deferrals.drop(taken_back)
            self._post(wish, draft)
        except BusinessRefusal as error:
            raise self._stopped(wish, taken_back, draft, error) from error

    def _stopped(self, wish: Wish, taken_back: Entry, draft: Entry, error: BusinessRefusal) -> PlanStopped:
        """Apply the policy; says what was done and what is left."""
        details = {
            **error.details,
            "refused": error.code,
            "taken_back": str(taken_back.number),
            "policy": self._on_refusal,
        }
        if self._on_refusal == "compensate":
            with suppress(TargetError):
                again = self._books.draft(wish.write.desired, taken_back.lines, f"{wish.write.key} undone", None)
                self._books.post(self._entry(wish, again))
                self._books.drop([draft.id])
                details["booked_again"] = str(self._entry(wish, again).number)
                text = f"tryton refused the new document ({error.reason}); the old one was booked again"
                return PlanStopped("PLAN_UNDONE", f"{text}. Next step: see why, then correct it by hand", details)
        details["draft"] = str(draft.id)
        text = f"tryton took {taken_back.number} back and refused the new document ({error.reason})"
        return PlanStopped("PLAN_HELD", f"{text}. Next step: post draft {draft.id}, or book the old one again", details)

    def _cancel_unbooked(self, wish: Wish, found: Entry | None) -> None:
        """A void invoice that was never booked: cancelled without a number."""
        made = found if found is not None and found.state in DRAFTS else self._draft(wish)
        self._sign(wish, made.id)
        self._books.cancel(made)
        self._require(wish, made.id, "cancelled")

    def _draft(self, wish: Wish) -> Entry:
        """Make our draft and look how many there are: of those that lost answers left behind, the oldest stays."""
        self._books.draft(wish.write.desired, wish.lines, wish.write.key, wish.booked_on)
        entries = self._books.entries(wish.write.desired["reference"])
        own = [one for one in entries if one.state in DRAFTS and one.key == wish.write.key]
        if not own:
            raise InDoubt("NOT_SHOWN", "tryton made a draft and does not show it")
        self._books.drop([one.id for one in own[1:]])
        if not wish.alike(own[0]):
            self._books.drop([own[0].id])
            reason = "tryton keeps other lines or amounts than it was sent. Next step: see the currency's smallest unit"
            raise BusinessRefusal("NOT_TAKEN", reason, {})
        self._sign(wish, own[0].id)
        return own[0]

    def _sign(self, wish: Wish, number: int) -> None:
        """Leave the correction's trace at a document, before anything is booked by it."""
        self._notes.ensure(INVOICE, number, wish.write.trace.text)

    def _post(self, wish: Wish, draft: Entry) -> None:
        self._sign(wish, draft.id)
        with self._as_read(wish, draft):
            self._books.post(draft)
        self._require(wish, draft.id, *BOOKED)

    def _pay(self, wish: Wish) -> None:
        booked = current(self._books.entries(wish.write.desired["reference"]))
        if booked is None or booked.state == "paid":
            return
        self._sign(wish, booked.id)
        self._books.pay(booked, wish.write.key, self._now().date())
        self._require(wish, booked.id, "paid")

    def _require_open(self, wish: Wish) -> None:
        """Raises BusinessRefusal with the first open day if the period of the booking day is closed."""
        day = wish.booked_on or self._now().date()
        first = self._books.first_open_day(day)
        if first != day:
            reason = f"tryton: the period of {day} is closed"
            details = {"day": str(day)} | ({"first_open_day": str(first)} if first else {})
            raise BusinessRefusal("PERIOD_CLOSED", f"{reason}; the first open day is {first}", details)

    def _require(self, wish: Wish, number: int, *states: str) -> None:
        """Read back: a button of Tryton may answer 200 and do nothing."""
        entry = self._entry(wish, number)
        if entry.state not in states:
            reason = f"tryton answered and document {number} is {entry.state}, not {' or '.join(sorted(states))}"
            raise InDoubt("NOT_DONE", reason)

    def _entry(self, wish: Wish, number: int) -> Entry:
        found = {one.id: one for one in self._books.entries(wish.write.desired["reference"])}
        if number in found:
            return found[number]
        raise Misconfigured("DOCUMENT_GONE", f"tryton does not show document {number}. Next step: see who deleted it")

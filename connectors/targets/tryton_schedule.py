"""The input of Tryton's revenue schedule: the deferrals of a booked invoice's lines are brought to billing's periods of service.

Nothing is booked by it, and the document stays as it is. What Tryton's accountants have begun to recognise is left to them.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.targets.protocol import BusinessRefusal, Conflict, InDoubt, NotYet, TargetError, Write
from connectors.targets.tryton_books import Books
from connectors.targets.tryton_deferrals import require_draft
from connectors.targets.tryton_documents import BOOKED, INVOICE, NO_PERIOD, Entry, Line, current, lines_of
from connectors.targets.tryton_notes import Notes


class Scheduler:
    """Changes deferrals, each on condition that it is as it was read."""

    def __init__(self, books: Books, notes: Notes) -> None:
        self._books, self._notes = books, notes

    def bring(self, write: Write) -> None:
        """Give every line that billing has a period for this period. Raises TargetError."""
        reference = write.desired["reference"]
        entry = current(self._books.entries(reference))
        if entry is None or entry.state not in BOOKED:
            raise NotYet("NOT_BOOKED", f"tryton has not booked {reference} yet")
        if token(entry) != write.token:
            raise Conflict("STALE", "tryton: the document or a deferral of it has changed since it was read")
        changes = [
            (line, wanted)
            for line, wanted in matched(entry, lines_of(write.desired["lines"]))
            if wanted.period not in (NO_PERIOD, line.period)
        ]
        require_draft([line.deferral for line, _ in changes if line.deferral is not None])
        for line, wanted in changes:
            self._books.deferrals.check(line, wanted)
        self._notes.ensure(INVOICE, entry.id, write.trace.text)
        for number, (line, wanted) in enumerate(changes):
            try:
                self._books.deferrals.set(line, wanted)
            except TargetError as error:
                if number == 0:
                    raise
                raise InDoubt("PLAN_INTERRUPTED", f"between two lines: {error.code}: {error.reason}") from error


def token(entry: Entry) -> str:
    """The document as it was read, with its deferrals: they have timestamps of their own."""
    return " ".join([entry.timestamp, *(f"{one.id}:{one.timestamp}" for one in entry.deferrals)])


def matched(entry: Entry, wanted: Sequence[Line]) -> list[tuple[Line, Line]]:
    """Each wanted line with the document's line of this text and amount, if possible one whose period is right already.

    Raises BusinessRefusal where the document has no such line: that is not a matter of periods.
    """
    left, found = list(entry.lines), []
    right = {(line.description, line.amount, line.period) for line in left}
    for want in sorted(wanted, key=lambda one: (one.description, one.amount, one.period) not in right):
        named = [line for line in left if (line.description, line.amount) == (want.description, want.amount)]
        if not named:
            reason = f"tryton's document {entry.number} has no line {want.description!r} of {want.amount}"
            raise BusinessRefusal("LINES_DIFFER", f"{reason}. Next step: see its invoice", {"line": want.description})
        line = next((line for line in named if line.period == want.period), named[0])
        left.remove(line)
        found.append((line, want))
    return found

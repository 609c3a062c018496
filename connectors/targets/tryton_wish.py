"""What a correction wants of a Tryton document, and a document in canonical words: amounts and days as exact text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from connectors.targets.protocol import BusinessRefusal, Misconfigured, Write
from connectors.targets.tryton_documents import DRAFTS, NO_PERIOD, Entry, Line, lines_of, text_of

#: description, amount in its shortest form, period
Words = tuple[str, str, tuple[str, str]]


@dataclass(frozen=True)
class Wish:
    """What a document must be: one correction's desired state."""

    write: Write
    customer: str
    currency: str
    state: str
    lines: tuple[Line, ...]
    booked_on: date | None

    def alike(self, entry: Entry) -> bool:
        """Whether the document says the same, whatever its state; a line is its text and its amount, in any order.

        Of a draft also its period: of a booked one that can be changed without booking anything again.
        """
        same = (entry.customer, entry.currency) == (self.customer, self.currency)
        return same and same_lines(entry.lines, self.lines, entry.state in DRAFTS)


def wish_of(write: Write) -> Wish:
    """What is desired as a document; raises Misconfigured or BusinessRefusal where it cannot be one."""
    desired = write.desired
    day = date.fromisoformat(desired["posted_on"]) if desired.get("posted_on") else None
    try:
        if write.object == "credit":
            lines: tuple[Line, ...] = (Line(f"Credit {desired['reference']}", -Decimal(desired["amount"])),)
            return Wish(write, desired["customer"], desired["currency"], "posted", lines, day)
        lines, total = lines_of(desired["lines"]), Decimal(desired["total"])
    except (ValueError, KeyError, InvalidOperation) as error:
        raise Misconfigured(
            "BAD_DESIRED", f"the desired {write.object} lacks {error!r}. Next step: check the rule"
        ) from error
    if sum(line.amount for line in lines) != total:
        reason = f"the lines of {desired['reference']} are {sum(line.amount for line in lines)}, its total is {total}"
        raise BusinessRefusal("LINES_DIFFER", f"{reason}: tax must be a line of its own", {"total": desired["total"]})
    return Wish(write, desired["customer"], desired["currency"], desired["state"], lines, day)


def fields_of(object_name: str, entry: Entry) -> dict[str, str]:
    """The document in canonical words."""
    if object_name == "schedule":
        return {"reference": entry.reference, "lines": text_of(entry.lines)}
    shown = {
        "reference": entry.reference,
        "customer": entry.customer,
        "currency": entry.currency,
        "state": entry.state,
        "posted_on": str(entry.booked_on or ""),
    }
    if object_name == "credit":
        return shown | {"amount": f"{-entry.total:f}"}
    return shown | {"total": f"{entry.total:f}", "lines": text_of(entry.lines)}


def same_lines(one: Sequence[Line], other: Sequence[Line], periods: bool) -> bool:
    """Whether lines are the same in any order; `periods`: also what they are for."""
    return Counter(_words(line, periods) for line in one) == Counter(_words(line, periods) for line in other)


def has_periods(shown: Sequence[Line], wanted: Sequence[Line]) -> bool:
    """Whether every line that must have a period is shown with it; what the others have means nothing."""
    must = Counter(_words(line, True) for line in wanted if line.period != NO_PERIOD)
    return not must - Counter(_words(line, True) for line in shown)


def _words(line: Line, periods: bool) -> Words:
    return line.description, f"{line.amount.normalize():f}", line.period if periods else NO_PERIOD

"""Deferral of revenue in Tryton (module account_invoice_defer): what a line needs to be deferred, and the deferrals themselves.

A line of a service product with first and last day gets a deferral when its invoice is posted. That is the input of the
revenue schedule: an accountant runs it, and from then on Tryton books by it, period after period.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from connectors.targets.protocol import BusinessRefusal, Conflict, Misconfigured
from connectors.targets.tryton_documents import DAY, NO_PERIOD, Deferral, Entry, Line
from connectors.targets.tryton_session import Row, TrytonSession

MODEL = "account.invoice.deferred"
_MODEL = f"model.{MODEL}"
#: fields of a line that only the module has
LINE_FIELDS = ("deferrable", "defer_from", "defer_to")


class Deferrals:
    """Of one company. `product`: code of the service product that deferred lines name, None where Tryton defers nothing."""

    def __init__(self, session: TrytonSession, company: int, product: str | None) -> None:
        self._session, self._product = session, product
        self._company = company
        self._context = {"company": company, "companies": [company]}
        self._service: Row | None = None

    @property
    def line_fields(self) -> Sequence[str]:
        """What to read of a line besides the rest."""
        return LINE_FIELDS if self._product is not None else ()

    def of(self, lines: Sequence[Row]) -> dict[int, Deferral]:
        """Deferrals by line, asked for only where a line can have one."""
        wanted = [line["id"] for line in lines if line.get("deferrable")]
        if not wanted:
            return {}
        fields = ["invoice_line", "state", "start_date", "end_date", "_timestamp"]
        domain = [["invoice_line", "in", wanted]]
        rows = self._session.read(f"{_MODEL}.search_read", domain, 0, None, None, fields, context=self._context)
        return {
            row["invoice_line"]: Deferral(
                row["id"], row["state"], row["start_date"], row["end_date"], row["_timestamp"]
            )
            for row in rows
        }

    def of_line(self, line: Line) -> Row:
        """The values that a new line needs for its period. Raises BusinessRefusal, Misconfigured."""
        if line.period == NO_PERIOD:
            return {}
        if self._product is None:
            reason = f"{line.description!r} has a period of service, and no `service_product` is described"
            step = "Next step: name one in the target's description, or map no deferrals"
            raise Misconfigured("NOT_DESCRIBED", f"tryton: {reason}. {step}")
        first, last = days(line)
        service = self._found()
        return {
            "product": service["id"],
            "unit": service["default_uom"],
            "defer_from": first,
            "defer_to": last if last > first else None,
        }

    @staticmethod
    def check(line: Line, wanted: Line) -> None:
        """Whether Tryton can have a deferral of these days for a booked line. Raises BusinessRefusal."""
        first, last = days(wanted)
        if first == last:
            reason = f"{line.description!r} is booked, and one day of service stands on the line, which is closed"
            step = "Next step: take the invoice back and let it be booked anew"
            raise BusinessRefusal("PERIOD_NOT_HELD", f"tryton: {reason}. {step}", {"line": line.description})
        if line.deferral is None and not line.deferrable:
            reason = f"{line.description!r} names no product of type service, and Tryton defers nothing else"
            step = "Next step: take the invoice back and let it be booked anew, or book its revenue by hand"
            raise BusinessRefusal("NOT_DEFERRABLE", f"tryton: {reason}. {step}", {"line": line.description})

    def set(self, line: Line, wanted: Line) -> None:
        """Let a booked line's revenue be recognised over these days, which were checked. Raises TargetError."""
        first, last = days(wanted)
        known = line.deferral
        if known is None:
            self._create(line, first, last)
            return
        stamp = {"_timestamp": {f"{MODEL},{known.id}": known.timestamp}}
        change = {"start_date": first, "end_date": last}
        self._session.write(f"{_MODEL}.write", [known.id], change, context=self._context | stamp)

    def drop(self, entry: Entry) -> None:
        """The document is taken back: nothing is recognised of it."""
        if entry.deferrals:
            found = self._session.read(
                f"{_MODEL}.search", [["id", "in", [one.id for one in entry.deferrals]]], 0, None, None,
                context=self._context,
            )  # fmt: skip
            if found:
                self._session.write(f"{_MODEL}.delete", list(found), context=self._context)

    def restore(self, entry: Entry) -> None:
        """The document is not taken back after all: what was dropped of it is there again. Raises TargetError."""
        for line in entry.lines:
            if line.deferral is not None:
                self._create(line, line.deferral.first, line.deferral.last)

    def _create(self, line: Line, first: date, last: date) -> None:
        """A line has one deferral at most: of two that make it, Tryton refuses the second."""
        values: Row = {"company": self._company, "type": "out", "invoice_line": line.id, "start_date": first}
        values["amount"] = self._amount(values)
        values |= {"end_date": last, "journal": self._journal()}
        try:
            self._session.write(f"{_MODEL}.create", [values], context=self._context)
        except BusinessRefusal as error:
            if self.of([{"id": line.id, "deferrable": True}]):
                raise Conflict("EXISTS", error.reason) from error
            raise

    def _amount(self, values: Mapping[str, object]) -> object:
        """What Tryton itself would defer: the line's amount in the company's currency."""
        shown = self._session.read(f"{_MODEL}.on_change", dict(values), ["invoice_line"], context=self._context)
        return shown["amount"]

    def _journal(self) -> int:
        found = self._session.read(
            "model.account.journal.search", [["type", "=", "revenue"]], 0, 1, None, context=self._context
        )
        return int(found[0])

    def _found(self) -> Row:
        if self._service is None:
            rows = self._session.read(
                "model.product.product.search_read", [["code", "=", self._product], ["type", "=", "service"]], 0, 1, None,
                ["default_uom"], context=self._context,
            )  # fmt: skip
            if not rows:
                reason = f"tryton has no product of type service with code {self._product!r}"
                raise Misconfigured("NOT_DESCRIBED", f"{reason}. Next step: correct the target's description")
            self._service = dict(rows[0])
        return self._service


def days(line: Line) -> tuple[date, date]:
    """First and last day of a line's period. Raises BusinessRefusal where Tryton has no place for it."""
    try:
        first, end = (date.fromisoformat(day) for day in line.period)
    except ValueError:
        first = end = date.min
    if first >= end:
        reason = f"{line.description!r} is for {line.period.begin or '?'} to {line.period.end or '?'}"
        step = "Tryton defers from a first to a last day. Next step: correct the period in billing"
        raise BusinessRefusal("PERIOD_NOT_HELD", f"tryton: {reason}; {step}", {"line": line.description})
    return first, end - DAY


def require_draft(deferrals: Sequence[Deferral]) -> None:
    """Raises BusinessRefusal if Tryton's accountants have begun to recognise revenue by one of these."""
    begun = [str(one.id) for one in deferrals if one.state != "draft"]
    if begun:
        reason = f"tryton recognises revenue by deferral {', '.join(begun)} already"
        step = "Next step: let accounting end it and correct what it booked, or correct billing"
        raise BusinessRefusal("SCHEDULE_RUNNING", f"{reason}. {step}", {"deferrals": ", ".join(begun)})

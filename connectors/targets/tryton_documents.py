"""Tryton's customer documents as they were read: one entry per document, its lines, and the deferral of each line's revenue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from connectors.targets.protocol import BusinessRefusal
from connectors.targets.tryton_session import Row

#: the words before a correction's key in an invoice's description: its drafts are known by them
TRACE = "Concord correction "
DRAFTS, BOOKED = frozenset({"draft", "validated"}), frozenset({"posted", "paid"})
INVOICE = "account.invoice"
DAY = timedelta(days=1)


class Period(NamedTuple):
    """Days of service as billing names them: the first one, and the one after the last; empty texts for none."""

    begin: str = ""
    end: str = ""


NO_PERIOD = Period()


@dataclass(frozen=True)
class Deferral:
    """What Tryton recognises a line's revenue by. `last` is included; `state`: draft until its accountants run it."""

    id: int
    state: str
    first: date
    last: date
    timestamp: str

    @property
    def period(self) -> Period:
        """In billing's words."""
        return period_of(self.first, self.last)


@dataclass(frozen=True)
class Line:
    """One line as billing names it: what it is for, its exact amount in major units, its period of service.

    Of a line that was read also its id, whether Tryton would defer it (a product of type service), and its deferral.
    """

    description: str
    amount: Decimal
    period: Period = NO_PERIOD
    id: int = 0
    deferrable: bool = False
    deferral: Deferral | None = None


@dataclass(frozen=True)
class Entry:
    """One invoice or credit note. `key`: the correction that made it; `changed`: when, in UTC."""

    id: int
    state: str
    number: str | None
    reference: str
    key: str | None
    customer: str
    currency: str
    total: Decimal
    to_pay: Decimal
    lines: tuple[Line, ...]
    booked_on: date | None
    timestamp: str
    changed: datetime

    @property
    def deferrals(self) -> list[Deferral]:
        """Those of its lines."""
        return [line.deferral for line in self.lines if line.deferral is not None]


def period_of(first: date, last: date) -> Period:
    """Days of which the last is included, in billing's words."""
    return Period(first.isoformat(), (last + DAY).isoformat())


def lines_of(text: str) -> tuple[Line, ...]:
    """The lines of a correction's desired value (JSON, amounts as decimal text)."""
    return tuple(
        Line(
            str(one["description"]),
            Decimal(str(one["amount"])),
            Period(str(one.get("period_from", "")), str(one.get("period_until", ""))),
        )
        for one in json.loads(text)
    )


def text_of(lines: Sequence[Line]) -> str:
    """The way back."""
    shown = []
    for line in lines:
        days = {name: day for name, day in zip(("period_from", "period_until"), line.period, strict=True) if day}
        shown.append({"description": line.description, "amount": f"{line.amount:f}", **days})
    return json.dumps(shown)


def current(entries: Sequence[Entry]) -> Entry | None:
    """The document that counts among all with one reference: the booked one, else the draft, else the cancelled one.

    Raises BusinessRefusal for two booked ones: a person has to say which is right.
    """
    booked = [one for one in entries if one.state in BOOKED]
    if len(booked) > 1:
        numbers = ", ".join(str(one.number) for one in booked)
        reason = f"tryton has {len(booked)} booked documents with reference {booked[0].reference}: {numbers}"
        raise BusinessRefusal("DUPLICATE_AT_TARGET", f"{reason}. Next step: take one back", {"numbers": numbers})
    drafts = [one for one in entries if one.state in DRAFTS]
    if booked or drafts:
        return (booked or drafts)[0]
    return entries[-1] if entries else None


def leftovers(entries: Sequence[Entry], key: str) -> list[int]:
    """Drafts that this write has made and that are not the document that counts. Raises as `current`."""
    counts = current(entries)
    return [one.id for one in entries if one.state in DRAFTS and one.key == key and one is not counts]


def entry_of(row: Row, lines: Sequence[Row], deferrals: Mapping[int, Deferral]) -> Entry:
    """A document from its row, the rows of its lines, and deferrals by line."""
    description = row["description"] or ""
    booked = row["state"] in BOOKED
    return Entry(
        id=row["id"],
        state=row["state"],
        number=row["number"],
        reference=row["reference"] or "",
        key=description.removeprefix(TRACE) if description.startswith(TRACE) else None,
        customer=row["party."]["code"] or "",
        currency=row["currency."]["code"],
        total=row["total_amount"] or Decimal(0),
        to_pay=row["amount_to_pay"] or Decimal(0),
        lines=tuple(_line(one, deferrals.get(one["id"]), booked) for one in lines if one["type"] == "line"),
        booked_on=row["accounting_date"] or row["invoice_date"],
        timestamp=row["_timestamp"],
        changed=row["write_date"] or row["create_date"],
    )


def _line(row: Row, deferral: Deferral | None, booked: bool) -> Line:
    """Of a booked line the deferral says the period: by it revenue is recognised. Of any other one the line's own days do.

    One day is no deferral in Tryton: it stands on the line, as its first day without a last one.
    """
    first, last = row.get("defer_from"), row.get("defer_to")
    period = NO_PERIOD
    if deferral is not None:
        period = deferral.period
    elif first is not None and (last is None or not booked):
        period = period_of(first, last or first)
    named = (row["description"] or "", row["amount"])
    return Line(*named, period, row["id"], bool(row.get("deferrable")), deferral)

"""Tryton keeps invoices and credit notes in one table, their payments as move lines, and the posting date in the move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from state.folding.derivation import Derivation, Link, Made, Moment, Part, Parts, part_role
from state.role import RoleField, label, optional
from state.values import NANO_DIGITS, major_units

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_text = RoleField
#: kind of the rows by which revenue is recognised
DEFERRAL = "deferral"
_LINE_MODEL = "account.invoice.line"
#: ranks of an unbooked and of a cancelled invoice among those of one reference
_DRAFT, _GONE = 1, 2

PARTS = (
    part_role(
        "erp",
        "party",
        "account",
        (
            _text("code", "text"),
            _text("currency", "text"),
            optional("name", "text", personal=True),
            optional("replaced_by", "text"),
            _text("active", "boolean"),
        ),
    ),
    part_role(
        "erp",
        "invoice_row",
        "invoice",
        (
            _text("row", "text"),
            label("state", "draft", "validated", "posted", "paid", "cancelled"),
            optional("reference", "text"),
            label("currency"),
            optional("total", "money"),
            optional("sequence", "text"),
            optional("invoice_date", "date"),
            optional("move", "text"),
        ),
        ("row", "move", "reference"),
    ),
    part_role(
        "erp",
        "invoice_line_row",
        "invoice",
        (
            _text("row", "text"),
            _text("invoice", "text"),
            _text("kind", "text"),
            optional("quantity", "decimal"),
            optional("unit_price", "decimal"),
            optional("description", "text"),
            # 'model,id'
            optional("origin", "text"),
            optional("defer_from", "date"),
            # this day included
            optional("defer_to", "date"),
        ),
        ("row", "invoice"),
    ),
    part_role(
        "erp",
        DEFERRAL,
        "invoice",
        (_text("line", "text"), _text("first", "date"), _text("last", "date")),
        ("line",),
    ),
    part_role("erp", "invoice_tax", "invoice", (_text("invoice", "text"), _text("amount", "money")), ("invoice",)),
    part_role(
        "erp",
        "move",
        "invoice",
        (_text("row", "text"), optional("date", "date"), optional("post_date", "date")),
        ("row",),
    ),
    part_role("erp", "payment_line", "payment", (_text("invoice", "text"), _text("line", "text")), ("invoice", "line")),
    part_role(
        "erp",
        "move_line",
        "payment",
        (_text("row", "text"), _text("move", "text"), _text("debit", "money"), _text("credit", "money")),
        ("row", "move"),
    ),
)


def _account(parts: Parts, anchor: str, _moment: Moment) -> Iterator[Made]:
    """The customer; a party that was merged into another is no customer any more."""
    for row in parts.all("party"):
        if row.ref[1] == anchor and row["replaced_by"] is None:
            yield Made("account", anchor, row["code"], {"currency": row["currency"], "name": row["name"]}, (), (row,))


def _anchors(part: Part, parts: Parts) -> Iterable[str | None]:
    if part.kind == "invoice_row":
        return [part["row"], *(row["row"] for row in parts.of("invoice_row", reference=part["reference"]))]
    if part.kind == "move":
        lines = [line["row"] for line in parts.of("move_line", move=part["row"])]
        paid = [one["invoice"] for line in lines for one in parts.of("payment_line", line=line)]
        return [*(row["row"] for row in parts.of("invoice_row", move=part["row"])), *paid]
    if part.kind == DEFERRAL:
        return [line["invoice"] for line in parts.of("invoice_line_row", row=part["line"])]
    if part.kind == "move_line":
        return [one["invoice"] for one in parts.of("payment_line", line=part["row"])]
    return [part["invoice"]]


def invoice_id(row: Part, parts: Parts) -> str:
    """Billing's id where the invoice came from there, else one that no other system uses.

    A posted invoice is amended by a credit note and a new invoice of the same reference. The booked one has the id, else
    the oldest draft (a request that came twice makes two, which book nothing), else the newest of the cancelled ones; two
    that are booked have it both, which is told as ambiguous.
    """
    own = f"ERP-{row['row']}"
    if row["reference"] is None:
        return own
    rank, others = _rank(row), parts.of("invoice_row", reference=row["reference"])
    outranked = any(_rank(other) < rank or (_rank(other) == rank and _before(other, row, rank)) for other in others)
    return own if outranked else str(row["reference"])


def _before(other: Part, row: Part, rank: int) -> bool:
    """Whether of two documents of one rank the other one counts."""
    if rank == _GONE:
        return bool(other.order > row.order)
    return rank == _DRAFT and (len(other["row"]), other["row"]) < (len(row["row"]), row["row"])


def _rank(row: Part) -> int:
    return {"posted": 0, "paid": 0, "draft": _DRAFT, "validated": _DRAFT}.get(row["state"], _GONE)


def line_amount(line: Part, digits: int) -> int:
    """Quantity times price, rounded to the currency's decimals as Tryton itself does."""
    if line["kind"] != "line" or line["quantity"] is None or line["unit_price"] is None:
        return 0
    product = _EXACT.multiply(Decimal(line["quantity"]), Decimal(line["unit_price"]))
    rounded = product.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN, _EXACT)
    return major_units(rounded) or 0


def _invoice(parts: Parts, anchor: str, _moment: Moment) -> Iterator[Made]:
    """An invoice or, if what it asks for is negative, a credit note; lines and payments of either."""
    row = parts.one("invoice_row", row=anchor)
    if row is None:
        return
    digits = parts.digits.get(row["currency"], NANO_DIGITS)
    lines = [(line, line_amount(line, digits)) for line in parts.of("invoice_line_row", invoice=anchor)]
    taxes = sum(tax["amount"] for tax in parts.of("invoice_tax", invoice=anchor))
    total = row["total"] if row["total"] is not None else sum(amount for _, amount in lines) + taxes
    move = parts.one("move", row=row["move"])
    booked = row["state"] in ("posted", "paid")
    fields: dict[str, Any] = {"currency": row["currency"], "state": row["state"]}
    fields["posted_on"] = ((move and move["post_date"]) or row["invoice_date"]) if booked else None
    unmapped = tuple(name for name in ("state",) if row.unknown(name))
    if row["sequence"] == "credit_note" or (row["sequence"] is None and total < 0):
        fields |= {"amount": -total, "invoice": _taken_back(parts, lines)}
        yield Made("credit", anchor, invoice_id(row, parts), fields, unmapped, own=row)
        return
    yield Made("invoice", anchor, invoice_id(row, parts), fields | {"total": total}, unmapped, own=row)
    here = Link("invoice", anchor)
    for line, amount in lines:
        deferral = parts.one(DEFERRAL, line=line["row"])
        shown = {"invoice": here, "amount": amount, "description": line["description"]}
        shown |= zip(("period_from", "period_until"), _period(line, deferral, booked), strict=True)
        yield Made("invoice_line", line["row"], line["row"], shown, (), (line, deferral) if deferral else (line,))
    for paid in parts.of("payment_line", invoice=anchor):
        booking = parts.one("move_line", row=paid["line"])
        if booking is not None:
            when = parts.one("move", row=booking["move"])
            shown = {"currency": row["currency"], "invoice": here, "amount": booking["credit"] - booking["debit"]}
            shown["received_on"] = when["date"] if when is not None else None
            yield Made("payment", booking["row"], f"ERP-PAY-{booking['row']}", shown, (), (paid, booking))


def _period(line: Part, deferral: Part | None, booked: bool) -> tuple[str | None, str | None]:
    """First day of service and the day after the last: a booked line's by its deferral, any other one's by its own days.

    Tryton defers over two days at least: one day stands on the line alone, as its first day without a last one.
    """
    if deferral is not None:
        return deferral["first"], _following(deferral["last"])
    first, last = line["defer_from"], line["defer_to"]
    if first is None or (last is not None and booked):
        return None, None
    return first, _following(last or first)


def _following(day: str | None) -> str | None:
    """The day after; what is no day of the calendar stays as it is."""
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat() if day else None
    except (ValueError, OverflowError):
        return day


def _taken_back(parts: Parts, lines: list[tuple[Part, int]]) -> Link | None:
    """The invoice whose lines the credit note's lines name as their origin."""
    for line, _ in lines:
        model, _, key = (line["origin"] or "").partition(",")
        of = parts.one("invoice_line_row", row=key) if model == _LINE_MODEL else None
        if of is not None:
            return Link("invoice", of["invoice"])
    return None


DERIVATIONS = (
    Derivation("tryton.account", "erp", ("account",), ("party",), lambda part, _parts: [part.ref[1]], _account),
    Derivation(
        "tryton.invoice",
        "erp",
        ("invoice", "invoice_line", "credit", "payment"),
        ("invoice_row", "invoice_line_row", DEFERRAL, "invoice_tax", "move", "payment_line", "move_line"),
        _anchors,
        _invoice,
    ),
)

"""What Tryton recognises revenue by is its deferral of a line; before it is booked the line's own days say what it will be."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from state.rules import Rule, Rules
from tests.scenarios.cases.capture import Event
from tests.scenarios.cases.company import ACCOUNT, DAY, TABLES, mapping_of, topic
from tests.scenarios.cases.company import row as of_billing
from tests.scenarios.cases.wire import Wire
from tests.scenarios.real.recordings import mapping_text, tables
from tests.scenarios.real.replay import TIERS

RULE = Rule("revenue-schedule", "schedule", "billing", "erp", 0, "auto", 10, "revenue-accounting")
FROM, UNTIL = "2026-03-05", "2026-04-01"


def day(text: str) -> int:
    """A date as the connector writes it."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


@pytest.fixture
def books(tmp_path: Path) -> Wire:
    """Billing has an invoice of one line, 5 to 31 March; Tryton has its party."""
    periods = {"period_from": DAY, "period_until": DAY}
    billing: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        topic(name): (("id",), {"id": "long", **columns, **(periods if name.endswith("lines") else {})})
        for name, columns in TABLES.items()
        if name.startswith("billing.")
    }
    ours = {name: shape for name, shape in tables().items() if name.startswith("tryton.")}
    texts = {"billing": mapping_of("billing", {}), "tryton": mapping_text("tryton")}
    wire = Wire(tmp_path, texts, billing | ours, rules=Rules(1, TIERS, "finance", (RULE,)))
    line = {"period_from": day(FROM), "period_until": day(UNTIL)}
    rows: dict[str, dict[str, Any]] = {"accounts": {"currency": "USD"}, "invoices": {}, "invoice_lines": line}
    names = {f"billing.{name}": more for name, more in rows.items()}
    wire.commit(*(wire.put(topic(name), "c", **of_billing(name, 1, **more)) for name, more in names.items()))
    wire.commit(theirs(wire, "party_party", 1, code=ACCOUNT, name="Ada", active=True), source="tryton")
    return wire


def theirs(books: Wire, table: str, number: int, **columns: Any) -> Event:
    """A row of Tryton with these columns, null in the others."""
    name = f"tryton.public.{table}"
    image: dict[str, Any] = dict.fromkeys(tables()[name][1])
    return books.put(name, **image | {"id": number, **columns})


def document(books: Wire, first: str | None, last: str | None, state: str = "posted") -> list[Event]:
    """The invoice and its line with its own days."""
    base = {"party": 1, "type": "out", "currency": 1, "reference": "INV-1", "total_amount_cache": "100.00"}
    days = {"defer_from": first and day(first), "defer_to": last and day(last)}
    shown = {"invoice": 1, "type": "line", "quantity": 1.0, "unit_price": "100.00", "description": "plan", **days}
    return [
        theirs(books, "account_invoice", 1, state=state, **base),
        theirs(books, "account_invoice_line", 1, **shown),
    ]


def deferral(books: Wire, first: str, last: str) -> Event:
    """The deferral of the line."""
    days = {"start_date": day(first), "end_date": day(last)}
    return theirs(books, "account_invoice_deferred", 7, invoice_line=1, **days)


def shown(books: Wire) -> list[tuple[str | None, str | None]]:
    """The periods that Tryton's lines are seen to have where they are not billing's; empty while they are."""
    differing = [one for one in books.live("intent").values() if one["state"] in ("settling", "wanted")]
    assert [one["object_id"] for one in differing] in ([], ["INV-1"])
    lines = [line for one in differing for line in json.loads(one["current"]["lines"])]
    return [(line.get("period_from"), line.get("period_until")) for line in lines]


def test_a_booked_line_is_for_the_days_of_its_deferral(books: Wire) -> None:
    """Its last day is included. Moved by somebody, or deleted, it is a difference, whatever the line itself says.

    Planted breaks, each seen to fail: the last day excluded; a booked line's own days in place of its deferral's.
    """
    last = "2026-03-31"
    books.commit(*document(books, FROM, last), deferral(books, FROM, last), source="tryton")
    assert shown(books) == []
    books.commit(deferral(books, FROM, "2026-12-31"), source="tryton")
    assert shown(books) == [(FROM, "2027-01-01")]
    books.commit(deferral(books, FROM, last), source="tryton")
    assert shown(books) == []
    books.commit(books.drop("tryton.public.account_invoice_deferred", id=7), source="tryton")
    assert shown(books) == [(None, None)]


def test_one_day_stands_on_the_line(books: Wire) -> None:
    """Tryton defers over two days at least: a first day without a last one is that day."""
    books.commit(*document(books, "2026-03-31", None), source="tryton")
    assert shown(books) == [("2026-03-31", UNTIL)]


def test_without_the_module_nothing_is_compared(books: Wire) -> None:
    """Whoever leaves the table of deferrals out of the mapping has no schedule to compare."""
    text = mapping_text("tryton")
    table = text[text.index("  public.account_invoice_deferred") : text.index("  public.account_invoice_tax")]
    books.remap({"billing": mapping_of("billing", {}), "tryton": text.replace(table, "")})
    books.commit(*document(books, None, None), source="tryton")
    assert shown(books) == []

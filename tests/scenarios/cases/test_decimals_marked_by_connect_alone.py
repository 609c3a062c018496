"""Connect's Decimal may be known by its name and scale alone; bytes without any mark are no amount."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.cases.company import TABLES, company, row, topic

INVOICES = topic("billing.invoices")
DECIMAL = {
    "type": "bytes",
    "connect.name": "org.apache.kafka.connect.data.Decimal",
    "connect.parameters": {"scale": "2"},
}


def test_marked_bytes_are_exact_and_plain_bytes_are_refused(tmp_path: Path) -> None:
    """G14: 00 A0, FF 9C, 0B B8 are 1.60, -1.00, 30.00; the same bytes without a mark are NOT_AN_AMOUNT, naming the column."""
    wire = company(
        tmp_path, mapping={"billing.invoices": {"fields": {"total": {"money": "total", "units": "major"}}}},
        columns={"billing.invoices": {"total": DECIMAL}},
    )  # fmt: skip
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    for number, raw in enumerate((b"\x00\xa0", b"\xff\x9c", b"\x0b\xb8")):
        wire.commit(wire.put(INVOICES, **row("billing.invoices", number, total=raw)))
    totals = [wire.live("invoice")[f"INV-{number}"]["total_minor"] for number in range(3)]
    assert totals == [160, -100, 3000]
    wire.alter(INVOICES, {"id": "long", **TABLES["billing.invoices"], "total": "bytes"})
    wire.commit(wire.put(INVOICES, **row("billing.invoices", 3, total=b"\x00\xa0")))
    (parked,) = wire.parked()
    assert parked["code"] == "NOT_AN_AMOUNT" and "column total" in parked["reason"]
    assert "INV-3" not in wire.live("invoice")
    assert wire.live("account")["A-000001"]["totals"]["EUR"]["billed_minor"] == 3060

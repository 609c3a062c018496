"""Tax is what the invoice said when it was issued: later rates and tax numbers change nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.scenarios.cases.company import ACCOUNT, company, row, topic

TEXT, LONG = ["null", "string"], ["null", "long"]
TAX = {
    "net": {"money": "net_minor", "units": "minor"},
    "tax": {"money": "tax_minor", "units": "minor"},
    "tax_rate": {"decimal": "tax_rate"},
}
COLUMNS = {"net_minor": LONG, "tax_minor": LONG, "tax_rate": TEXT}
MAPPING: dict[str, dict[str, Any]] = {
    "billing.invoices": {"fields": TAX},
    "billing.credits": {"fields": {**TAX, "invoice": {"reference": "invoice_id", "table": "public.invoices"}}},
}
INVOICES = topic("billing.invoices")


def test_only_new_invoices_have_the_new_rate(tmp_path: Path) -> None:
    """G36: 20 % stays through rate change, payment and tax number; the credit note has 10.00 of tax, the new invoice 22.00."""
    wire = company(
        tmp_path, ("billing", "erp"), mapping=MAPPING,
        columns={
            "billing.invoices": COLUMNS, "billing.credits": {**COLUMNS, "invoice_id": LONG},
            "billing.accounts": {"tax_number": TEXT},
        },
    )  # fmt: skip
    old = row(
        "billing.invoices", 1, total_minor=12000, net_minor=10000, tax_minor=2000, tax_rate="0.20", issued_on=20442
    )
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1, tax_number=None)), wire.put(INVOICES, **old)
    )
    wire.commit(
        wire.put(topic("erp.customers"), **row("erp.customers", 1)),
        wire.put(topic("erp.sales_invoices"), **row("erp.sales_invoices", 1, total="120.00")),
        source="erp",
    )
    frozen = {"net_minor": 10000, "tax_minor": 2000, "tax_rate": "0.2", "total_minor": 12000, "issued_on": "2025-12-20"}
    wire.commit(
        wire.put(topic("billing.payments"), **row("billing.payments", 1, amount_minor=12000)),
        wire.put(INVOICES, **{**old, "status": "paid"}),
    )
    wire.commit(
        wire.put(topic("erp.sales_invoices"), **row("erp.sales_invoices", 1, total="120.00", state="paid")),
        source="erp",
    )
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1, tax_number="ATU12345678")))
    note = row("billing.credits", 1, amount_minor=6000, net_minor=5000, tax_minor=1000, tax_rate="0.20", invoice_id=1)
    wire.commit(wire.put(topic("billing.credits"), **note))
    wire.commit(wire.put(topic("erp.credit_notes"), **row("erp.credit_notes", 1, amount="60.00")), source="erp")
    wire.commit(after_ms=60_000)
    wire.commit(source="erp", after_ms=60_000)
    for body in wire.versions("invoice", "INV-1"):
        assert {name: body[name] for name in frozen} == frozen
    shown = wire.live("credit")["CR-1"]
    assert (shown["invoice"], shown["net_minor"], shown["tax_minor"], shown["tax_rate"]) == ("INV-1", 5000, 1000, "0.2")
    assert not [intent for intent in wire.live("intent").values() if intent["state"] == "wanted"]
    new = row(
        "billing.invoices", 2, total_minor=12200, net_minor=10000, tax_minor=2200, tax_rate="0.22", issued_on=20485
    )
    wire.commit(wire.put(INVOICES, **new))
    assert wire.live("invoice")["INV-2"]["tax_minor"] == 2200 and wire.live("invoice")["INV-1"]["tax_minor"] == 2000
    assert wire.live("account")[ACCOUNT]["totals"]["EUR"]["credited_minor"] == 6000


def test_lines_keep_rate_jurisdiction_and_tax(tmp_path: Path) -> None:
    """The kind: prices with tax in them, two rates on one invoice; decimals are exact, an amount that the currency cannot
    hold parks its line by name, and the invoice keeps what it was."""
    line = {
        "tax": {"money": "tax_minor", "units": "minor"},
        "tax_rate": {"decimal": "rate"},
        "tax_jurisdiction": "country",
    }
    invoice = {"tax_inclusive": {"boolean": "gross"}, "tax_jurisdiction": "country"}
    wire = company(
        tmp_path,
        mapping={"billing.invoices": {"fields": {**TAX, **invoice}}, "billing.invoice_lines": {"fields": line}},
        columns={
            "billing.invoices": {**COLUMNS, "gross": ["null", "boolean"], "country": TEXT},
            "billing.invoice_lines": {"tax_minor": TEXT, "rate": TEXT, "country": TEXT},
        },
    )
    bill = row("billing.invoices", 1, total_minor=22_900, net_minor=20_000, tax_minor=2_900, tax_rate=None)
    lines = topic("billing.invoice_lines")
    second = row("billing.invoice_lines", 2, amount_minor=10_700, tax_minor="700", rate="0.0700", country="DE")
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1)),
        wire.put(INVOICES, **bill, gross=True, country="AT"),
        wire.put(
            lines, **row("billing.invoice_lines", 10, amount_minor=12_200, tax_minor="2200", rate="0.22", country=None)
        ),
        wire.put(lines, **second),
    )
    found = wire.live("invoice")["INV-1"]
    assert (found["tax_jurisdiction"], found["tax_inclusive"], found["tax_rate"]) == ("AT", True, None)
    shown = [
        (one["id"], one["amount_minor"], one["tax_minor"], one["tax_rate"], one["tax_jurisdiction"])
        for one in found["lines"]
    ]
    assert shown == [("2", 10_700, 700, "0.07", "DE"), ("10", 12_200, 2_200, "0.22", None)]
    wire.commit(wire.put(lines, **(second | {"tax_minor": "NaN"})))
    assert wire.live("invoice")["INV-1"]["lines"] == found["lines"]
    ((code, text),) = [(one["kind"], one["text"]) for one in wire.live("exception").values()]
    assert code == "NON_FINITE" and "column tax_minor" in text and "row 2 of billing.public.invoice_lines" in text
    wire.commit(wire.put(lines, **second))
    assert not wire.live("exception")

"""A void invoice, an invoice of zero and a deleted invoice are three things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.scenarios.cases.company import ACCOUNT, company, row, topic
from tests.scenarios.cases.wire import Wire

CREDIT = {"billing.credits": {"fields": {"invoice": {"reference": "invoice_id", "table": "public.invoices"}}}}
INVOICES, ERP = topic("billing.invoices"), topic("erp.sales_invoices")


def totals(wire: Wire) -> Any:
    """The account's totals."""
    return wire.live("account")[ACCOUNT]["totals"]["EUR"]


def later(wire: Wire) -> list[Any]:
    """Time passes until a difference would be wanted; the open intents."""
    wire.commit(after_ms=60_000)
    wire.commit(source="erp", after_ms=60_000)
    return [intent for intent in wire.live("intent").values() if intent["state"] in ("settling", "wanted")]


def invoiced(folder: Path, number: int, **columns: Any) -> Wire:
    """One invoice, the same in billing and in the ERP, and 30.00 of credit taken off the first."""
    wire = company(
        folder, ("billing", "erp"), mapping=CREDIT, columns={"billing.credits": {"invoice_id": ["null", "long"]}}
    )
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1)),
        wire.put(INVOICES, **row("billing.invoices", number, **columns)),
    )
    total = f"{columns['total_minor'] / 100:.2f}"
    state = "paid" if columns["status"] == "paid" else "posted"
    wire.commit(
        wire.put(topic("erp.customers"), **row("erp.customers", 1)),
        wire.put(ERP, **row("erp.sales_invoices", number, total=total, state=state)),
        wire.put(topic("erp.credit_notes"), **row("erp.credit_notes", 1, amount="30.00")),
        source="erp",
    )
    return wire


def test_void_gives_the_credit_back(tmp_path: Path) -> None:
    """G35 I-1: 80.00, 30.00 of it by credit; voided: open 0.00, credit 30.00 again, no correction restores 80.00."""
    wire = invoiced(tmp_path, 1, total_minor=8000, status="open")
    wire.commit(wire.put(topic("billing.credits"), **row("billing.credits", 1, amount_minor=3000, invoice_id=1)))
    assert (totals(wire)["open_minor"], totals(wire)["account_credit_minor"]) == (5000, 0)
    assert wire.live("invoice")["INV-1"]["credited_minor"] == 3000
    wire.commit(wire.put(INVOICES, **row("billing.invoices", 1, total_minor=8000, status="void")))
    wire.commit(wire.put(ERP, **row("erp.sales_invoices", 1, total="0.00", state="cancelled", version=2)), source="erp")
    assert not later(wire)
    shown = wire.live("invoice")["INV-1"]
    assert (shown["status"], shown["open_minor"], shown["total_minor"]) == ("void", 0, 8000)
    assert (totals(wire)["open_minor"], totals(wire)["account_credit_minor"]) == (0, 3000)
    assert not [body for body in wire.live("invoice").values() if body["open_minor"] > 0]


def test_void_with_all_amounts_zero_keeps_the_original_in_history(tmp_path: Path) -> None:
    """G35 I-1: billing shows 0.00 as well: the change event keeps 80.00, and nothing is sent."""
    wire = invoiced(tmp_path, 1, total_minor=8000, status="open")
    wire.commit(wire.put(INVOICES, **row("billing.invoices", 1, total_minor=0, status="void")))
    wire.commit(wire.put(ERP, **row("erp.sales_invoices", 1, total="0.00", state="cancelled", version=2)), source="erp")
    fields = [
        (field["name"], field["old"], field["new"])
        for event in wire.versions("change", ACCOUNT) if event["source"] == "billing"
        for change in event["changes"] for field in change["fields"]
    ]  # fmt: skip
    assert fields == [("status", "open", "void"), ("total", "8000", "0")]
    assert not later(wire)


def test_zero_is_settled_and_not_void(tmp_path: Path) -> None:
    """G35 I-2: a real invoice of 0.00 is paid, nothing is open, nothing is corrected."""
    wire = invoiced(tmp_path, 2, total_minor=0, status="paid")
    shown = wire.live("invoice")["INV-2"]
    assert (shown["status"], shown["open_minor"], shown["total_minor"]) == ("paid", 0, 0)
    assert not later(wire)


def test_deleted_is_retired(tmp_path: Path) -> None:
    """G35 I-3: the row is gone in both systems: one tombstone, no facts, no correction."""
    wire = invoiced(tmp_path, 3, total_minor=8000, status="open")
    wire.commit(wire.drop(INVOICES, id=3))
    wire.commit(wire.drop(ERP, id=3), source="erp")
    assert "INV-3" not in wire.live("invoice") and wire.versions("invoice", "INV-3").count(None) == 1
    assert totals(wire)["billed_minor"] == 0
    assert not [key for _, key in wire.facts if b"invoices" in key]
    assert not later(wire)

"""A payment booked at another rate than its invoice leaves an exchange gain in the ledger, not money of the customer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.cases.company import ACCOUNT, company, row, topic

TEXT = ["null", "string"]
MAPPING: dict[str, dict[str, Any]] = {
    "erp.sales_invoices": {"fields": {"rate": {"decimal": "rate"}, "ledger_currency": "ledger"}},
    "erp.receipts": {"fields": {"rate": {"decimal": "rate"}}},
}
COLUMNS = {"erp.sales_invoices": {"rate": TEXT, "ledger": TEXT}, "erp.receipts": {"rate": TEXT}}


@pytest.mark.parametrize(
    ("paid", "text", "status", "open_minor", "gain"),
    [(12000, "120.00", "paid", 0, "6"), (6000, "60.00", "open", 6000, "3")],
)
def test_the_gain_is_the_ledgers(tmp_path: Path, paid: int, text: str, status: str, open_minor: int, gain: str) -> None:
    """G27: open 0.00 EUR, gain 6.00 USD, no credit; of half the payment: open 60.00 EUR, gain 3.00 USD."""
    wire = company(tmp_path, ("billing", "erp"), mapping=MAPPING, columns=COLUMNS)
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1)),
        wire.put(topic("billing.invoices"), **row("billing.invoices", 1, total_minor=12000, status=status)),
        wire.put(topic("billing.payments"), **row("billing.payments", 1, amount_minor=paid)),
    )
    state = "paid" if status == "paid" else "posted"
    invoice = row("erp.sales_invoices", 1, total="120.00", state=state, rate="1.10", ledger="USD")
    wire.commit(
        wire.put(topic("erp.customers"), **row("erp.customers", 1)),
        wire.put(topic("erp.sales_invoices"), **invoice),
        wire.put(topic("erp.receipts"), **row("erp.receipts", 1, amount=text, rate="1.15")),
        source="erp",
    )
    wire.commit(after_ms=60_000)
    wire.commit(source="erp", after_ms=60_000)
    totals = wire.live("account")[ACCOUNT]["totals"]
    assert totals.keys() == {"EUR"}
    assert (totals["EUR"]["open_minor"], totals["EUR"]["account_credit_minor"]) == (open_minor, 0)
    shown = wire.live("invoice")["INV-1"]
    assert shown["open_minor"] == open_minor
    assert (shown["erp"]["exchange_gain"], shown["erp"]["ledger_currency"]) == (gain, "USD")
    assert not wire.live("intent") and not wire.live("exception")

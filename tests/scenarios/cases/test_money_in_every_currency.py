"""Minor units in billing and major units in the ERP are one amount, for currencies with no, two and three decimals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.cases.company import company, row, topic
from tests.scenarios.cases.wire import Wire

SOURCES = ("billing", "erp")


def booked(folder: Path, currency: str, minor: int, erp: str | None) -> Wire:
    """One open invoice in billing and, unless None, in the ERP; time passes until a difference would be wanted."""
    wire = company(folder, SOURCES)
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1, currency=currency)),
        wire.put(topic("billing.invoices"), **row("billing.invoices", 1, total_minor=minor)),
    )
    events = [wire.put(topic("erp.customers"), **row("erp.customers", 1, currency=currency))]
    if erp is not None:
        events.append(wire.put(topic("erp.sales_invoices"), **row("erp.sales_invoices", 1, total=erp)))
    wire.commit(*events, source="erp")
    wire.commit(after_ms=60_000)
    wire.commit(source="erp", after_ms=60_000)
    return wire


@pytest.mark.parametrize(
    ("currency", "minor", "erp"),
    [
        ("JPY", 500, "500"),
        ("USD", 500, "5.00"),
        ("KWD", 18600, "18.600"),
        ("JPY", 500, "500.0"),
        ("KWD", 18600, "18.6"),
    ],
)
def test_equal_amounts_make_no_correction(tmp_path: Path, currency: str, minor: int, erp: str) -> None:
    """G23: 500 JPY = "500" = "500.0", 500 US cents = "5.00", 18600 fils = "18.600"."""
    wire = booked(tmp_path, currency, minor, erp)
    assert not wire.live("intent") and not wire.parked() and not wire.live("exception")
    assert wire.live("invoice")["INV-1"]["erp"]["total_minor"] == minor


@pytest.mark.parametrize(
    ("currency", "minor", "text"), [("JPY", 500, "500"), ("USD", 500, "5.00"), ("KWD", 18600, "18.600")]
)
def test_corrections_carry_the_currencys_decimals(tmp_path: Path, currency: str, minor: int, text: str) -> None:
    """G23: what is sent is 500, 5.00 and 18.600."""
    (intent,) = booked(tmp_path, currency, minor, None).live("intent").values()
    assert (intent["state"], intent["desired"]["total"], intent["desired"]["currency"]) == ("wanted", text, currency)


def test_a_fraction_of_a_yen_is_refused(tmp_path: Path) -> None:
    """G23: "500.5" JPY is INVALID_PRECISION, not rounded, and nothing is derived from it."""
    wire = booked(tmp_path, "JPY", 500, "500.5")
    assert not wire.live("intent")
    assert {body["kind"] for body in wire.live("exception").values()} >= {"INVALID_PRECISION"}
    assert [body["code"] for body in wire.parked()] == ["INVALID_PRECISION"]
    assert wire.live("invoice")["INV-1"]["erp"]["total_minor"] is None

"""Dates that Python cannot hold are refused by name, each alone; the first and last days of the calendar are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.cases.company import company, row, topic

INVOICES = topic("billing.invoices")


def test_only_the_row_with_the_impossible_date_is_parked(tmp_path: Path) -> None:
    """G15: years 1 to 9999 are dates; a day of BC and one of the year 10000 park their rows with the raw number."""
    wire = company(tmp_path)
    days = (-719162, -719163, 2932896, 2932897, 20000)
    invoices = [wire.put(INVOICES, **row("billing.invoices", n, issued_on=day)) for n, day in enumerate(days)]
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)), *invoices)
    shown = {name: body["issued_on"] for name, body in wire.live("invoice").items()}
    assert shown == {"INV-0": "0001-01-01", "INV-2": "9999-12-31", "INV-4": "2024-10-04"}
    parked = {body["row"]: (body["code"], body["reason"]) for body in wire.parked()}
    assert {code for code, _ in parked.values()} == {"OUT_OF_RANGE_DATE"}
    assert "-719163" in parked["1"][1] and "2932897" in parked["3"][1] and "column issued_on" in parked["1"][1]
    assert wire.counts() == {"in": 6, "applied": 4, "ignored": 0, "parked": 2}


@pytest.mark.parametrize("zone", ["America/Bogota", "UTC", "Asia/Tokyo"])
def test_the_first_instant_is_shown_in_utc(tmp_path: Path, zone: str) -> None:
    """G15: 0001-01-01T00:00:00Z is the first instant of all; west of Greenwich its day is told in UTC, not refused."""
    fields = {"paid_until": {"instant": "paid_until"}, "started_on": {"date": "paid_until", "zone": zone}}
    wire = company(tmp_path, mapping={"billing.subscriptions": {"fields": fields}})
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    image = row("billing.subscriptions", 1, paid_until="0001-01-01T00:00:00Z")
    wire.commit(wire.put(topic("billing.subscriptions"), **image))
    shown = wire.live("subscription")["SUB-1"]
    assert (shown["paid_until"], shown["started_on"]) == ("0001-01-01T00:00:00Z", "0001-01-01")

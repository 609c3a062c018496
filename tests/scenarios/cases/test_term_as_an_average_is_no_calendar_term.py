"""A contract term added to its start follows the calendar, and is refused where only an average length is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.cases.company import DAY, company, row, topic
from tests.scenarios.cases.wire import Wire

SUBSCRIPTIONS = topic("billing.subscriptions")
JANUARY_31 = 20_484
NUMBER = ["null", {"type": "long", "connect.name": "io.debezium.time.MicroDuration"}]
TEXT = ["null", {"type": "string", "connect.name": "io.debezium.time.Interval"}]


def contract(folder: Path, kind: Any, term: Any, start: int = JANUARY_31) -> Wire:
    """One subscription with a term."""
    fields = {"ends_on": {"date": "started_on", "plus": "term"}}
    wire = company(
        folder, mapping={"billing.subscriptions": {"fields": fields}},
        columns={"billing.subscriptions": {"term": kind, "started_on": DAY}},
    )  # fmt: skip
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 1, started_on=start, term=term)))
    return wire


def test_a_number_of_microseconds_is_refused(tmp_path: Path) -> None:
    """G10 form A: INEXACT_INTERVAL; the row is kept and entitles, its end is unknown."""
    wire = contract(tmp_path, NUMBER, 2_629_800_000_000)
    shown = wire.live("subscription")["SUB-1"]
    assert (shown["started_on"], shown["ends_on"], shown["flags"]) == ("2026-01-31", None, ["INEXACT_INTERVAL"])
    assert wire.live("entitlement")["A-000001"]["tier"] == "premium"
    assert not wire.parked()
    (exception,) = wire.live("exception").values()
    assert exception["kind"] == "INEXACT_INTERVAL" and "interval.handling.mode=string" in exception["text"]


@pytest.mark.parametrize(
    ("term", "end"),
    [
        ("P0Y1M0DT0H0M0S", "2026-02-28"),
        ("P0Y0M30DT0H0M0S", "2026-03-02"),
        ("P1Y1M1DT0H0M0.0S", "2027-03-01"),
        ("P0Y-2M0DT0H0M0S", "2025-11-30"),
        (None, None),
    ],
)
def test_text_follows_the_calendar(tmp_path: Path, term: str | None, end: str | None) -> None:
    """G10 forms B and C: one month ends on the last day of February, thirty days on 2 March; months before days."""
    assert contract(tmp_path, TEXT, term).live("subscription")["SUB-1"]["ends_on"] == end


@pytest.mark.parametrize("term", ["P0Y0M0DT12H0M0S", "1 mon", "P"])
def test_what_is_no_term_of_whole_days_is_refused(tmp_path: Path, term: str) -> None:
    """The kind: hours, and texts in another form, are INEXACT_INTERVAL too, never a guess."""
    shown = contract(tmp_path, TEXT, term).live("subscription")["SUB-1"]
    assert (shown["ends_on"], shown["flags"]) == (None, ["INEXACT_INTERVAL"])

"""A renewal milestone that becomes due while nothing runs is told with the first cut after it, on the customer's day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.scenarios.cases.company import DAY, TEXT, company, row, topic
from tests.scenarios.cases.wire import Wire

FIELDS: dict[str, dict[str, Any]] = {
    "billing.subscriptions": {"fields": {"renews_on": {"date": "renews_on"}}},
    "billing.accounts": {"fields": {"zone": "zone"}},
}
COLUMNS: dict[str, dict[str, Any]] = {"billing.subscriptions": {"renews_on": DAY}, "billing.accounts": {"zone": TEXT}}
JULY_1 = 20_635  # 2026, days since 1970


def milestones(wire: Wire) -> list[tuple[str, int | None, str]]:
    """(name, days before, instant) of everything that was told."""
    found = [one.body["milestone"] for one in wire.log if one.kind == "change" and one.body["milestone"]]
    return [(one["name"], one["days_before"], one["due_at"]) for one in found]


def until(wire: Wire, text: str, *events: Any) -> None:
    """Billing's clock is seen up to this instant."""
    time_ms = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
    wire.commit(*events, after_ms=time_ms - wire.time_ms)


def test_each_is_told_once_whatever_restarts(tmp_path: Path) -> None:
    """Auckland, 1 July: 30 days before is 1 June there; down over the day itself; then a new term, then another zone.

    Planted break, seen to fail: not waking accounts whose milestones may be due after a restart (Shard.load).
    """
    wire = company(tmp_path, mapping=FIELDS, columns=COLUMNS)
    account, subscription = row("billing.accounts", 1), row("billing.subscriptions", 1, renews_on=JULY_1)
    paid = {"paid_until": "2026-06-30T12:00:00Z"}
    until(wire, "2026-05-15T00:00:00", wire.put(topic("billing.accounts"), **account, zone="Pacific/Auckland"))
    until(wire, "2026-05-15T01:00:00", wire.put(topic("billing.subscriptions"), **(subscription | paid)))
    until(wire, "2026-05-31T11:59:59")
    assert milestones(wire) == []
    wire.restart()
    until(wire, "2026-05-31T12:00:00")
    first = ("renewal", 30, "2026-05-31T12:00:00Z")
    assert milestones(wire) == [first]
    wire.restart()
    until(wire, "2026-07-05T00:00:00")
    last = [("paid_until", None, "2026-06-30T12:00:00Z"), ("renewal", 0, "2026-06-30T12:00:00Z")]
    assert milestones(wire)[:1] == [first] and sorted(milestones(wire)[1:]) == last
    wire.restart()
    until(wire, "2026-07-05T01:00:00", wire.put(topic("billing.accounts"), **account, zone="America/New_York"))
    until(
        wire,
        "2026-07-05T02:00:00",
        wire.put(topic("billing.subscriptions"), **subscription | {"renews_on": JULY_1 + 92}),
    )
    until(wire, "2026-08-02T04:00:00")
    assert milestones(wire)[3:] == [("renewal", 60, "2026-08-02T04:00:00Z")]


def test_a_zone_that_is_none_parks_the_account(tmp_path: Path) -> None:
    """UNKNOWN_ZONE names column and value; no day is guessed."""
    wire = company(tmp_path, mapping=FIELDS, columns=COLUMNS)
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1), zone="Middle/Earth"))
    (parked,) = wire.parked()
    assert parked["code"] == "UNKNOWN_ZONE" and "column zone: 'Middle/Earth'" in parked["reason"]

"""One instant in two notations is unchanged; a wall clock is an instant only in the zone that the mapping declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.cases.company import ACCOUNT, MICROS, company, row, topic
from tests.scenarios.cases.wire import Wire

SUBSCRIPTIONS = topic("billing.subscriptions")
WALL_US = 1_769_776_496_000_000
TEXT = ["null", "string"]


def source(folder: Path, zone: str | None) -> Wire:
    """A table with `created` (an instant) and `local_due` (a wall clock)."""
    local = {"instant": "local_due"} | ({"zone": zone} if zone else {})
    fields = {"valid_from": {"instant": "created"}, "paid_until": local, "plan": "name"}
    wire = company(
        folder, ("billing", "support"), mapping={"billing.subscriptions": {"fields": fields}},
        columns={"billing.subscriptions": {"created": TEXT, "local_due": MICROS, "name": TEXT}},
    )  # fmt: skip
    wire.time_ms = 1_770_000_000_000  # February
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(topic("support.organizations"), **row("support.organizations", 1)), source="support")
    return wire


def seven(wire: Wire, created: str, name: str, local: Any = WALL_US) -> None:
    """Row 7 as one of the two clocks shows it."""
    columns = {"created": created, "local_due": local, "name": name, "paid_until": None}
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 7, **columns)))


def test_snapshot_and_stream_show_one_instant(tmp_path: Path) -> None:
    """G07: 17:34:56Z and 12:34:56-05:00 are one instant, local_due is 17:34:56Z in New York; only the name changed."""
    wire = source(tmp_path, "America/New_York")
    seven(wire, "2026-01-30T17:34:56Z", "old")
    seven(wire, "2026-01-30T12:34:56-05:00", "new")
    first, second = wire.versions("subscription", "SUB-7")
    assert first["valid_from"] == second["valid_from"] == "2026-01-30T17:34:56Z"
    assert first["paid_until"] == second["paid_until"] == "2026-01-30T17:34:56Z"
    (change,) = wire.versions("change", ACCOUNT)[-1]["changes"]
    assert [field["name"] for field in change["fields"]] == ["plan"]
    wire.commit(after_ms=60_000)
    wire.commit(source="support", after_ms=60_000)
    assert not wire.live("intent")


def test_without_a_declared_zone_nothing_is_compared(tmp_path: Path) -> None:
    """G07: ZONE_NOT_DECLARED names the column, the row is parked, no correction arises from it."""
    wire = source(tmp_path, None)
    seven(wire, "2026-01-30T17:34:56Z", "old")
    (parked,) = wire.parked()
    assert parked["code"] == "ZONE_NOT_DECLARED" and "column local_due" in parked["reason"]
    wire.commit(after_ms=60_000)
    wire.commit(source="support", after_ms=60_000)
    assert not wire.live("intent")


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        ("2026-07-01T12:00:00", "2026-07-01T16:00:00Z"),
        ("2026-11-01T01:30:00", "2026-11-01T05:30:00Z"),
        ("2026-03-08T02:30:00", "2026-03-08T07:30:00Z"),
        ("0001-01-01T00:00:00", "0001-01-01T04:56:02Z"),
    ],
)
def test_summer_time_is_the_zones_own(tmp_path: Path, wall: str, instant: str) -> None:
    """The kind: summer offset, a time that comes twice (the first is meant), one that is skipped, the first day of all."""
    fields = {"paid_until": {"instant": "paid_until", "zone": "America/New_York"}}
    wire = company(tmp_path, mapping={"billing.subscriptions": {"fields": fields}})
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 1, paid_until=wall)))
    assert wire.live("subscription")["SUB-1"]["paid_until"] == instant

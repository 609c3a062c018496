"""A subscription billed by the day owes for the customer's local days, not for those of UTC."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.cases.company import ACCOUNT, company, row, topic

USAGE = topic("billing.usage")
FIELDS = {"day": {"date": "used_at", "zone": {"column": "zone"}}, "zone": "zone"}
TIMES = ("2026-02-28T11:30:00Z", "2026-02-28T23:30:00Z", "2026-03-01T11:00:00Z")


def test_three_renewals_are_two_obligations(tmp_path: Path) -> None:
    """G25: in Auckland they fall on 1, 1 and 2 March: two obligations; each keeps the zone that it was told in."""
    wire = company(
        tmp_path, mapping={"billing.usage": {"fields": FIELDS}}, columns={"billing.usage": {"zone": "string"}}
    )
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(topic("billing.subscriptions"), **row("billing.subscriptions", 1)))
    for number, at in enumerate(TIMES, 1):
        wire.commit(wire.put(USAGE, **row("billing.usage", number, used_at=at, zone="Pacific/Auckland")))
    days = [wire.live("usage")[f"USE-{number}"]["day"] for number in (1, 2, 3)]
    assert days == ["2026-03-01", "2026-03-01", "2026-03-02"]
    assert wire.live("subscription")["SUB-1"]["billing_days"] == 2
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1, region="Pacific/Honolulu")))
    wire.commit(wire.put(USAGE, **row("billing.usage", 4, used_at="2026-03-01T11:30:00Z", zone="Pacific/Honolulu")))
    days = [wire.live("usage")[f"USE-{number}"]["day"] for number in (1, 2, 3, 4)]
    assert days == ["2026-03-01", "2026-03-01", "2026-03-02", "2026-03-01"]
    assert wire.live("usage")["USE-1"]["zone"] == "Pacific/Auckland"
    wire.commit(wire.drop(USAGE, id=3))
    assert wire.live("subscription")["SUB-1"]["billing_days"] == 1
    assert ACCOUNT in wire.live("account")


def test_a_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    """The kind: UNKNOWN_ZONE parks the row and names the column; no day is guessed."""
    wire = company(
        tmp_path, mapping={"billing.usage": {"fields": FIELDS}}, columns={"billing.usage": {"zone": "string"}}
    )
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(topic("billing.subscriptions"), **row("billing.subscriptions", 1)))
    wire.commit(wire.put(USAGE, **row("billing.usage", 1, zone="Middle/Earth")))
    (parked,) = wire.parked()
    assert parked["code"] == "UNKNOWN_ZONE" and "column zone" in parked["reason"]

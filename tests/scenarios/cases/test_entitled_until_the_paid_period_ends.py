"""Cancelled now, entitled until the paid period ends: the change at its end needs no event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.scenarios.cases.company import ACCOUNT, company, row, topic
from tests.scenarios.cases.wire import Wire

UNTIL = {"entitled_until": {"instant": "paid_until"}}
STATUS = {"status": {"label": "status", "values": {"active": "active", "cancelled": "cancelled", "expired": "expired"}}}
JUNE_10, JUNE_15, JULY_1 = 1_781_049_600_000, 1_781_481_600_000, 1_782_864_000_000


def subscribed(folder: Path, status: str) -> Wire:
    """One subscription, paid until the first of July."""
    wire = company(folder, mapping={"billing.subscriptions": {"fields": {**UNTIL, **STATUS}}})
    wire.time_ms = JUNE_10 - 2000
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    image: dict[str, Any] = row("billing.subscriptions", 1, status=status, paid_until="2026-07-01T00:00:00Z")
    wire.commit(wire.put(topic("billing.subscriptions"), **image))
    return wire


def tier_at(wire: Wire, time_ms: int) -> Any:
    """The published tier once the source's clock stands there; the commit touches no table."""
    wire.commit(after_ms=time_ms - wire.time_ms)
    return wire.live("entitlement")[ACCOUNT]["tier"]


def test_the_end_is_published_by_itself(tmp_path: Path) -> None:
    """G32: S-1 entitled on 06-15 and at 06-30T23:59:59Z, not at 07-01T00:00:00Z; renews is false from the start."""
    wire = subscribed(tmp_path, "cancelled")
    assert wire.live("subscription")["SUB-1"]["renews"] is False
    assert tier_at(wire, JUNE_15) == "premium"
    wire.restart()
    assert tier_at(wire, JULY_1 - 1000) == "premium"
    before = len(wire.versions("entitlement", ACCOUNT))
    assert tier_at(wire, JULY_1) == "none"
    wire.restart()
    assert tier_at(wire, JULY_1 + 60_000) == "none"
    assert len(wire.versions("entitlement", ACCOUNT)) == before + 1


def test_expired_is_not_entitled(tmp_path: Path) -> None:
    """G32: S-2 has the same end and is expired: not entitled at any time."""
    wire = subscribed(tmp_path, "expired")
    assert tier_at(wire, JUNE_15) == "none"

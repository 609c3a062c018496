"""A service deadline that passes while nothing runs is told once at the next start, without waiting for an event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.scenarios.cases.company import company, row, topic
from tests.scenarios.cases.wire import Wire

HOUR_MS = 3_600_000
DAY_MS = 1_767_225_600_000  # 2026-01-01
DUE = {"support.cases": {"fields": {"due_at": {"instant": "due_at"}}}}


def clock(wire: Wire, hour: float) -> None:
    """Every source is seen up to this time of the day; no table changes."""
    time_ms = DAY_MS + int(hour * HOUR_MS)
    wire.commit(after_ms=time_ms - wire.time_ms)
    wire.commit(source="support", after_ms=0)


def breaches(wire: Wire) -> list[Any]:
    """What was published of deadlines, tombstones included."""
    return [one.body for one in wire.log if one.kind == "exception" and one.key.startswith("DEADLINE_PASSED")]


def test_a_breach_is_told_once(tmp_path: Path) -> None:
    """G21: K-1 due 10:00, last event 09:40, down 09:50 to 10:05: told with 10:00 and 10:05; restarted 10:10: nothing more."""
    wire = company(
        tmp_path, ("billing", "support"), mapping=DUE, columns={"support.cases": {"due_at": ["null", "string"]}}
    )
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    case = row("support.cases", 1, due_at="2026-01-01T10:00:00Z")
    wire.time_ms = DAY_MS + int(9.5 * HOUR_MS)
    support = [wire.put(topic("support.organizations"), **row("support.organizations", 1))]
    wire.commit(*support, wire.put(topic("support.cases"), **case), source="support", after_ms=600_000)
    clock(wire, 9.8)
    assert not breaches(wire) and wire.live("case")["CASE-1"]["due_at"] == "2026-01-01T10:00:00Z"
    wire.restart()
    clock(wire, 10 + 5 / 60)
    (breach,) = breaches(wire)
    assert breach["since_ms"] == DAY_MS + 10 * HOUR_MS
    assert "due at 2026-01-01T10:00:00Z" in breach["text"] and "noticed at 2026-01-01T10:05:00Z" in breach["text"]
    wire.restart()
    clock(wire, 10 + 10 / 60)
    wire.commit(wire.put(topic("support.case_events"), **row("support.case_events", 1)), source="support")
    assert breaches(wire) == [breach]
    wire.commit(wire.put(topic("support.cases"), **{**case, "status": "resolved"}), source="support")
    assert breaches(wire) == [breach, None]
    assert wire.live("case")["CASE-1"]["due_at"] is None

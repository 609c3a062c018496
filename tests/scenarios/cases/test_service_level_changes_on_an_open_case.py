"""An open case is due by the tier that its account has now, plus its time on hold; a closed one has no clock any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.mappings.ownership import load_rules
from tests.scenarios.cases.company import company, row, topic
from tests.scenarios.cases.test_deadlines_that_passed_while_down import HOUR_MS, breaches, clock
from tests.scenarios.cases.wire import ROOT, Wire

HOURS = {"standard": 8, "premium": 4}
HOLD = {"held_ms": {"integer": "held_ms"}, "held_since": {"instant": "held_since"}}
CASES, SUBSCRIPTIONS = topic("support.cases"), topic("billing.subscriptions")


def desk(folder: Path) -> Wire:
    """An account at tier standard, with two cases opened at 09:00."""
    within = {tier: hours * HOUR_MS for tier, hours in HOURS.items()}
    rules = replace(load_rules(ROOT / "debezium" / "ownership.yaml"), resolve_within_ms=within)
    wire = company(
        folder, ("billing", "support"), mapping={"support.cases": {"fields": HOLD}}, rules=rules,
        columns={"support.cases": {"held_ms": ["null", "long"], "held_since": ["null", "string"]}},
    )  # fmt: skip
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)), plan(wire, "basic"))
    wire.commit(
        wire.put(topic("support.organizations"), **row("support.organizations", 1, service_level="standard")),
        case(wire, 1), case(wire, 2), source="support",
    )  # fmt: skip
    clock(wire, 9)
    return wire


def plan(wire: Wire, code: str) -> Any:
    """Billing's plan of the account."""
    return wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 1, plan_code=code))


def case(wire: Wire, number: int, **columns: Any) -> Any:
    """A case as it is now."""
    hold = {"held_ms": 0, "held_since": None}
    return wire.put(CASES, **row("support.cases", number, opened_at="2026-01-01T09:00:00Z", **{**hold, **columns}))


def due(wire: Wire, number: int = 1) -> Any:
    """The published deadline."""
    return wire.live("case")[f"CASE-{number}"]["due_at"]


def test_due_moves_with_hold_and_tier(tmp_path: Path) -> None:
    """G33: 19:00 with two hours of hold, 15:00 at premium, 19:00 again after the change back; the closed case is unchanged."""
    wire = desk(tmp_path)
    assert due(wire) == "2026-01-01T17:00:00Z"
    clock(wire, 10)
    wire.commit(case(wire, 1, held_since="2026-01-01T10:00:00Z", status="pending"), source="support", after_ms=0)
    assert due(wire) is None
    clock(wire, 12)
    wire.commit(case(wire, 1, held_ms=2 * HOUR_MS), source="support", after_ms=0)
    assert due(wire) == "2026-01-01T19:00:00Z"
    clock(wire, 12.5)
    wire.commit(case(wire, 2, status="resolved"), source="support", after_ms=0)
    closed = len(wire.versions("case", "CASE-2"))
    clock(wire, 13)
    wire.commit(plan(wire, "pro"), after_ms=0)
    assert due(wire) == "2026-01-01T15:00:00Z"
    wire.restart()
    clock(wire, 14)
    wire.commit(plan(wire, "basic"), after_ms=0)
    assert due(wire) == "2026-01-01T19:00:00Z"
    assert len(wire.versions("case", "CASE-2")) == closed and due(wire, 2) is None
    assert not breaches(wire)


def test_a_tier_that_makes_it_late_is_told_and_taken_back(tmp_path: Path) -> None:
    """The kind: at 14:00 premium would have needed 13:00: told at once; back at standard it is no breach any more."""
    wire = desk(tmp_path)
    clock(wire, 14)
    wire.commit(plan(wire, "pro"), after_ms=0)
    assert [body["object_id"] for body in breaches(wire)] == ["CASE-1", "CASE-2"]
    wire.commit(plan(wire, "basic"), after_ms=0)
    assert breaches(wire)[2:] == [None, None]
    clock(wire, 17)
    wire.restart()
    clock(wire, 18)
    assert len(breaches(wire)) == 6

"""Newer state that arrives before older state of the same second: the source's order counts, not arrival or time stamps."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.cases.company import company, row, topic

SUBSCRIPTIONS = topic("billing.subscriptions")
STATUS = {"status": {"label": "status", "values": {"incomplete": "trial", "active": "active"}}}


def test_arrival_102_101_102(tmp_path: Path) -> None:
    """G28: S is active at the end, never active and then incomplete; the repeated 102 publishes nothing."""
    wire = company(tmp_path, mapping={"billing.subscriptions": {"fields": STATUS}})
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    older = wire.transaction(
        wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 1, status="incomplete")), after_ms=0
    )
    newer = wire.transaction(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 1, status="active")), after_ms=0)
    wire.feed([newer[0]])
    wire.feed([older[0]])
    assert "SUB-1" not in wire.live("subscription")
    wire.feed([older[1], newer[1]])
    assert wire.live("subscription")["SUB-1"]["status"] == "active"
    shown = [body["status"] for body in wire.versions("subscription", "SUB-1")]
    assert shown in (["active"], ["trial", "active"])
    before = len(wire.log)
    wire.feed(newer)
    wire.restart()
    wire.feed(newer)
    assert len(wire.log) == before

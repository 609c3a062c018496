"""A column added with a default sends no event for old rows: the mapping tells what they hold, or that nobody knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.scenarios.cases.company import ACCOUNT, TABLES, company, row, topic
from tests.scenarios.cases.wire import Wire

SUBSCRIPTIONS = topic("billing.subscriptions")
LABELS = {"11": "standard", "12": "premium", "22": "enterprise"}


def before_and_after(folder: Path, absent: Any) -> Wire:
    """Rows 1 and 2, then the new column; row 2 is never touched."""
    tier = {"label": "tier", "values": LABELS, "absent": absent}
    wire = company(folder, ("billing", "support"), mapping={"billing.subscriptions": {"fields": {"tier": tier}}})
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    for number in (1, 2):
        wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", number, plan_code="pro")))
    support = row("support.organizations", 1, service_level="standard")
    wire.commit(wire.put(topic("support.organizations"), **support), source="support")
    wire.alter(SUBSCRIPTIONS, {"id": "long", **TABLES["billing.subscriptions"], "tier": "int"})
    return wire


def tiers(wire: Wire) -> dict[str, str | None]:
    """Tier of each subscription as it was published last."""
    return {name: body["tier"] for name, body in wire.live("subscription").items()}


def write(wire: Wire, number: int, tier: int, **columns: Any) -> None:
    """A row under the new schema."""
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", number, tier=tier, **columns)))


def test_untouched_rows_keep_the_default_of_their_time(tmp_path: Path) -> None:
    """G06: tier(1)=11, tier(2)=11, tier(3)=22; after the default becomes 12, tier(2) is still 11 and tier(4)=12."""
    wire = before_and_after(tmp_path, 11)
    write(wire, 3, 22)
    write(wire, 1, 11, mrr_minor=5)
    assert tiers(wire) == {"SUB-1": "standard", "SUB-2": "standard", "SUB-3": "enterprise"}
    write(wire, 4, 12)
    assert tiers(wire)["SUB-2"] == "standard" and tiers(wire)["SUB-4"] == "premium"
    old = [
        change
        for event in wire.versions("change", ACCOUNT)[-3:]
        for change in event["changes"]
        if change["id"] == "SUB-2"
    ]
    assert not old


def test_filling_the_default_is_no_business_change(tmp_path: Path) -> None:
    """G06: no correction arises from row 2; support already holds `standard`."""
    wire = before_and_after(tmp_path, 11)
    write(wire, 1, 11, mrr_minor=5)
    wire.commit(after_ms=60_000)
    wire.commit(source="support", after_ms=60_000)
    assert not wire.live("intent") and not wire.live("exception") and not wire.parked()


def test_a_default_that_is_no_constant_is_unknown(tmp_path: Path) -> None:
    """G06: with now() or nextval() tier(2) is unknown and a re-read is asked for; nothing is derived until it came."""
    wire = before_and_after(tmp_path, "unknown")
    write(wire, 1, 11, mrr_minor=5)
    wire.restart()
    wire.commit(after_ms=60_000)
    wire.commit(source="support", after_ms=60_000)
    assert wire.live("entitlement")[ACCOUNT]["tier"] is None and not wire.live("intent")
    write(wire, 2, 12)
    assert tiers(wire)["SUB-2"] == "premium"


def test_the_reread_is_asked_for_by_name(tmp_path: Path) -> None:
    """G06: the subscription shows null with REREAD_NEEDED, and the exception names row, field and the way out."""
    wire = before_and_after(tmp_path, "unknown")
    write(wire, 1, 11)
    shown = wire.live("subscription")["SUB-2"]
    assert (shown["tier"], shown["flags"]) == (None, ["REREAD_NEEDED"])
    (exception,) = wire.live("exception").values()
    assert exception["kind"] == "REREAD_NEEDED"
    assert "row 2 of billing.public.subscriptions" in exception["text"] and "incremental snapshot" in exception["text"]

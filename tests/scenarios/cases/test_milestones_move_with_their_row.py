"""A milestone that was told is not told again because its subscription comes to an account in another time zone, or back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from state.rules import Rules
from tests.scenarios.cases.capture import Event
from tests.scenarios.cases.wire import Wire

MAPPING = """
source: billing
system: billing
version: 1
snapshot: none
tables:
  public.accounts:
    key: [id]
    account: {defines: number}
    object: account
    id: "{number}"
    fields: {currency: currency, standing: {label: standing, values: {good: good}}, zone: zone}
  public.subscriptions:
    key: [id]
    account: {through: account_id, table: public.accounts}
    object: subscription
    id: "S-{id}"
    history: true
    fields:
      status: {label: status, values: {active: active, late: past_due, over: cancelled}}
      tier: {label: plan, values: {pro: premium}}
      plan: plan
      mrr: {money: mrr, units: minor}
      renews_on: {date: renews_on}
"""
TABLES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "billing.public.accounts": (
        ("id",), {"id": "long", "number": "string", "currency": "string", "standing": "string", "zone": "string"}
    ),
    "billing.public.subscriptions": (
        ("id",),
        {"id": "long", "account_id": "long", "status": "string", "plan": "string", "mrr": "long", "renews_on": "string"},
    ),
}  # fmt: skip
HOUR_MS = 3_600_000


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    """Accounts in Auckland and in New York; 2026-01-01, midnight in UTC, is an hour away."""
    rules = Rules(1, ("none", "premium"), "finance", (), renewal_days=(0,))
    wire = Wire(tmp_path, {"billing": MAPPING}, TABLES, rules=rules)
    wire.time_ms = int(datetime(2026, 1, 31, 8, tzinfo=UTC).timestamp() * 1000)
    wire.commit(*(account(wire, n, zone) for n, zone in ((1, "Pacific/Auckland"), (2, "America/New_York"))))
    return wire


def account(wire: Wire, number: int, zone: str) -> Event:
    """An account."""
    row: dict[str, Any] = {"id": number, "number": f"A-{number}", "currency": "EUR", "standing": "good", "zone": zone}
    return wire.put("billing.public.accounts", **row)


def subscription(wire: Wire, account_id: int, status: str = "active", renews_on: str = "2026-02-01") -> Event:
    """The subscription that renews on 1 February."""
    row: dict[str, Any] = {
        "id": 1,
        "account_id": account_id,
        "status": status,
        "plan": "pro",
        "mrr": 100,
        "renews_on": renews_on,
    }
    return wire.put("billing.public.subscriptions", **row)


def told(wire: Wire) -> list[str]:
    """When milestones were due that were told."""
    found = [one.body["milestone"] for one in wire.log if one.kind == "change" and one.body["milestone"]]
    return [one["due_at"] for one in found]


def settle(wire: Wire, hours: int, restarts: bool) -> None:
    """Time passes; perhaps another process goes on."""
    wire.commit(after_ms=hours * HOUR_MS)
    if restarts:
        wire.restart()


@pytest.mark.parametrize("restarts", [False, True])
def test_told_in_one_zone_it_is_not_told_in_another_nor_on_the_way_back(wire: Wire, restarts: bool) -> None:
    """1 February begins in Auckland at 11:00 on 31 January, in New York at 05:00: told at the first, whatever comes after.

    Planted breaks, seen to fail: no note of what was told (Milestones._settle, `_latest_ms`); notes that stay with the
    account that a row has left (dataflows/read_back.py, OF_ROWS).
    """
    wire.commit(subscription(wire, 1))
    settle(wire, 4, restarts)
    assert told(wire) == ["2026-01-31T11:00:00Z"]
    for owner in (2, 1, 2):
        wire.commit(subscription(wire, owner, "late"))
        settle(wire, 1, restarts)
    settle(wire, 48, restarts)
    assert told(wire) == ["2026-01-31T11:00:00Z"]
    states = wire.live("subscription")["S-1"]["states"]
    assert [step["state"] for step in states] == ["active", "past_due"]


@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_not_told_yet_is_told_where_it_is_due(wire: Wire, restarts: bool) -> None:
    """It leaves Auckland an hour before the day begins there, so that day is New York's."""
    wire.commit(subscription(wire, 1))
    settle(wire, 1, restarts)
    wire.commit(subscription(wire, 2))
    settle(wire, 48, restarts)
    assert told(wire) == ["2026-02-01T05:00:00Z"]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("passing", [{"renews_on": "2026-03-01"}, {"status": "over"}])
@pytest.mark.parametrize(("owner", "due"), [(1, "2026-01-31T11:00:00Z"), (2, "2026-02-01T05:00:00Z")])
def test_a_date_that_its_transaction_gives_back_was_never_away(
    wire: Wire, owner: int, due: str, passing: dict[str, str], restarts: bool
) -> None:
    """The day begins, and the next transaction changes or ends it and takes that back, here or in another account: it is told,
    once. In a transaction of its own the way back is a new date, and what lies behind it is not told.

    Planted break, seen to fail: a date that is new whenever it is another one than a moment ago (state/folding/term.py).
    """
    wire.commit(subscription(wire, 1))
    settle(wire, 1, restarts)
    wire.commit(subscription(wire, owner, **passing), subscription(wire, owner), after_ms=30 * HOUR_MS)
    settle(wire, 1, restarts)
    assert told(wire) == [due]
    wire.commit(subscription(wire, owner, **passing))
    wire.commit(subscription(wire, owner))
    settle(wire, 48, restarts)
    assert told(wire) == [due]

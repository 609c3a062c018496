"""The end of a paid period is told of a subscription that no single row holds, also when it is over while nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from state.rules import Rules
from tests.scenarios.real.replay import TIERS, Replay
from tests.scenarios.real.test_what_the_recordings_lack import UUID, happens, micros, row

DAY_MS = 86_400_000


def milestones(real: Replay) -> list[Any]:
    """What was told."""
    return [one.body["milestone"] for one in real.log if one.kind == "change" and one.body["milestone"]]


@pytest.mark.parametrize("restarts", [0, 1, 2])
def test_the_paid_period_ends_once(tmp_path: Path, restarts: int) -> None:
    """Charged through 2 January: told when every source has been seen up to it, before or after which starts may lie.

    Planted break, seen to fail with a restart: not waking accounts by `charged_through` (Deriver.has_moments).
    """
    real = Replay(tmp_path, Rules(1, TIERS, "finance", ()))
    account = {"id": UUID, "external_key": "A-1", "currency": "USD", "created_date": micros("2026-01-01T00:00:00")}
    own = {"id": "s1", "bundle_id": "b1", "start_date": micros("2026-01-01T00:00:00"), "account_record_id": 4}
    real.commit(
        row(real, "killbill.public.accounts", record_id=4, **account),
        row(
            real, "killbill.public.subscriptions", record_id=1, charged_through_date=micros("2026-01-02T00:00:00"), **own
        ),
        happens(real, 1, user_type="CREATE", plan_name="pro-monthly", effective_date=micros("2026-01-01T00:00:00")),
        source="killbill",
    )  # fmt: skip
    assert real.live("subscription")["s1"]["paid_until"] == "2026-01-02T00:00:00Z" and not milestones(real)
    for number in range(3):
        if number < restarts:
            real.restart()
        for source in ("killbill", "tryton", "request_tracker"):
            real.commit(source=source, after_ms=2 * DAY_MS)
    ((name, identity, due_at),) = [(one["name"], one["id"], one["due_at"]) for one in milestones(real)]
    assert (name, identity, due_at) == ("paid_until", "s1", "2026-01-02T00:00:00Z")

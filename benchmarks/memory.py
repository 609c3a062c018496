"""What memory buys: the same catch-up with few accounts as objects and the others as bytes, and with many."""

from __future__ import annotations

from typing import Any

from benchmarks.catchup import catchup
from benchmarks.outcome import Reporter
from benchmarks.shape import Shape
from dataflows.settings import Settings


def memory(settings: Settings, changes: int, accounts: int, hot: list[int], reporter: Reporter) -> dict[str, Any]:
    """One verified catch-up in one process for each value of CONCORD_HOT_ACCOUNTS. Raises BenchmarkFailed."""
    shape = Shape(changes, accounts)
    runs = [
        {"hot_accounts": busy, **catchup(settings, shape, 1, reporter, hot_accounts=busy).as_json()}
        for busy in sorted(hot)
    ]
    return {"changes": changes, "accounts": accounts, "runs": runs, "right": all(run["right"] for run in runs)}

"""Catch-up over the number of accounts and of processes: the same changes, a state of another size."""

from __future__ import annotations

from typing import Any

from benchmarks.catchup import catchup
from benchmarks.outcome import Reporter
from benchmarks.plots import lines
from benchmarks.shape import Shape
from dataflows.settings import Settings

#: every account signs up with two changes; so many more at the least, so that the work is not signing up alone
CHANGES_PER_ACCOUNT_MIN = 3


def curve(
    settings: Settings, changes: int, accounts: list[int], processes: list[int], reporter: Reporter
) -> dict[str, Any]:
    """One verified catch-up for each pair, smallest state first. Raises BenchmarkFailed."""
    points = [
        {
            "asked_accounts": count,
            **catchup(
                settings, Shape(max(changes, CHANGES_PER_ACCOUNT_MIN * count), count), number, reporter
            ).as_json(),
        }
        for count in sorted(accounts)
        for number in sorted(processes)
    ]
    return {"changes": changes, "points": points, "right": all(point["right"] for point in points)}


def plot(result: dict[str, Any], note: str = "") -> str:
    """Rate over accounts, a line for each number of processes, as SVG; `note` ends the title."""
    series: dict[str, list[tuple[float, float]]] = {}
    for point in result["points"]:
        number = point["processes"]
        name = f"{number} process{'es' if number > 1 else ''}"
        series.setdefault(name, []).append((point["accounts"], point["changes_per_s"]))
    return lines(f"Catch-up, every published record verified{note}", "accounts", "changes per second", series)

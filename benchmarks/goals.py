"""What we want, as data: each goal names where its number lies, its bound, and the size at which it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Sections = dict[str, dict[str, Any]]
PEERS_ACCOUNTS, RESTART_ACCOUNTS, TRANSACTION_ROWS, SKEW_INVOICES = 100_000, 100_000, 1_000_000, 200_000
CATCH_UP_ACCOUNTS, FRESHNESS_CHANGES_PER_S = 100_000, 5_000
LARGE_ACCOUNTS = 1_000_000


class Measured(NamedTuple):
    """A number with the size that it was taken at, in words, and whether that is the size of the goal."""

    value: float
    size: str
    full_size: bool


class Goal(NamedTuple):
    """One goal. `measured` finds the number in the page's data, or None; `met` judges it."""

    name: str
    wanted: str
    measured: Callable[[Sections], Measured | None]
    met: Callable[[float], bool]
    unit: str


def verdict_of(goal: Goal, sections: Sections) -> tuple[str, str, str]:
    """Measured, size, met: in words; a number of a smaller size meets nothing."""
    try:
        found = goal.measured(sections)
    except KeyError:  # the data is of an older version of the benchmark
        found = None
    if found is None:
        return "not measured yet", "-", "-"
    met = ("yes" if goal.met(found.value) else "**no**") if found.full_size else "smaller size"
    return f"{found.value:,} {goal.unit}".rstrip(), found.size, met


def _result(sections: Sections, name: str) -> dict[str, Any] | None:
    section = sections.get(name)
    return None if section is None else section["result"]


def _against_best(
    quantity: str, ratio: str, best: Callable[[list[float]], float]
) -> Callable[[Sections], Measured | None]:
    """The ratio to the peer that is best at the quantity."""

    def found(sections: Sections) -> Measured | None:
        result = _result(sections, "peers")
        peers = [one for one in result["systems"] if "concord_is" in one] if result else []
        if result is None or not peers:
            return None
        wanted = best([one[quantity] for one in peers])
        value = next(one["concord_is"][ratio] for one in peers if one[quantity] == wanted)
        size = f"{result['changes']:,} changes, {result['accounts']:,} accounts"
        return Measured(value, size, result["accounts"] >= PEERS_ACCOUNTS)

    return found


def _wrong(sections: Sections) -> Measured | None:
    """Wrong records of all verified runs on the page."""
    runs = [
        run
        for section in sections.values()
        for run in (*section["result"].get("points", ()), *section["result"].get("runs", ()), section["result"])
        if "wrong_records" in run
    ]
    if not runs:
        return None
    kinds = ("wrong_records", "partial_states", "duplicates", "regressions", "lost", "wrong_at_end")
    records = sum(run["account_records"] for run in runs)
    return Measured(sum(run[kind] for run in runs for kind in kinds), f"{records:,} account records", True)


def _nearest(runs: Iterable[dict[str, Any]], accounts: int) -> dict[str, Any]:
    """The run with the most accounts up to so many, or the smallest one."""
    ordered = sorted(runs, key=lambda one: int(one["accounts"]))
    return next((one for one in reversed(ordered) if one["accounts"] <= accounts), ordered[0])


def _restarted(accounts: int) -> Callable[[Sections], Measured | None]:
    """The restart with a state of this size."""

    def found(sections: Sections) -> Measured | None:
        result = _result(sections, "restart")
        if result is None:
            return None
        run = _nearest(result["runs"], accounts)
        return Measured(run["kill_to_first_cut_s"], f"{run['accounts']:,} accounts", run["accounts"] >= accounts)

    return found


def _large(sections: Sections) -> Measured | None:
    """The most memory that a catch-up with the most accounts took, with any number of processes."""
    result = _result(sections, "curve")
    if result is None:
        return None
    accounts = max(int(one["accounts"]) for one in result["points"])
    most = max(int(one["rss_mb_peak"]) for one in result["points"] if one["accounts"] == accounts)
    return Measured(most, f"{accounts:,} accounts, any number of processes", accounts >= LARGE_ACCOUNTS)


def _flat(sections: Sections) -> Measured | None:
    """The slowest catch-up of one process over the fastest, at any number of accounts."""
    result = _result(sections, "curve")
    points = [one for one in result["points"] if one["processes"] == 1] if result else []
    if not points:
        return None
    rates = [float(one["changes_per_s"]) for one in points]
    accounts = [int(one["accounts"]) for one in points]
    size = f"{min(accounts):,} to {max(accounts):,} accounts"
    return Measured(round(min(rates) / max(rates), 2), size, max(accounts) >= LARGE_ACCOUNTS)


def _resident(sections: Sections) -> Measured | None:
    """Memory where the fewest accounts are objects."""
    result = _result(sections, "memory")
    if result is None:
        return None
    run = min(result["runs"], key=lambda one: int(one["hot_accounts"]))
    size = f"{run['accounts']:,} accounts, {run['hot_accounts']:,} as objects"
    return Measured(run["rss_mb_peak"], size, run["accounts"] >= CATCH_UP_ACCOUNTS)


def _memory(sections: Sections) -> Measured | None:
    """The large transaction's memory."""
    result = _result(sections, "transaction")
    if result is None:
        return None
    above = result["memory_above_small_transactions_mb"]
    return Measured(above, f"{result['rows']:,} rows", result["rows"] >= TRANSACTION_ROWS)


def _catchup(processes: int, quantity: str) -> Callable[[Sections], Measured | None]:
    """A number of the catch-up at 100,000 accounts, or at the most that were measured."""

    def found(sections: Sections) -> Measured | None:
        result = _result(sections, "curve")
        points = [one for one in result["points"] if one["processes"] == processes] if result else []
        if not points:
            return None
        point = _nearest(points, CATCH_UP_ACCOUNTS)
        size = f"{point['changes']:,} changes, {point['accounts']:,} accounts"
        return Measured(point[quantity], size, point["accounts"] >= CATCH_UP_ACCOUNTS)

    return found


def _fresh(percentile: str) -> Callable[[Sections], Measured | None]:
    """Delay at the highest rate that was measured."""

    def found(sections: Sections) -> Measured | None:
        result = _result(sections, "freshness")
        if result is None:
            return None
        run = max(result["runs"], key=lambda one: int(one["changes_per_s"]))
        rate = run["changes_per_s"]
        return Measured(run["delay_ms"][percentile], f"{rate:,} changes/s", rate >= FRESHNESS_CHANGES_PER_S)

    return found


def _resting(sections: Sections) -> Measured | None:
    """CPU of a flow with nothing to do, percent of a core."""
    result = _result(sections, "idle")
    return None if result is None else Measured(round(100 * result["rest_cpu_share"], 2), "one flow", True)


def _hot(sections: Sections) -> Measured | None:
    """The large account's cost."""
    result = _result(sections, "skew")
    if result is None:
        return None
    return Measured(result["hot_cost_ratio"], f"{result['invoices']:,} invoices", result["invoices"] >= SKEW_INVOICES)


GOALS = (
    Goal("records that are wrong, partial, repeated or lost", "0", _wrong, lambda value: value == 0, ""),
    Goal(
        "catch-up, 1 process", "60,000 changes/s", _catchup(1, "changes_per_s"), lambda value: value >= 60_000,
        "changes/s",
    ),
    Goal(
        "catch-up, 2 processes", "100,000 changes/s", _catchup(2, "changes_per_s"), lambda value: value >= 100_000,
        "changes/s",
    ),
    Goal(
        "CPU a million changes, broker apart", "at most 15 s", _catchup(1, "cpu_s_per_million"),
        lambda value: value <= 15, "s",
    ),
    Goal("memory at 100,000 accounts", "at most 800 MB", _resident, lambda value: value <= 800, "MB"),
    Goal("freshness at 5,000 changes/s, p50", "at most 120 ms", _fresh("p50"), lambda value: value <= 120, "ms"),
    Goal("freshness at 5,000 changes/s, p99", "at most 300 ms", _fresh("p99"), lambda value: value <= 300, "ms"),
    Goal("CPU of an idle flow", "below 2 % of a core", _resting, lambda value: value < 2, "%"),
    Goal(
        "catch-up beside the fastest peer", "faster", _against_best("changes_per_s", "times_as_fast", max),
        lambda value: value > 1, "x",
    ),
    Goal(
        "CPU beside the thriftiest peer", "less", _against_best("cpu_s_per_million", "share_of_cpu", min),
        lambda value: value < 1, "x",
    ),
    Goal(
        "kill -9 to the first new cut, 100,000 accounts", "at most 3 s",
        _restarted(RESTART_ACCOUNTS), lambda value: value <= 3, "s",
    ),
    Goal(
        "kill -9 to the first new cut, 1,000,000 accounts", "at most 20 s",
        _restarted(LARGE_ACCOUNTS), lambda value: value <= 20, "s",
    ),
    Goal("memory at 1,000,000 accounts", "at most 3,000 MB", _large, lambda value: value <= 3_000, "MB"),
    Goal(
        "the slowest catch-up of one process, of its fastest", "at least 0.8, 10,000 to 1,000,000 accounts", _flat,
        lambda value: value >= 0.8, "x",
    ),
    Goal("cost of a change of an account with 200,000 invoices", "that of others", _hot, lambda value: value <= 1.1, "x"),
    Goal(
        "memory of a transaction of 1,000,000 rows", "at most 512 MB above the same rows in small ones", _memory,
        lambda value: value <= 512, "MB",
    ),
)  # fmt: skip

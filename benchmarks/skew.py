"""One account with very many invoices against many accounts with few: what does a change cost?"""

from __future__ import annotations

from typing import Any

from benchmarks.catchup import catchup
from benchmarks.outcome import Reporter
from benchmarks.shape import Shape
from dataflows.settings import Settings

#: rows of an invoice with its payments and the account's own row, on average
ROWS_PER_INVOICE = 3.75
INVOICES_PER_SMALL_ACCOUNT = 10


def skew(settings: Settings, invoices: int, processes: int, reporter: Reporter) -> dict[str, Any]:
    """The same number of invoices twice: spread over all accounts, and all on one. Raises BenchmarkFailed."""
    accounts = max(1, invoices // INVOICES_PER_SMALL_ACCOUNT)
    changes = 2 * accounts + round(invoices * ROWS_PER_INVOICE)
    runs = []
    for name, hot in (("many small accounts", 0.0), ("one account has them all", 1.0)):
        shape = Shape(changes, accounts, hot=hot, invoices_only=True)
        result = catchup(settings, shape, processes, reporter)
        runs.append({"shape": name, **result.as_json()})
    small, hot_run = (run["cpu_s_per_million"] for run in runs)
    return {
        "invoices": invoices,
        "accounts": accounts,
        "hot_cost_ratio": round(hot_run / small, 2) if small else None,
        "hot_time_ratio": round(runs[1]["seconds"] / runs[0]["seconds"], 2),
        "runs": runs,
        "right": all(run["right"] for run in runs),
    }

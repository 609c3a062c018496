"""One source transaction of very many rows: does it come out whole, and how much memory does it take?

Two baselines: what the flow held just before, and the peak of a flow that gets as many rows in small transactions. The
first contains the state that the rows leave behind, the second does not.
"""

from __future__ import annotations

from itertools import pairwise
from time import monotonic
from typing import Any

from benchmarks.catchup import catchup, judged
from benchmarks.dataset import prepare
from benchmarks.flow import SOURCE_NAMES, Flow, flow_of
from benchmarks.load import Feed
from benchmarks.measure import Usage
from benchmarks.outcome import Reporter
from benchmarks.restart import SIGN_UP_CHANGES
from benchmarks.shape import Shape
from connectors.registry import Registry
from dataflows.settings import Settings, stack_dir

#: ordinary changes that follow, so that the frontier has to move beyond the large transaction
FOLLOWING_CHANGES = 1000
SLOWEST_ROWS_PER_S = 2000


def transaction(settings: Settings, rows: int, accounts: int, processes: int, reporter: Reporter) -> dict[str, Any]:
    """Fill the state, then one transaction of `rows` rows over all accounts; the same in small ones. Raises BenchmarkFailed."""
    filled = SIGN_UP_CHANGES * accounts
    shape = Shape(filled + rows + FOLLOWING_CHANGES, accounts, bulk_rows=rows)
    reporter.step("generate", shape.changes)
    dataset = prepare(stack_dir() / "bench", shape, progress=reporter.advance)
    feed = Feed(dataset, settings.kafka, Registry(settings.registry_api), SOURCE_NAMES)
    feed.send(filled)
    with flow_of(settings, processes) as flow:
        flow.start()
        reporter.step(f"fill {accounts:,} accounts", filled)
        flow.reach(feed.targets, reporter)
        cuts = len(flow.seen)
        flow.meter.sample()
        baseline = flow.meter.usage.samples[-1][2]
        reporter.step(f"one transaction of {rows:,} rows", dataset.changes)
        flow.stalled_after_s += rows / SLOWEST_ROWS_PER_S  # nothing can become visible before all of it
        sent = monotonic()
        feed.send(progress=reporter.advance)
        reached = flow.reach(feed.targets, reporter)
        usage = flow.stop()
        verdict = judged(settings, dataset, flow, reporter)
    small = catchup(settings, Shape(shape.changes, accounts, invoices_only=True), processes, reporter)
    largest, peak = _largest(flow, cuts), _peak(usage, reached.last)
    return {
        "rows": rows,
        "accounts": accounts,
        "processes": processes,
        "rows_of_the_largest_cut": largest,
        "in_one_cut": largest >= rows,
        "memory_above_baseline_mb": round((peak - baseline) / 1e6),
        "memory_above_small_transactions_mb": round(peak / 1e6) - small.measured["rss_mb_peak"],
        "baseline_mb": round(baseline / 1e6),
        "seconds": round(reached.last - sent, 2),
        **verdict.as_json(),
        "right": verdict.right and largest >= rows and small.verdict.right,
    }


def _largest(flow: Flow, since: int) -> int:
    """Most row changes that one cut applied, of the cuts from number `since` on."""
    applied = [flow.seen[since - 1].applied, *(cut.applied for cut in flow.seen[since:])]
    return max(later - earlier for earlier, later in pairwise(applied))


def _peak(usage: Usage, until: float) -> int:
    """Most resident memory up to a moment: the end of the process is no part of the work."""
    return max(rss for at, _, rss in usage.samples if at <= until + 1.0)

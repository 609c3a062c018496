"""`kill -9` in the middle of the work: how long until the next cut is readable, by the size of the state?"""

from __future__ import annotations

import json
from time import monotonic
from typing import Any

from benchmarks.catchup import judged
from benchmarks.dataset import prepare
from benchmarks.flow import SOURCE_NAMES, Flow, flow_of
from benchmarks.load import Feed
from benchmarks.outcome import Reporter
from benchmarks.shape import Shape
from benchmarks.traffic import Traffic
from connectors.registry import Registry
from dataflows.settings import Settings, stack_dir

#: row changes that every account begins with (its own row and a subscription)
SIGN_UP_CHANGES = 2
#: what goes on arriving while the flow is killed and started again
TRAFFIC_CHANGES, TRAFFIC_PER_S = 10_000, 1000
KILLED_AFTER_CUTS = 3
FIRST_CUT_TOLD_S = 2.0


def restart(
    settings: Settings,
    accounts: list[int],
    processes: int,
    reporter: Reporter,
    traffic: int = TRAFFIC_CHANGES,
    per_s: int = TRAFFIC_PER_S,
) -> dict[str, Any]:
    """One run a size of the state; `traffic`: changes that arrive meanwhile, `per_s` a second. Raises BenchmarkFailed."""
    runs = [_run(settings, count, processes, reporter, traffic, per_s) for count in accounts]
    return {
        "processes": processes,
        "changes_per_s": per_s,
        "runs": runs,
        "right": all(r["right"] for r in runs),
    }


def _run(
    settings: Settings, accounts: int, processes: int, reporter: Reporter, arriving: int, per_s: int
) -> dict[str, Any]:
    """Catch up with the state, let traffic arrive, kill, start, wait, verify."""
    filled = SIGN_UP_CHANGES * accounts + arriving
    shape = Shape(filled + arriving, accounts)
    reporter.step("generate", shape.changes)
    dataset = prepare(stack_dir() / "bench", shape, progress=reporter.advance)
    feed = Feed(dataset, settings.kafka, Registry(settings.registry_api), SOURCE_NAMES)
    reporter.step(f"fill {accounts:,} accounts", filled)
    feed.send(filled)
    with flow_of(settings, processes) as flow:
        flow.start()
        flow.reach(feed.targets, reporter)
        reporter.step("kill, start, first cut", shape.changes)
        traffic = Traffic(feed, per_s)
        killed, started, first = _kill_and_start(flow)
        phases = _phases(flow)
        traffic.follow(flow, reporter)
        usage = flow.stop()
        verdict = judged(settings, dataset, flow, reporter)
    return {
        "accounts": accounts,
        "state_rows": dataset.changes,
        "kill_to_first_cut_s": round(first - killed, 2),
        "start_to_first_cut_s": round(first - started, 2),
        "restarted_cpu_s": round(usage.cpu_at(first), 1),
        "phases_s": phases,
        "rss_mb_peak": round(usage.rss_bytes_peak / 1e6),
        **verdict.as_json(),
    }


def _kill_and_start(flow: Flow) -> tuple[float, float, float]:
    """Moments of the kill, of the new start, and of the first cut after it."""
    flow.more(KILLED_AFTER_CUTS)
    killed = monotonic()
    flow.kill()
    while flow.cuts(0.1):
        pass  # what was committed before the kill becomes visible first
    started = flow.start()
    return killed, started, flow.more(1).at_s


def _phases(flow: Flow) -> dict[str, float]:
    """Where the newest start says that its time went; the first cut's own event comes a moment after the cut."""
    told: dict[str, float] = {}
    deadline = monotonic() + FIRST_CUT_TOLD_S
    while "first_cut" not in told and monotonic() < deadline:
        told = {}
        for line in flow.log.read_text().splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "starting":
                told = {}
            told |= event.get("phases", {})
    return told

"""Catch-up: how fast does the canonical flow work off a backlog, at what cost, and is every record it published right?

The flow runs as users run it, against output topics made for this run and deleted after it. Time counts from the start of
the process to the visible progress record whose frontier is the end of the backlog, so start-up is included.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.dataset import Dataset, prepare
from benchmarks.flow import SOURCE_NAMES, Flow, Reached, flow_of
from benchmarks.load import load
from benchmarks.measure import Neighbours, Usage, broker_pid, cpu_seconds
from benchmarks.outcome import Reporter
from benchmarks.shape import Shape
from benchmarks.verify import Verdict, verify
from connectors.registry import Registry
from dataflows.settings import Settings, stack_dir

SLOWEST_VERIFIED_PER_S = 1000.0


@dataclass(frozen=True)
class Result:
    """One catch-up run: what was asked, measured and verified."""

    measured: dict[str, Any]
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """One flat object."""
        return {**self.measured, **self.verdict.as_json()}


def backlog(settings: Settings, shape: Shape, reporter: Reporter) -> tuple[Dataset, float]:
    """The workload, generated and loaded unless both are there already; seconds that loading took."""
    reporter.step("generate", shape.changes)
    dataset = prepare(stack_dir() / "bench", shape, progress=reporter.advance)
    reporter.step("load into Kafka", dataset.messages)
    loaded = load(dataset, settings.kafka, Registry(settings.registry_api), SOURCE_NAMES, reporter.advance)
    return dataset, loaded.seconds


def catchup(
    settings: Settings,
    shape: Shape,
    processes: int,
    reporter: Reporter,
    keep: bool = False,
    hot_accounts: int | None = None,
) -> Result:
    """Run it all: generate (cached), load (cached), run the flow, verify. Raises BenchmarkFailed.

    `hot_accounts`: the flow's CONCORD_HOT_ACCOUNTS, where it is not that of this process.
    """
    dataset, loaded_s = backlog(settings, shape, reporter)
    with flow_of(settings, processes, keep=keep) as flow:
        if hot_accounts is not None:
            flow.extra["CONCORD_HOT_ACCOUNTS"] = str(hot_accounts)
        reporter.step("catch up", dataset.changes)
        measured = _run(settings, dataset, flow, reporter)
        verdict = judged(settings, dataset, flow, reporter)
    return Result({**measured, "loaded_s": round(loaded_s, 1), "prefix": flow.prefix}, verdict)


def judged(settings: Settings, dataset: Dataset, flow: Flow, reporter: Reporter) -> Verdict:
    """The verdict on everything that a stopped flow published; its log stays if something is wrong."""
    reporter.step("verify every commit", dataset.changes)
    limit_s = 300.0 + dataset.changes / SLOWEST_VERIFIED_PER_S
    verdict = verify(settings.kafka, Registry(settings.registry_api), flow.prefix, dataset, SOURCE_NAMES, limit_s)
    if verdict.right:
        flow.log.unlink(missing_ok=True)
    return verdict


def _run(settings: Settings, dataset: Dataset, flow: Flow, reporter: Reporter) -> dict[str, Any]:
    """Start the flow, wait for the end of the backlog, stop it; what was measured."""
    broker = broker_pid(settings.kafka)
    before, neighbours = cpu_seconds(broker), Neighbours((broker,))
    started = flow.start()
    try:
        reached = flow.reach(dataset.last_positions(SOURCE_NAMES), reporter)
    finally:
        usage = flow.stop()
    return {
        "changes": dataset.changes,
        "accounts": dataset.accounts,
        "transactions": dataset.transactions,
        "processes": flow.processes,
        **rates(dataset.changes, started, reached, usage),
        "us_per_change": stages_of(flow, dataset.changes),
        "broker_cpu_s_per_million": round((cpu_seconds(broker) - before) / dataset.changes * 1e6, 1),
        "other_cores_busy": neighbours.cores(usage.cpu_s),
        "cores": psutil.cpu_count(),
    }


def stages_of(flow: Flow, changes: int) -> dict[str, float]:
    """CPU microseconds a change of every stage, as the stopped flow's processes logged them."""
    found: dict[str, float] = {}
    for line in flow.log.read_text().splitlines():
        if '"event": "stopped"' in line:
            for stage, seconds in json.loads(line)["stages"].items():
                found[stage] = found.get(stage, 0.0) + seconds
    return {stage: round(seconds / changes * 1e6, 1) for stage, seconds in sorted(found.items())}


def rates(changes: int, started: float, reached: Reached, usage: Usage) -> dict[str, Any]:
    """Speed and cost of so many changes, from the start of the process to the last cut."""
    seconds, cpu = reached.last - started, usage.cpu_at(reached.last)
    return {
        "seconds": round(seconds, 2),
        "changes_per_s": round(changes / seconds),
        "steady_changes_per_s": round(changes / max(reached.last - reached.first, 0.001)),
        "first_cut_s": round(reached.first - started, 2),
        "cuts": reached.cuts,
        "cpu_s": round(cpu, 1),
        "cpu_s_per_million": round(cpu / changes * 1e6, 1),
        "rss_mb_peak": round(usage.rss_bytes_peak / 1e6),
    }

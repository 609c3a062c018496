"""Freshness at a steady rate: from the moment a transaction is in Kafka to the moment its cut is readable.

The workload is produced by the benchmark itself, so Debezium's own delay is not in it; `concord demo` measures that one
from the source's commit. Readable means: a read_committed reader has the progress record, which commits with its records.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.catchup import judged
from benchmarks.dataset import prepare
from benchmarks.flow import SOURCE_NAMES, SOURCES_DIR, Flow, flow_of
from benchmarks.load import Feed
from benchmarks.measure import broker_pid, cpu_seconds, spread
from benchmarks.outcome import Reporter
from benchmarks.restart import SIGN_UP_CHANGES
from benchmarks.shape import Shape
from benchmarks.traffic import Traffic, delays_ms
from connectors.registry import Registry
from dataflows.settings import Settings, stack_dir

SINCE = "produced to Kafka (no Debezium in the way)"
#: the first seconds are left out: code and caches are cold
WARM_UP_S = 5.0


def freshness(
    settings: Settings, rates: list[int], seconds: float, accounts: int, processes: int, reporter: Reporter
) -> dict[str, Any]:
    """One run a rate, in changes a second. Raises BenchmarkFailed."""
    runs = [at_rate(settings, rate, seconds, accounts, processes, reporter) for rate in rates]
    return {
        "since": SINCE,
        "seconds": seconds,
        "accounts": accounts,
        "processes": processes,
        "runs": runs,
        "right": all(run["right"] for run in runs),
    }


def at_rate(
    settings: Settings,
    rate: int,
    seconds: float,
    accounts: int,
    processes: int,
    reporter: Reporter,
    sources_dir: Path = SOURCES_DIR,
) -> dict[str, Any]:
    """Fill the state, then let changes arrive at the rate for `seconds` after the warm-up."""
    filled = SIGN_UP_CHANGES * accounts
    shape = Shape(filled + round(rate * (seconds + WARM_UP_S)), accounts)
    reporter.step("generate", shape.changes)
    dataset = prepare(stack_dir() / "bench", shape, progress=reporter.advance)
    feed = Feed(dataset, settings.kafka, Registry(settings.registry_api), SOURCE_NAMES)
    feed.send(filled)
    with flow_of(settings, processes, sources_dir) as flow:
        flow.start()
        reporter.step(f"fill {accounts:,} accounts", filled)
        flow.reach(feed.targets, reporter)
        reporter.step(f"{rate:,} changes a second", dataset.changes)
        measured = _measured(settings, flow, feed, rate, reporter)
        verdict = judged(settings, dataset, flow, reporter)
    return {"changes_per_s": rate, **measured, **verdict.as_json()}


def _measured(settings: Settings, flow: Flow, feed: Feed, rate: int, reporter: Reporter) -> dict[str, Any]:
    """Delays and costs while the traffic arrives."""
    broker = broker_pid(settings.kafka)
    broker_before, before = cpu_seconds(broker), flow.meter.usage.cpu_s
    already = feed.changes
    traffic = Traffic(feed, rate)
    traffic.follow(flow, reporter)
    broker_used = cpu_seconds(broker) - broker_before
    used = flow.stop().cpu_s - before
    warm = traffic.sent[0].at_s + WARM_UP_S
    last = traffic.sent[-1].at_s
    took = last - traffic.sent[0].at_s
    counted = [one for one in traffic.sent if one.at_s >= warm]
    return {
        "delay_ms": spread(delays_ms(counted, flow.seen, SOURCE_NAMES)),
        "sent_per_s": round((feed.changes - already) / max(took, 0.001)),
        "cpu_share": round(used / max(took, 0.001), 3),
        "broker_cpu_share": round(broker_used / max(took, 0.001), 3),
    }

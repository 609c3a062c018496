"""Catch-up: how fast does the canonical flow work off a backlog, at what cost, and is every record it published right?

The flow runs as users run it (`concord run canonical --processes N`), in processes of its own, against output topics
made for this run and deleted after it. Time counts from the start of the process to the visible progress record whose
frontier is the end of the backlog, so start-up is included.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import psutil

from benchmarks.dataset import Dataset, prepare
from benchmarks.load import delete_topics, load
from benchmarks.measure import TreeMeter, cpu_seconds, listening_pid
from benchmarks.progress import ProgressReader
from benchmarks.verify import Verdict, verify
from connectors.registry import Registry
from dataflows.settings import Settings, stack_dir

SOURCES_DIR = Path(__file__).parent / "sources"
#: folder names of the two sources, in the order of `tables.SOURCES`; they prefix the input topics
SOURCE_NAMES = ("bench-billing", "bench-support")
STALLED_AFTER_S = 90.0


class BenchmarkFailed(Exception):
    """The run gave no result; the message says why and where to look."""


class Reporter(Protocol):
    """Shows people how far a step is."""

    def step(self, name: str, total: int) -> None:
        """A new step begins; `total` units of work."""

    def advance(self, done: int) -> None:
        """So much of the step is done."""


@dataclass(frozen=True)
class Result:
    """One catch-up run: what was asked, measured and verified."""

    measured: dict[str, Any]
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """One flat object."""
        return {**self.measured, **self.verdict.as_json()}


def catchup(
    settings: Settings, changes: int, accounts: int, processes: int, reporter: Reporter, keep: bool = False
) -> Result:
    """Run it all: generate (cached), load (cached), run the flow, verify. Raises BenchmarkFailed."""
    reporter.step("generate", changes)
    dataset = prepare(stack_dir() / "bench", changes, accounts, progress=reporter.advance)
    registry = Registry(settings.registry_api)
    reporter.step("load into Kafka", dataset.messages)
    loaded = load(dataset, settings.kafka, registry, SOURCE_NAMES, reporter.advance)
    prefix = f"bench-{uuid.uuid4().hex[:6]}."
    try:
        measured = _run(settings, dataset, prefix, processes, reporter)
        reporter.step("verify every commit", dataset.changes)
        verdict = verify(settings.kafka, registry, prefix, dataset, SOURCE_NAMES)
    finally:
        if not keep:
            delete_topics(settings.kafka, prefix)
    if verdict.right:
        _log_of(prefix).unlink()
    return Result({**measured, "loaded_s": round(loaded.seconds, 1), "prefix": prefix}, verdict)


def _log_of(prefix: str) -> Path:
    """What the flow of a run said; kept unless the run was right."""
    return stack_dir() / "bench" / f"{prefix}log"


def _environment(prefix: str) -> dict[str, str]:
    """The environment of the flow under measurement."""
    return {
        **os.environ,
        "CONCORD_PREFIX": prefix,
        "CONCORD_SOURCES": json.dumps(list(SOURCE_NAMES)),
        "CONCORD_SOURCES_DIR": str(SOURCES_DIR),
        "CONCORD_OWNERSHIP": str(SOURCES_DIR / "ownership.yaml"),
        "CONCORD_METRICS_PORT": "0",
        "CONCORD_CLUSTER_PORT": "27180",
    }


def _run(settings: Settings, dataset: Dataset, prefix: str, processes: int, reporter: Reporter) -> dict[str, Any]:
    """Start the flow, wait for the end of the backlog, stop it; what was measured."""
    reporter.step("catch up", dataset.changes)
    targets = dataset.last_positions(SOURCE_NAMES)
    log = _log_of(prefix)
    broker = listening_pid(int(settings.kafka.split(",")[0].rsplit(":", 1)[1]))
    broker_cpu = cpu_seconds(broker) if broker else 0.0
    command = [str(Path(sys.executable).with_name("concord")), "run", "canonical", "--processes", str(processes)]
    started = monotonic()
    with log.open("wb") as out:
        flow = subprocess.Popen(
            command, env=_environment(prefix), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    meter = TreeMeter(flow.pid)
    try:
        first, last, cuts = _wait(settings, prefix, flow, targets, log, reporter)
    finally:
        usage = meter.stop()
        _stop(flow)
    millions, seconds = dataset.changes / 1_000_000, last - started
    until_last = [sample for sample in usage.samples if sample[0] <= last + meter.every_s]
    cpu = until_last[-1][1] if until_last else usage.cpu_s
    return {
        "changes": dataset.changes,
        "accounts": dataset.accounts,
        "transactions": dataset.transactions,
        "processes": processes,
        "seconds": round(seconds, 2),
        "changes_per_s": round(dataset.changes / seconds),
        "steady_changes_per_s": round(dataset.changes / max(last - first, 0.001)),
        "first_cut_s": round(first - started, 2),
        "cuts": cuts,
        "cpu_s": round(cpu, 1),
        "cpu_s_per_million": round(cpu / millions, 1),
        "broker_cpu_s_per_million": round(((cpu_seconds(broker) - broker_cpu) if broker else 0.0) / millions, 1),
        "rss_mb_peak": round(usage.rss_bytes_peak / 1e6),
        "cores": psutil.cpu_count(),
    }


def _wait(
    settings: Settings,
    prefix: str,
    flow: subprocess.Popen[bytes],
    targets: dict[str, int],
    log: Path,
    reporter: Reporter,
) -> tuple[float, float, int]:
    """Moments of the first published cut and of the one that ends the backlog, and how many cuts there were."""
    reader: ProgressReader | None = None
    first, moved_at, cuts = 0.0, monotonic(), 0
    while True:
        if flow.poll() is not None:
            raise BenchmarkFailed(f"the flow ended with exit code {flow.returncode}. Next step: read {log}")
        if monotonic() - moved_at > STALLED_AFTER_S:
            raise BenchmarkFailed(f"the flow made no progress for {STALLED_AFTER_S:.0f} s. Next step: read {log}")
        reader = reader or ProgressReader.open(settings, prefix)
        for progress in reader.poll(0.05) if reader else ():
            moved_at = monotonic()
            cuts += 1
            first = first or moved_at
            frontier = progress["frontier"]
            reporter.advance(int(progress.get("counts", {}).get("applied", 0)))
            if all(frontier.get(source, 0) >= position for source, position in targets.items()):
                return first, moved_at, cuts


def _stop(flow: subprocess.Popen[bytes]) -> None:
    """Ask the flow to end; kill its group if it does not."""
    if flow.poll() is None:
        flow.terminate()
    try:
        flow.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(flow.pid, signal.SIGKILL)
        flow.wait(30)

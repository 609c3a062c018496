"""What rest costs: the CPU share of a flow that has nothing to do, and what 99 idle tables do to the delay of a busy one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from confluent_kafka.admin import AdminClient

from benchmarks.catchup import backlog, judged
from benchmarks.flow import SOURCE_NAMES, SOURCES_DIR, flow_of
from benchmarks.freshness import at_rate
from benchmarks.load import delete_topics, recreate
from benchmarks.measure import broker_pid, cpu_seconds
from benchmarks.outcome import Reporter
from benchmarks.shape import Shape
from dataflows.settings import Settings

IDLE_TABLES = 99
IDLE_PREFIX = f"{SOURCE_NAMES[0]}.public.idle_"
BUSY_PER_S = 500
_TABLE = """\
  public.{name}:
    key: [id]
    account: {{through: account_id, table: public.accounts}}
    object: invoice
    id: "{name}-{{id}}"
    fields:
      status: {{label: status, values: {{open: open, paid: paid}}}}
      total: {{money: total_cents, units: minor}}
"""


def idle(settings: Settings, seconds: float, accounts: int, processes: int, reporter: Reporter) -> dict[str, Any]:
    """The share at rest, then the same traffic without and with the idle tables. Raises BenchmarkFailed."""
    rest = _at_rest(settings, seconds, accounts, processes, reporter)
    alone = at_rate(settings, BUSY_PER_S, seconds, accounts, processes, reporter)
    with idle_tables(settings, IDLE_TABLES) as sources_dir:
        beside = at_rate(settings, BUSY_PER_S, seconds, accounts, processes, reporter, sources_dir)
    runs = [{"idle_tables": 0, **alone}, {"idle_tables": IDLE_TABLES, **beside}]
    return {"seconds": seconds, "accounts": accounts, "processes": processes, **rest, "runs": runs,
            "right": bool(rest["rest_right"]) and all(run["right"] for run in runs)}  # fmt: skip


def _at_rest(settings: Settings, seconds: float, accounts: int, processes: int, reporter: Reporter) -> dict[str, Any]:
    """A flow that has caught up and gets nothing more."""
    dataset, _ = backlog(settings, Shape(3 * accounts, accounts), reporter)
    broker = broker_pid(settings.kafka)
    with flow_of(settings, processes) as flow:
        flow.start()
        reporter.step("catch up", dataset.changes)
        flow.reach(dataset.last_positions(SOURCE_NAMES), reporter)
        reporter.step("rest", round(seconds))
        broker_before, started = cpu_seconds(broker), monotonic()
        before, cuts = flow.meter.usage.cpu_s, 0
        while (passed := monotonic() - started) < seconds:
            sleep(0.5)
            reporter.advance(round(passed))
        broker_used = cpu_seconds(broker) - broker_before
        used = flow.meter.usage.cpu_s - before
        cuts = flow.cuts(0.2)
        usage = flow.stop()
        verdict = judged(settings, dataset, flow, reporter)
    return {
        "rest_cpu_share": round(used / passed, 4),
        "rest_broker_cpu_share": round(broker_used / passed, 4),
        "rest_cuts": cuts,
        "rest_rss_mb": round(usage.samples[-2][2] / 1e6),
        "rest_right": verdict.right,
    }


@contextmanager
def idle_tables(settings: Settings, count: int) -> Iterator[Path]:
    """A copy of the sources' folder whose billing source has so many tables more, with a topic each that stays empty."""
    names = [f"idle_{number:03d}" for number in range(count)]
    folder = Path(tempfile.mkdtemp(prefix="concord-bench-"))
    try:
        topics = {f"{SOURCE_NAMES[0]}.public.{name}": 1 for name in names}
        recreate(AdminClient({"bootstrap.servers": settings.kafka}), topics)
        copy = folder / "sources"
        shutil.copytree(SOURCES_DIR, copy)
        mapping = copy / SOURCE_NAMES[0] / "mapping.yaml"
        mapping.write_text(mapping.read_text() + "".join(_TABLE.format(name=name) for name in names))
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        delete_topics(settings.kafka, IDLE_PREFIX)

"""One peer works off the backlog: started as a process of its own, measured, ended once its output stands still, judged."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from benchmarks.dataset import Dataset
from benchmarks.envelopes import key_schema, topic_of
from benchmarks.load import PARTITIONS, delete_topics, recreate
from benchmarks.measure import Neighbours, TreeMeter, broker_pid, cpu_seconds
from benchmarks.oracle import Oracle
from benchmarks.outcome import BenchmarkFailed, Reporter
from benchmarks.peers.build import JOBS, PeerJars, java_binary
from benchmarks.peers.check import Findings, ViewCheck
from benchmarks.tables import ACCOUNTS, INVOICES, TABLES
from connectors.registry import Registry
from dataflows.settings import Settings

#: heap of a peer; the collector and the compiler are the JVM's own choice
HEAP = "-Xmx4g"
OPENED = ("java.lang", "java.lang.reflect", "java.net", "java.nio", "java.text", "java.time", "java.util",
          "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks")  # fmt: skip
LOGGER = "-Dorg.slf4j.simpleLogger.log."
#: a peer is done when nothing new became visible for so long and it hardly works any more, or for three times as long
QUIET_S = 8.0
IDLE_SHARE = 0.33
_ADMIN_TIMEOUT_S = 30.0


class Inputs(NamedTuple):
    """What all peers of a run read: the broker, the registry, the backlog and the sources' names."""

    settings: Settings
    dataset: Dataset
    names: tuple[str, ...]
    logs: Path


class Ended(NamedTuple):
    """When the output first grew and when it last did, seconds since the start, and CPU seconds until then."""

    first_s: float
    last_s: float
    cpu_s: float


def catchup_of(peer: str, inputs: Inputs, jars: PeerJars, limit_s: float, reporter: Reporter) -> dict[str, Any]:
    """Run the peer and judge what it published. Raises BenchmarkFailed, StackError."""
    run = f"bench-{uuid.uuid4().hex[:6]}-{peer}"
    kafka, dataset = inputs.settings.kafka, inputs.dataset
    state = Path(tempfile.mkdtemp(prefix=f"{run}-"))
    class_path = jars.class_path(peer)
    topic = f"{run}.view"
    recreate(AdminClient({"bootstrap.servers": kafka}), {topic: PARTITIONS})
    log = inputs.logs / f"{run}.log"
    reporter.step(f"{peer} catches up", dataset.changes)
    try:
        measured = _measure(_command(peer, class_path, run, state, inputs), log, topic, limit_s, inputs, reporter)
        reporter.step(f"check what {peer} published", dataset.changes)
        found = judge(kafka, topic, Oracle(dataset), reporter)
    finally:
        shutil.rmtree(state, ignore_errors=True)
        delete_topics(kafka, run)
    log.unlink()
    return {"system": peer, **measured, **found.as_json()}


def _command(peer: str, class_path: str, run: str, state: Path, inputs: Inputs) -> list[str]:
    """The JVM with the job and its words."""
    registry = Registry(inputs.settings.registry_api)
    topics = {name: topic_of(table, inputs.names) for table, name in enumerate(TABLES)}
    words = {
        "kafka": inputs.settings.kafka,
        "registry": inputs.settings.registry_api,
        "output": f"{run}.view",
        "run": run,
        "state": str(state),
        # what is grouped by account must lie in the partition of the account's row: the same key bytes, schema id included
        "accounts-key": _key_id(registry, ACCOUNTS, inputs.names),
        "invoices-key": _key_id(registry, INVOICES, inputs.names),
        **topics,
    }
    level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    options = [level, f"{LOGGER}org.apache.flink.metrics.MetricGroup=error", "-Djava.net.preferIPv4Stack=true", HEAP]
    options += ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]
    options += [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    return [java_binary(), *options, "-cp", class_path, JOBS[peer][1], *(f"{k}={v}" for k, v in words.items())]


def _key_id(registry: Registry, table: int, names: tuple[str, ...]) -> str:
    """Schema id of a table's keys: registering what is registered gives its id."""
    return str(registry.register(f"{topic_of(table, names)}-key", key_schema(table)))


def _measure(
    command: list[str], log: Path, topic: str, limit_s: float, inputs: Inputs, reporter: Reporter
) -> dict[str, Any]:
    """Run the command until its output stands still; what it cost."""
    broker = broker_pid(inputs.settings.kafka)
    broker_cpu, neighbours = cpu_seconds(broker), Neighbours((broker,))
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=log.parent
        )
    meter = TreeMeter(process.pid)
    try:
        ended = _wait(process, meter, log, topic, limit_s, inputs, reporter)
    finally:
        usage = meter.stop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
    changes = inputs.dataset.changes
    millions = changes / 1_000_000
    return {
        "seconds": round(ended.last_s, 2),
        "changes_per_s": round(changes / ended.last_s),
        "steady_changes_per_s": round(changes / max(ended.last_s - ended.first_s, 0.001)),
        "first_output_s": round(ended.first_s, 2),
        "cpu_s_per_million": round(ended.cpu_s / millions, 1),
        "broker_cpu_s_per_million": round((cpu_seconds(broker) - broker_cpu) / millions, 1),
        "rss_mb_peak": round(usage.rss_bytes_peak / 1e6),
        "other_cores_busy": neighbours.cores(usage.cpu_s),
    }


def _wait(
    process: subprocess.Popen[bytes],
    meter: TreeMeter,
    log: Path,
    topic: str,
    limit_s: float,
    inputs: Inputs,
    reporter: Reporter,
) -> Ended:
    """Watch the end of the visible output until it stands still. Raises BenchmarkFailed."""
    admin = AdminClient({"bootstrap.servers": inputs.settings.kafka})
    started = moved = monotonic()
    first = visible = 0.0
    while True:
        sleep(0.1)
        now, end = monotonic(), stable_end(admin, topic)
        if end != visible:
            visible, moved, first = end, now, first or now
            reporter.advance(min(int(end), inputs.dataset.changes))
        if process.poll() is not None:
            raise BenchmarkFailed(f"the peer ended with exit code {process.returncode}. Next step: read {log}")
        if now - started > limit_s:
            raise BenchmarkFailed(
                f"the peer was not done after {limit_s:.0f} s. Next step: fewer --changes, or read {log}"
            )
        still_s = now - moved
        if first and (still_s > 3 * QUIET_S or (still_s > QUIET_S and _rests(meter, started))):
            return Ended(first - started, moved - started, meter.usage.cpu_at(moved))


def _rests(meter: TreeMeter, started: float) -> bool:
    """Whether it worked far less in the last seconds than on average: done, not merely between two commits."""
    samples = meter.usage.samples
    at, cpu, _ = samples[-1]
    before = next(((a, c) for a, c, _ in reversed(samples) if a <= at - QUIET_S * 0.75), None)
    if before is None or at - started < QUIET_S:
        return False
    return (cpu - before[1]) / (at - before[0]) < IDLE_SHARE * cpu / (at - started)


def stable_end(admin: AdminClient, topic: str) -> int:
    """Sum of the last stable offsets: what a read_committed reader can see, markers included."""
    asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(PARTITIONS)}
    futures = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED)
    return sum(future.result(_ADMIN_TIMEOUT_S).offset for future in futures.values())


def judge(kafka: str, topic: str, oracle: Oracle, reporter: Reporter) -> Findings:
    """Read the whole output, committed records only, and hold it against the oracle."""
    check = ViewCheck(oracle)
    left = stable_end(AdminClient({"bootstrap.servers": kafka}), topic)
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": f"{topic}-check",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    ended: set[int] = set()
    try:
        while len(ended) < PARTITIONS:
            for message in consumer.consume(5000, 0.5):
                if (error := message.error()) is None:
                    check.add(message.value(), message.key() or b"")
                elif error.name() == "_PARTITION_EOF":
                    ended.add(message.partition() or 0)
                else:
                    raise KafkaException(error)
            reporter.advance(min(check.findings.records, left))
    finally:
        consumer.close()
    return check.end()

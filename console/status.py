"""What `concord status` knows: read from Kafka, Kafka Connect and the look-up store; nothing is asked of the flows."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.contracts import Contracts
from connectors.kafka.offsets import committed, group_consumer
from connectors.kafka.topics import admin, partition_counts
from connectors.lag import Lag, lag
from connectors.lookup_store.reader import Lookup
from connectors.mappings.loading import load_model
from connectors.registry import Registry
from connectors.sources.connect import Connect, ConnectError
from connectors.unreachable import Unreachable
from console.status_outputs import Outputs
from console.status_report import Report, SourceStatus
from dataflows.settings import Settings
from dataflows.start import input_topics, transactional_id
from state.correcting.attention import attention
from state.correcting.correction_record import correction_from
from state.model import Model

#: somebody waits for the answer, so a registry that is away is not waited for
REGISTRY_S = 5.0


def gather(settings: Settings) -> Report:
    """Ask every service; one that does not answer becomes a line in `unreachable`, except Kafka, without which there is nothing.

    Raises KafkaUnavailable, and what the mappings raise.
    """
    client = admin(settings.kafka)
    model = load_model(settings.sources_dir, settings.sources)
    registry = Registry(settings.registry_api, timeout_s=REGISTRY_S, attempts=3)
    contracts = Contracts(registry, settings.contracts_dir, settings.prefix)
    report = Report(now_ms=time.time_ns() // 1_000_000)
    reading = Outputs(settings, client, contracts, report)
    progress = reading.progress()
    lags = _lags(settings, client, model)
    connectors = _connectors(settings, report)
    for source in model.sources:
        own = [found for topic, found in lags.items() if topic.startswith(f"{source.name}.")]
        report.sources.append(
            _source(source.name, progress, own, connectors.get(source.name, ("unknown", None)), report.now_ms)
        )
    if progress:
        report.commit, report.live = progress["commit"], progress["live"]
        report.committed_ms = progress.get("committed_ms")
    reading.parked()
    reading.counted("exception", "kind", report.exceptions)
    for record in reading.live("correction"):
        report.corrections[record["state"]] += 1
        if (why := attention(correction_from(record))) is not None:
            report.attention[why.kind] += 1
    reading.counted("intent", "state", report.intents)
    report.holds = reading.live("hold")
    _lookup(settings, report)
    return report


def _lags(settings: Settings, client: AdminClient, model: Model) -> dict[str, Lag]:
    """Lag per input topic; topics that do not exist yet are left out."""
    counts = partition_counts(client, list(input_topics(model)))
    partitions = [(topic, number) for topic, count in counts.items() for number in range(count)]
    group = group_consumer(settings.kafka, transactional_id(settings))
    try:
        taken = committed(group, partitions)
    except KafkaException:
        taken = dict.fromkeys(partitions, 0)  # the group does not exist before the flow's first commit
    finally:
        group.close()
    found: dict[str, Lag] = {}
    for (topic, _), one in lag(settings.kafka, client, taken, time.time()).items():
        before = found.get(topic, Lag(0, 0.0))
        found[topic] = Lag(before.records + one.records, max(before.seconds, one.seconds))
    return found


def _connectors(settings: Settings, report: Report) -> dict[str, tuple[str, str | None]]:
    """State of each source's connector and the first line of what failed."""
    found: dict[str, tuple[str, str | None]] = {}
    try:
        with Connect(settings.connect, timeout_s=5.0) as connect:
            for name in settings.sources:
                state = connect.status(name)
                found[name] = (
                    ("MISSING", None) if state is None else (state.state if state.running else "FAILED", state.failure)
                )
    except ConnectError as error:
        report.unreachable.append(str(error))
    return found


def _source(
    name: str, progress: dict[str, Any] | None, lags: list[Lag], connector: tuple[str, str | None], now_ms: int
) -> SourceStatus:
    counts: dict[str, int] = progress["counts"] if progress else {}
    clock = progress["clock_ms"].get(name, 0) if progress else 0
    finished = bool(progress and (progress["live"] or progress["snapshots"].get(f"{name}#finished")))
    return SourceStatus(
        name=name,
        connector=connector[0],
        failure=connector[1],
        frontier=progress["frontier"].get(name) if progress else None,
        age_ms=max(0, now_ms - clock) if clock else None,
        lag_records=sum(one.records for one in lags),
        lag_seconds=round(max((one.seconds for one in lags), default=0.0), 3),
        snapshot_complete=finished,
        rows_in=counts.get(f"{name}.in", 0),
        applied=counts.get(f"{name}.applied", 0),
        ignored=counts.get(f"{name}.ignored", 0),
        parked=counts.get(f"{name}.parked", 0),
    )


def _lookup(settings: Settings, report: Report) -> None:
    store = Lookup(settings.redis, settings.prefix)
    try:
        state = store.state()
    except Unreachable as error:
        report.unreachable.append(str(error))
    else:
        report.lookup_state = state.state
        report.lookup_commit = state.progress.commit if state.progress else None
    finally:
        store.close()

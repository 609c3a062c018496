"""The lookup flow: canonical topics -> whole cuts -> the look-up store (Redis or Valkey)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bytewax import operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.run import cli_main

from connectors import metrics
from connectors.canonical import CanonicalReader, Feed
from connectors.contracts import Contracts
from connectors.kafka.polling import REST_MS, Rest
from connectors.kafka.sink import CutSink
from connectors.kafka.topics import admin
from connectors.log import configure, logger
from connectors.lookup_store.reader import Lookup
from connectors.lookup_store.writer import Item, LookupWriter
from connectors.registry import Registry
from dataflows.settings import Settings
from state.cuts import Progress

#: what an account's answer is made of: the contracts whose topics are followed
OBJECTS = ("account", "subscription", "usage", "invoice", "payment", "refund", "credit", "case", "entitlement")
#: bytes of records that may wait for their cut before readers are refused and the backlog is written as it comes
HELD_BYTES_MAX = 32 * 1024 * 1024
QUEUE_KBYTES = 16_384
#: the metrics port of this flow lies this far above the canonical flow's
METRICS_PORT_OFFSET = 11
IDLE_MS = 5


class _Cuts(StatefulSourcePartition[Item, None]):
    """Polls the writer for its next cut until it is told to stop."""

    def __init__(self, writer: LookupWriter, batch: int, stopping: threading.Event) -> None:
        self._writer, self._batch, self._stopping = writer, batch, stopping
        self._idle = False
        self._rest = Rest()

    def next_batch(self) -> list[Item]:
        """At most one cut."""
        if self._stopping.is_set():
            raise StopIteration
        item = self._writer.next(self._batch, REST_MS / 1000 if self._rest.resting() else 0.0)
        self._idle = item is None
        if item is not None or self._writer.busy:
            self._rest.busy()
        return [] if item is None else [item]

    def next_awake(self) -> datetime | None:
        """Now after a cut, a little later after nothing; a flow that rests waits in the poll itself."""
        return datetime.now(UTC) + timedelta(milliseconds=IDLE_MS) if self._idle and not self._rest.resting() else None

    def snapshot(self) -> None:
        """Nothing: the store itself knows how far it is."""


class _Source(FixedPartitionedSource[Item, None]):
    """One engine partition."""

    def __init__(self, build: Callable[[], _Cuts]) -> None:
        self._build = build

    def list_parts(self) -> list[str]:
        """One part."""
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Cuts:
        """Open it."""
        return self._build()


class _Store:
    """The sink's side of the writer: each cut is one step of its own, so an epoch has nothing to commit."""

    def __init__(self, writer: LookupWriter) -> None:
        self._writer = writer

    def write(self, items: list[Any]) -> None:
        """Write the cuts in order."""
        for item in items:
            self._writer.write(item)

    def commit(self) -> None:
        """Nothing is left to commit."""

    def close(self) -> None:
        """Leave Kafka and the store."""
        self._writer.close()


def build_writer(settings: Settings, wait: Callable[[float], bool]) -> LookupWriter:
    """Put reader, store and decoder together. Raises KafkaUnavailable."""
    contracts = Contracts(Registry(settings.registry_api), Path(settings.contracts_dir), settings.prefix)

    def read_progress(value: bytes) -> Progress:
        record = contracts.read(value)
        return Progress(record["commit"], record["frontier"], record["clock_ms"], record["live"])

    feed = Feed(
        settings.kafka,
        {contracts.topic(name): name for name in OBJECTS},
        contracts.topic("progress"),
        settings.flow,
        read_progress,
    )
    reader = CanonicalReader(feed, admin(settings.kafka), HELD_BYTES_MAX, QUEUE_KBYTES)
    return LookupWriter(reader, Lookup(settings.redis, settings.prefix), contracts.read, wait)


def main(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT (exit code 0). Raises what start-up raises: KafkaUnavailable, PortTaken."""
    configure(settings.log_level)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    stop_metrics = metrics.serve(settings.metrics_port + METRICS_PORT_OFFSET if settings.metrics_port else 0)
    writer = build_writer(settings, stopping.wait)
    flow = Dataflow("lookup")
    cuts = op.input("canonical", flow, _Source(lambda: _Cuts(writer, settings.batch_rows, stopping)))
    op.output("store", op.key_on("one", cuts, lambda _: "0"), CutSink(lambda: _Store(writer)))
    try:
        cli_main(flow, workers_per_process=1, epoch_interval=timedelta(milliseconds=settings.epoch_ms))
    finally:
        stop_metrics()
        logger("lookup").info("stopped")
    return 0

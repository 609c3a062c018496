"""One process of the canonical flow: read, peek, align, resolve, route, decode and map, fold, view, compare, publish.

Recovery of the engine stays off; the state is in Kafka.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from confluent_kafka import Consumer

from connectors import metrics
from connectors.contracts import Contracts
from connectors.cut_metrics import SERIAL_EXCEPTIONS, stages
from connectors.kafka.offsets import StartRace
from connectors.kafka.restore import latest
from connectors.kafka.sink import CutSink
from connectors.kafka.source import Handler, KafkaSource, reader
from connectors.kafka.topics import admin
from connectors.kafka.transactor import Transactor
from connectors.lag import LagExporter
from connectors.log import configure, logger
from dataflows import bootstrap, collector
from dataflows.cut import EXIT_FENCED, CanonicalWriter
from dataflows.placement import SERIAL_WORKER, sequencer_key
from dataflows.settings import Settings
from dataflows.stages import SequencerStage, ShardStage, Unfinished, peek_messages
from dataflows.start import Start, demand_newest, transactional_id, transactor_config
from state.model import Model

#: with several processes the engine's main thread asks for the interpreter lock a thousand times a second, only to look
#: for signals; each time the working thread would have to hand it over. It gets it between two batches in any case.
SWITCH_SECONDS = 0.1


class Stopping:
    """SIGTERM and SIGINT set it, or another process of the flow; the sources see it and end, the last cut commits."""

    def __init__(self) -> None:
        self.asked = False
        #: the process that was stopped, where it is not this one
        self.by: int | None = None
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, signum: int, frame: object) -> None:
        self.asked, self.by = True, None

    def tell(self, number: int) -> None:
        """Another process was asked to stop, and the flow stops with it."""
        if not self.asked:
            self.asked, self.by = True, number

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.asked


def build(settings: Settings, start: Start, stopping: Stopping, parent: int | None, folder: Path | None) -> Dataflow:
    """The flow over the adapters of `bootstrap`."""
    model, contracts, known = (
        bootstrap.model(settings),
        bootstrap.contracts(settings),
        bootstrap.schemas(settings, folder),
    )
    key = sequencer_key(settings.processes)
    unfinished = Unfinished(key)

    def open_part(number: int) -> tuple[Consumer, Handler] | None:
        if number != SERIAL_WORKER:
            return None
        consumer = reader(settings.kafka, transactional_id(settings), start.vector, settings.queue_kbytes)
        return consumer, peek_messages(bootstrap.peek(model, known), key)

    def open_writer() -> CanonicalWriter:
        return _open_writer(settings, model, contracts, start)

    flow = Dataflow(settings.flow)
    source = KafkaSource(
        settings.processes, open_part, settings.batch_rows, stopping, settings.flow, parent, unfinished
    )
    read = op.input("read", flow, source)
    stepped = op.stateful_batch(
        "align_resolve_route",
        read,
        lambda _none: SequencerStage(settings, model, start, bootstrap.last_commit(known), known, unfinished),
    )
    routed = op.branch(
        "shard_or_progress", op.map("unkey", stepped, lambda item: item[1]), lambda item: item[0][-1] != "!"
    )
    folded = op.stateful_batch(
        "decode_fold_view_compare",
        routed.trues,
        lambda _none: ShardStage(
            settings, model, contracts, start.position, lambda: bootstrap.shard(settings, model, known), known
        ),
    )
    cut = op.merge(
        "cut",
        op.map("records", folded, lambda item: ("0", item[1])),
        op.map("progress", routed.falses, lambda item: ("0", item[1])),
    )
    op.output("publish", cut, CutSink(open_writer))
    return flow


def _open_writer(settings: Settings, model: Model, contracts: Contracts, start: Start) -> CanonicalWriter:
    try:
        transactor = Transactor(transactor_config(settings), start.vector, start.ids)
        demand_newest(settings, contracts, start.commit)
    except StartRace as error:
        logger(settings.flow).error("start refused", reason=str(error))
        os._exit(EXIT_FENCED)
    writer = CanonicalWriter(
        settings, model, contracts, transactor, start.commit, start.position.counts, start.versions
    )
    open_exceptions = latest(settings.kafka, contracts.topic("exception"), list(range(settings.partitions)))
    writer.load_exceptions(
        {key: contracts.read(value) for key, value in open_exceptions.items() if key.startswith(SERIAL_EXCEPTIONS)}
    )
    return writer


def _lag_exporter(settings: Settings, start: Start) -> LagExporter:
    """Lag per source as a metric, measured beside the flow."""
    model = bootstrap.model(settings)
    source_of = {table.input_topic: table.source for table in model.tables}
    for source in model.sources:
        source_of |= {source.transaction_topic: source.name, source.notification_topic: source.name}
    partitions = {(topic, number): source_of[topic] for topic, number in start.vector}
    exporter = LagExporter(settings.kafka, admin(settings.kafka), transactional_id(settings), partitions)
    exporter.start()
    return exporter


def addresses_of(settings: Settings) -> list[str]:
    """Where the processes reach one another, by number."""
    here = [f"127.0.0.1:{settings.cluster_port + number}" for number in range(settings.processes)]
    return list(settings.addresses) or here


def work(
    settings: Settings,
    start: Start,
    number: int,
    stopping: Stopping,
    parent: int | None = None,
    folder: Path | None = None,
) -> int:
    """Run one process of the flow until it is stopped; those of one host share a folder. Raises PortTaken."""
    configure(settings.log_level)
    collector.begin()
    sys.setswitchinterval(SWITCH_SECONDS)
    stop_metrics = metrics.serve(settings.metrics_port + number if settings.metrics_port else 0)
    exporter = _lag_exporter(settings, start) if number == 0 and settings.metrics_port else None
    several = settings.processes > 1
    try:
        cli_main(
            build(settings, start, stopping, parent, folder),
            workers_per_process=1,
            process_id=number if several else None,
            addresses=addresses_of(settings) if several else None,
            epoch_interval=timedelta(milliseconds=settings.epoch_ms),
        )
    except Exception as error:  # noqa: BLE001 - the engine hides causes between processes: the log must hold this one
        logger(settings.flow).exception("flow ended by an error", process=number, reason=str(error))
        return 1
    finally:
        stop_metrics()
        if exporter:
            exporter.stop()
    logger(settings.flow).info("stopped", process=number, stages=stages())
    return 0

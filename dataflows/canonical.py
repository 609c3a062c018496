"""The canonical flow: read, peek, align, resolve, route, decode and map, fold, view, compare, publish.

One process or several: the first one checks, fences and reads where the flow stood, then all of them run the same
Bytewax flow. Recovery of the engine stays off; the state is in Kafka.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from confluent_kafka import Consumer

from connectors import metrics
from connectors.contracts import Contracts
from connectors.cut_metrics import SERIAL_EXCEPTIONS
from connectors.kafka.offsets import StartRace, TopicRecreated
from connectors.kafka.restore import latest
from connectors.kafka.sink import CutSink
from connectors.kafka.source import Handler, KafkaSource, reader
from connectors.kafka.topics import admin
from connectors.kafka.transactor import Fenced, Transactor
from connectors.lag import LagExporter
from connectors.log import configure, logger
from connectors.mappings.ownership import load_rules
from connectors.mappings.versions import installed
from connectors.ports import PortTaken, demand
from dataflows import bootstrap, collector
from dataflows.cut import EXIT_FENCED, CanonicalWriter
from dataflows.placement import SERIAL_WORKER, sequencer_key
from dataflows.rederive import rederive
from dataflows.replaced import CannotPlace
from dataflows.settings import Settings, load_settings
from dataflows.stages import SequencerStage, ShardStage, peek_messages
from dataflows.start import Start, StartRefused, begin, demand_newest, refuse_edits, transactional_id, transactor_config
from state.model import Model

EXIT_REFUSED = 2
#: how long a process may take to end after SIGTERM before it is killed
STOP_SECONDS = 8.0
#: with several processes the engine's main thread asks for the interpreter lock a thousand times a second, only to look
#: for signals; each time the working thread would have to hand it over. It gets it between two batches in any case.
SWITCH_SECONDS = 0.1


class Stopping:
    """SIGTERM and SIGINT set it; the sources see it and end, the last cut commits."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, signum: int, frame: object) -> None:
        self.asked = True

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

    def open_part(number: int) -> tuple[Consumer, Handler] | None:
        if number != SERIAL_WORKER:
            return None
        consumer = reader(settings.kafka, transactional_id(settings), start.vector, settings.queue_kbytes)
        return consumer, peek_messages(bootstrap.peek(model, known), key)

    def open_writer() -> CanonicalWriter:
        return _open_writer(settings, model, contracts, start)

    flow = Dataflow(settings.flow)
    source = KafkaSource(settings.processes, open_part, settings.batch_rows, stopping, settings.flow, parent)
    read = op.input("read", flow, source)
    stepped = op.stateful_batch(
        "align_resolve_route",
        read,
        lambda _none: SequencerStage(settings, model, start, bootstrap.last_commit(known), known),
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


def work(settings: Settings, start: Start, number: int, parent: int | None = None, folder: Path | None = None) -> int:
    """Run one process of the flow until it is stopped; several share a folder. Raises PortTaken."""
    configure(settings.log_level)
    collector.begin()
    sys.setswitchinterval(SWITCH_SECONDS)
    stopping = Stopping()
    stop_metrics = metrics.serve(settings.metrics_port + number if settings.metrics_port else 0)
    exporter = _lag_exporter(settings, start) if number == 0 and settings.metrics_port else None
    addresses = [f"127.0.0.1:{settings.cluster_port + i}" for i in range(settings.processes)]
    try:
        cli_main(
            build(settings, start, stopping, parent, folder),
            workers_per_process=1,
            process_id=number if settings.processes > 1 else None,
            addresses=addresses if settings.processes > 1 else None,
            epoch_interval=timedelta(milliseconds=settings.epoch_ms),
        )
    except Exception as error:  # noqa: BLE001 - the engine hides causes between processes: the log must hold this one
        logger(settings.flow).exception("flow ended by an error", process=number, reason=str(error))
        return 1
    finally:
        stop_metrics()
        if exporter:
            exporter.stop()
    logger(settings.flow).info("stopped", process=number)
    return 0


def main(settings: Settings) -> int:
    """Start the flow with `settings.processes` processes; returns the exit code (0 stopped, 1 error, 2 refused, 3 fenced).

    Raises what is wrong with settings, mappings and rules, PortTaken, KafkaUnavailable and RegistryError: all of that
    is looked at before another start of this flow is fenced.
    """
    configure(settings.log_level)
    load_rules(settings.ownership)
    model = bootstrap.model(settings)
    for number in range(settings.processes):
        if settings.metrics_port:
            demand(settings.metrics_port + number, *metrics.METRICS)
        if settings.processes > 1:
            demand(settings.cluster_port + number, "messages between the flow's processes", "CONCORD_CLUSTER_PORT")
    contracts = bootstrap.contracts(settings)
    try:
        start = begin(settings, model, contracts, admin(settings.kafka))
        if start.commit and start.before != start.versions:
            start = rederive(settings, model, contracts, start)
    except (StartRefused, TopicRecreated, CannotPlace) as error:
        logger(settings.flow).error("start refused", reason=str(error))
        return EXIT_REFUSED
    except (StartRace, Fenced) as error:
        logger(settings.flow).error("start refused", reason=str(error))
        return EXIT_FENCED
    logger(settings.flow).info(
        "starting", commit=start.commit, frontier=start.position.frontier, live=start.position.live
    )
    if settings.processes == 1:
        return work(settings, start, 0)
    with tempfile.TemporaryDirectory(prefix="concord-") as folder:
        path = Path(folder) / "start.json"
        start.save(path)
        (path.parent / "schemas").mkdir()
        return _supervise(settings, path)


def _supervise(settings: Settings, path: Path) -> int:
    """Run the processes; when one ends, the others end too. A lost parent is noticed by each of them."""
    stopping = Stopping()
    environment = os.environ | {f"CONCORD_{k.upper()}": v for k, v in bootstrap.as_environment(settings).items()}
    children = [
        subprocess.Popen(  # noqa: S603 - our own module with our own arguments
            [sys.executable, "-m", "dataflows.canonical", str(path), str(n), str(os.getpid())], env=environment
        )
        for n in range(settings.processes)
    ]
    while not stopping.asked and all(child.poll() is None for child in children):
        time.sleep(0.05)
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    codes = [child.returncode for child in children]
    return 0 if stopping.asked else next((code for code in codes if code > 0), 1)


def _child(path: Path, number: int, parent: int) -> int:
    """One of several processes."""
    settings = load_settings()
    try:
        start = Start.load(path)
        refuse_edits(settings, start.versions, installed(settings.sources_dir, settings.sources, settings.ownership))
        return work(settings, start, number, parent, path.parent / "schemas")
    except (PortTaken, StartRefused) as error:
        logger(settings.flow).error("start refused", process=number, reason=str(error))
        return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(_child(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

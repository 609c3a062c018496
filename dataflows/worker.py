"""One process of the canonical flow: read, peek, align, resolve, route, decode and map, fold, view, compare, publish.

Recovery of the engine stays off; the state is in Kafka.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from confluent_kafka import Consumer

from connectors import metrics
from connectors.contracts import Contracts
from connectors.cut_metrics import stages
from connectors.kafka.offsets import Overtook, StartRace
from connectors.kafka.sink import CutSink
from connectors.kafka.source import Handler, KafkaSource, reader
from connectors.kafka.topics import admin
from connectors.kafka.transactor import Transactor
from connectors.lag import LagExporter
from connectors.laps import Laps
from connectors.log import configure, logger
from dataflows import bootstrap, collector
from dataflows.cut import EXIT_FENCED, CanonicalWriter
from dataflows.flight import Flight
from dataflows.pacing import Pacing, pacing_of
from dataflows.placement import SERIAL_WORKER, sequencer_key, shard_workers
from dataflows.restored import RESTORING, Restore, Restored
from dataflows.settings import Settings
from dataflows.stages import SequencerStage, ShardStage, Unfinished, peek_messages
from dataflows.start import Start, demand_newest, transactional_id, transactor_config
from dataflows.start_folder import StartFolder
from dataflows.stopping import Stopping
from state.model import Model

#: an epoch of the engine; cuts do not wait for its end (`dataflows/flight.py`)
EPOCH = timedelta(seconds=10)
#: of a process that has fenced a start which committed after this one had read: the flow starts once more
EXIT_AGAIN = 75
#: with several processes the engine's main thread asks for the interpreter lock a thousand times a second, only to look
#: for signals; each time the working thread would have to hand it over. It gets it between two batches in any case.
SWITCH_SECONDS = 0.1


class Given(NamedTuple):
    """What a start had to look at before it fenced anybody."""

    model: Model
    contracts: Contracts


class Worker:
    """The flow of one process over the adapters of `bootstrap`, on what the process restored."""

    def __init__(self, settings: Settings, start: Start, given: Given, folder: StartFolder | None, number: int) -> None:
        """`folder` is shared by the processes of one host; `number` is this process's."""
        self._settings, self._start, self._number = settings, start, number
        self._model, self._contracts = given
        self._known = bootstrap.schemas(settings, None if folder is None else folder.schemas)
        self._flight = Flight()
        self._pacing: Pacing | None = None  # on the process that reads
        self._transactor: Transactor | None = None

    def restore(self, stopping: Stopping, laps: Laps) -> Restored | None:
        """Read back what this process works on, while the sink connects; None if it is stopped meanwhile.

        Raises StartRace, before the engine runs: it would only lose that.
        """
        settings = self._settings
        serial = self._number == SERIAL_WORKER
        sink = ThreadPoolExecutor(1, "sink")
        connecting = sink.submit(self._open_transactor) if serial else None
        sink.shutdown(wait=False)  # what it has begun goes on
        workers = shard_workers(settings.partitions, settings.processes)
        mine = [shard for shard, worker in enumerate(workers) if worker == self._number]
        reading = Restore(settings, self._model, self._contracts, self._known, mine, serial)
        restored = reading.run(self._start.position, stopping, laps)
        if connecting is not None and restored is not None:
            self._transactor = connecting.result()
        return restored

    def build(self, restored: Restored, stopping: Stopping, parent: int | None, laps: Laps) -> Dataflow:
        """The flow, as the engine runs it in every process."""
        settings, model, start, known = self._settings, self._model, self._start, self._known
        unfinished = Unfinished(key := sequencer_key(settings.processes))

        def open_part(number: int) -> tuple[Consumer, Handler] | None:
            if number != SERIAL_WORKER:
                return None
            consumer = reader(settings.kafka, transactional_id(settings), start.vector, settings.queue_kbytes)
            self._pacing = pacing_of(consumer, model, start.vector)
            peek = bootstrap.peek(model, known)
            return consumer, peek_messages(peek, key, self._pacing, self._flight, settings.batch_rows)

        def open_sequencer(_none: None) -> SequencerStage:
            assert restored.identity is not None, "the sequencer's key leads to the process that restored the index"
            assert self._pacing is not None, "it reads on this process, too"
            last_commit = bootstrap.last_commit(known)
            return SequencerStage(
                settings, model, start, last_commit, restored.identity, unfinished, self._flight, self._pacing
            )

        flow = Dataflow(settings.flow)
        source = KafkaSource(
            settings.processes,
            open_part,
            settings.batch_rows,
            stopping,
            settings.flow,
            parent,
            unfinished,
            may_read=self._may_read,
        )
        read = op.input("read", flow, source)
        stepped = op.stateful_batch("align_resolve_route", read, open_sequencer)
        routed = op.branch(
            "shard_or_progress", op.map("unkey", stepped, lambda item: item[1]), lambda item: item[0][-1] != "!"
        )
        folded = op.stateful_batch(
            "decode_fold_view_compare",
            routed.trues,
            lambda _none: ShardStage(settings, model, self._contracts, restored.shards),
        )
        cut = op.merge(
            "cut",
            op.map("records", folded, lambda item: ("0", item[1])),
            op.map("progress", routed.falses, lambda item: ("0", item[1])),
        )
        op.output("publish", cut, CutSink(lambda: self._open_writer(restored, laps)))
        return flow

    def _may_read(self) -> bool:
        assert self._pacing is not None, "only a process that reads asks"
        self._pacing.relieve()
        return self._flight.may_read()

    def _open_transactor(self) -> Transactor:
        transactor = Transactor(transactor_config(self._settings), self._start.vector, self._start.ids)
        demand_newest(self._settings, self._contracts, self._start.commit)
        return transactor

    def _open_writer(self, restored: Restored, laps: Laps) -> CanonicalWriter:
        assert self._transactor is not None, "the sink's key leads to the process of the serial part"
        settings, start = self._settings, self._start
        writer = CanonicalWriter(
            settings,
            self._model,
            self._contracts,
            self._transactor,
            start.commit,
            start.position.counts,
            start.versions,
            laps,
            self._flight,
        )
        writer.load_exceptions(restored.exceptions)
        laps.lap("open")
        return writer


def _lag_exporter(settings: Settings, start: Start, model: Model) -> LagExporter:
    """Lag per source as a metric, measured beside the flow."""
    source_of = model.source_of_topic
    partitions = {(topic, number): source_of[topic] for topic, number in start.vector}
    exporter = LagExporter(settings.kafka, admin(settings.kafka), transactional_id(settings), partitions)
    exporter.start()
    return exporter


def _tell(settings: Settings, number: int, restored: Restored, laps: Laps) -> None:
    """What was restored, and where the time went."""
    accounts = None if restored.identity is None else len(restored.identity.accounts)
    logger(settings.flow).info("restored", process=number, rows=restored.rows, accounts=accounts, **laps.told())
    metrics.RESTORE_SECONDS.labels(settings.flow).set(laps.of(*RESTORING))


def addresses_of(settings: Settings) -> list[str]:
    """Where the processes reach one another, by number."""
    here = [f"127.0.0.1:{settings.cluster_port + number}" for number in range(settings.processes)]
    return list(settings.addresses) or here


def work(
    settings: Settings,
    start: Start,
    number: int,
    stopping: Stopping,
    laps: Laps,
    given: Given,
    parent: int | None = None,
    folder: StartFolder | None = None,
) -> int:
    """Run one process of the flow until it is stopped; those of one host share a folder. Raises PortTaken.

    Exit codes: 0 stopped, 1 error, 3 fenced, EXIT_AGAIN to read where the flow stands once more and start anew.
    """
    configure(settings.log_level)
    collector.begin()
    sys.setswitchinterval(SWITCH_SECONDS)
    stop_metrics = metrics.serve(settings.metrics_port + number if settings.metrics_port else 0)
    exporter = _lag_exporter(settings, start, given.model) if number == 0 and settings.metrics_port else None
    several = settings.processes > 1
    try:
        worker = Worker(settings, start, given, folder, number)
        restored = worker.restore(stopping, laps)
        if restored is not None:
            _tell(settings, number, restored, laps)
            flow = worker.build(restored, stopping, parent, laps)
            if folder is None or folder.in_turn(number, lambda: stopping() or os.getppid() != parent):
                cli_main(
                    flow,
                    workers_per_process=1,
                    process_id=number if several else None,
                    addresses=addresses_of(settings) if several else None,
                    epoch_interval=EPOCH,
                )
    except Overtook as error:
        logger(settings.flow).warning("starting once more", reason=str(error))
        return EXIT_AGAIN
    except StartRace as error:
        logger(settings.flow).error("start refused", reason=str(error))
        return EXIT_FENCED
    except Exception as error:  # noqa: BLE001 - the engine hides causes between processes: the log must hold this one
        logger(settings.flow).exception("flow ended by an error", process=number, reason=str(error))
        return 1
    finally:
        stop_metrics()
        if exporter:
            exporter.stop()
    logger(settings.flow).info("stopped", process=number, stages=stages())
    return 0

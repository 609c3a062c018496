"""What the canonical flow's sink does: every record of whole steps, and when a cut is due its progress and the commit."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from connectors import metrics
from connectors.contracts import Contracts
from connectors.cut_metrics import CutMetrics, OpenRecords, stage
from connectors.facts import waiting_record
from connectors.kafka.offsets import Vector
from connectors.kafka.transactor import Fenced, Headers, Record, Transactor
from connectors.laps import Laps
from connectors.log import logger
from connectors.mappings.versions import Versions, header
from dataflows.encode import ShardRecords, bad_frame_body
from dataflows.flight import Flight
from dataflows.progress import headers, progress_body
from dataflows.settings import Settings
from state.model import Model
from state.row import BadFrame
from state.step import Position, Step

#: exit code of a process that another start has taken over from
EXIT_FENCED = 3


class CanonicalWriter:
    """Writes cuts. The commit number is the last one plus one; records carry it as a header."""

    def __init__(
        self,
        settings: Settings,
        model: Model,
        contracts: Contracts,
        transactor: Transactor,
        commit: int,
        counts: dict[str, int],
        versions: Versions,
        laps: Laps,
        flight: Flight,
    ) -> None:
        self._flow = settings.flow
        self._flight, flight.look = flight, self.commit_due
        #: seconds between a cut and the next; when the newest one ended
        self._pause, self._ended = settings.epoch_ms / 1000, -math.inf
        self._prefix = settings.prefix
        self._model = model
        self._contracts = contracts
        self._transactor = transactor
        self._commit = commit
        self._parked: dict[str, int] = {}
        self._offsets: Vector = {}
        self._position: Position | None = None
        self._in_slices = False
        self._published = 0
        self._versions = versions
        self._mapping = header(versions)
        self._metrics = CutMetrics(counts)
        self._open = OpenRecords()
        self._log = logger(settings.flow)
        self._laps: Laps | None = laps

    def load_exceptions(self, records: Mapping[bytes, Mapping[str, Any]]) -> None:
        """Exceptions of the serial step that were open before this start: they are counted on."""
        for key, record in records.items():
            self._open.exception(key.decode(), record)

    def write(self, items: list[tuple[int, ShardRecords | None]]) -> None:
        """Queue the steps that are whole now: items are shards' parts of steps, by number (None: the step itself).

        A process that was taken over may learn it here.
        """
        for number, records in items:
            if records is not None:
                self._flight.arrive(number, records)
        try:
            with stage("produce"):
                for step, parts in self._flight.whole():
                    self._write(step, parts)
        except Fenced as error:
            self._end(error, self._commit + 1)
        self.commit_due()

    def commit_due(self) -> None:
        """Commit, if the newest cut is long enough ago."""
        if self._position is not None and not self._in_slices and time.monotonic() - self._ended >= self._pause:
            self.commit()

    def _end(self, error: Fenced, number: int) -> NoReturn:
        """End the process at once: an exception would only be lost in the engine, and nothing may be written any more."""
        metrics.FENCED.labels(self._flow).inc()
        self._log.error("fenced", reason=str(error), commit=number)
        os._exit(EXIT_FENCED)

    def _write(self, step: Step, parts: list[ShardRecords]) -> None:
        for part in parts:
            self._transactor.produce(part.records, self._headers(part.frontier))
            self._transactor.produce(part.internal)
            self._published += len(part.records)
            for (source, code), n in part.parked.items():
                self._parked[source] = self._parked.get(source, 0) + n
                metrics.ROWS_PARKED.labels(source, code).inc(n)
        self._write_step(step)

    def _headers(self, frontier: dict[str, int]) -> Headers:
        return headers(self._flow, self._commit + 1, frontier, self._mapping)

    def _write_step(self, step: Step) -> None:
        self._in_slices = not step.whole
        if step.whole:
            self._offsets |= step.offsets
            self._position = step.position
        facts: list[Record] = []
        for partition, table, key, waiting in step.facts:
            stored = waiting_record(self._model.tables[table].topic, key, waiting)
            facts.append((f"{self._prefix}facts", partition, *stored))
        self._transactor.produce(facts)
        headers = self._headers(step.position.frontier)
        for name, record in step.exceptions:
            self._open.exception(name, record)
            if record is not None and record["kind"] == "INCOMPLETE_TRANSACTION":
                metrics.INCOMPLETE_TRANSACTIONS.labels(str(record["object_id"])).inc()
        encode = self._contracts.writer("exception")
        topic = self._contracts.topic("exception")
        self._transactor.produce(
            [(topic, -1, name.encode(), None if body is None else encode(body)) for name, body in step.exceptions],
            headers,
        )
        self._transactor.produce([self._parked_record(bad) for bad in step.parked], headers)

    def _parked_record(self, bad: BadFrame) -> Record:
        number = bad.table
        source = self._model.tables[number].source if number >= 0 else self._model.sources[-1 - number].name
        metrics.ROWS_PARKED.labels(source, bad.code).inc()
        self._log.warning("parked", topic=bad.topic, partition=bad.partition, offset=bad.offset, code=bad.code)
        body = bad_frame_body(source, bad)
        return (
            self._contracts.topic("parked"),
            -1,
            bad.key or bad.topic.encode(),
            self._contracts.writer("parked")(body),
        )

    def commit(self) -> None:
        """Commit the cut, unless a large transaction is still coming. A process that was taken over ends here: all stays invisible."""
        if self._position is None or self._in_slices:
            return
        started = time.monotonic()
        position, number = self._position, self._commit + 1
        counts = self._counts(position.counts)
        body = progress_body(self._flow, number, replace(position, counts=counts), self._offsets, self._versions)
        record = self._contracts.writer("progress")(body)
        queued = len(self._transactor)
        try:
            with stage("commit"):
                self._transactor.produce(
                    [(self._contracts.topic("progress"), 0, self._flow.encode(), record)],
                    self._headers(position.frontier),
                )
                self._transactor.commit(self._offsets)
        except Fenced as error:
            self._end(error, number)
        self._commit, self._ended = number, time.monotonic()
        self._flight.commit()
        self._measure(position, counts, number, queued, time.monotonic() - started)
        self._offsets, self._position, self._published = {}, None, 0
        if self._laps is not None:
            self._laps.lap("first_cut")
            self._log.info("first cut", commit=number, **self._laps.told())
            self._laps = None

    def _counts(self, counts: dict[str, int]) -> dict[str, int]:
        """Rows that a shard had to park were handed to it as applied: they move from one count to the other."""
        out = dict(counts)
        for source, n in self._parked.items():
            out[f"{source}.applied"] = out.get(f"{source}.applied", 0) - n
            out[f"{source}.parked"] = out.get(f"{source}.parked", 0) + n
        return out

    def _measure(self, position: Position, counts: dict[str, int], number: int, queued: int, seconds: float) -> None:
        metrics.COMMIT_NUMBER.labels(self._flow).set(number)
        metrics.COMMIT_SECONDS.labels(self._flow).observe(seconds)
        metrics.CUT_RECORDS.labels(self._flow).observe(self._published)
        metrics.PRODUCER_QUEUE_MESSAGES.labels(self._flow).set(queued)
        self._metrics.observe(position.frontier, position.clock_ms, counts)
        self._metrics.snapshots(position.frontier, position.snapshots, position.live)

    def close(self) -> None:
        """A clean stop: what is not committed stays invisible and is read again."""
        self._transactor.abort()
        self._transactor.close()

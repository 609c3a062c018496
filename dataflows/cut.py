"""What the canonical flow's sink does: every record of whole steps, and when a cut is due its progress and the commit.

In a backlog a commit is waited for on a thread of its own: what the broker takes for it is a fifth of the time, and the shards
have work. Steps that become whole meanwhile wait in the flight, and are the next cut. Without a backlog it is waited for at
once: work beside it would keep the interpreter from it, and what is committed would be seen later.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, NamedTuple, NoReturn

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
from dataflows.parcel import Parcel
from dataflows.progress import headers, progress_body
from dataflows.settings import Settings
from state.model import Model
from state.row import BadFrame
from state.step import Position, Step

#: exit code of a process that another start has taken over from
EXIT_FENCED = 3
#: least seconds from a cut to the next while there is a backlog: nothing in it is fresh, and each cut costs the broker
BACKLOG_PAUSE_S: Final = 0.5


class _Cut(NamedTuple):
    """A cut whose commit is under way; `seconds` are those that it took, once it is through."""

    number: int
    position: Position
    counts: dict[str, int]
    queued: int
    published: int
    seconds: Future[float]


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
        self._flight, flight.look = flight, self.go_on
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
        self._committer = ThreadPoolExecutor(1, "commit")
        self._cut: _Cut | None = None

    def load_exceptions(self, records: Mapping[bytes, Mapping[str, Any]]) -> None:
        """Exceptions of the serial step that were open before this start: they are counted on."""
        for key, record in records.items():
            self._open.exception(key.decode(), record)

    def write(self, items: list[tuple[int, Parcel[ShardRecords] | None]]) -> None:
        """Items are shards' parts of steps, by number (None: the step itself)."""
        for number, parcel in items:
            if parcel is not None:
                self._flight.arrive(number, parcel.item)
        self.go_on()

    def go_on(self) -> None:
        """Unless a commit is under way, queue what is whole and commit if it is time. A process may learn here that it is fenced."""
        if self._cut is not None and not self._cut.seconds.done():
            return
        self._end_cut()
        self._write_whole()
        behind = self._flight.behind
        if time.monotonic() - self._ended >= (max(self._pause, BACKLOG_PAUSE_S) if behind else self._pause):
            self._begin_cut()
            if not behind:
                self._end_cut()

    def commit(self) -> None:
        """All that is whole is in a cut, and committed, unless a large transaction is still coming."""
        self._end_cut()
        self._write_whole()
        self._begin_cut()
        self._end_cut()

    def _write_whole(self) -> None:
        if not self._flight.ready:
            return
        try:
            with stage("produce"):
                for step, parts in self._flight.whole():
                    self._write(step, parts)
        except Fenced as error:
            self._end(error, self._commit + 1)

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
        topic, encode = self._contracts.topic("parked"), self._contracts.writer("parked")
        return (topic, -1, bad.key or bad.topic.encode(), encode(body))

    def _begin_cut(self) -> None:
        """Queue the progress of what is queued, if that is whole, and commit both."""
        if self._position is None or self._in_slices:
            return
        position, number, queued = self._position, self._commit + 1, len(self._transactor)
        counts = self._counts(position.counts)
        body = progress_body(self._flow, number, replace(position, counts=counts), self._offsets, self._versions)
        record = self._contracts.writer("progress")(body)
        try:
            self._transactor.produce(
                [(self._contracts.topic("progress"), 0, self._flow.encode(), record)],
                self._headers(position.frontier),
            )
        except Fenced as error:
            self._end(error, number)
        seconds = self._committer.submit(self._commit_offsets, self._offsets)
        self._cut = _Cut(number, position, counts, queued, self._published, seconds)
        self._offsets, self._position, self._published = {}, None, 0

    def _commit_offsets(self, offsets: Vector) -> float:
        """On the committer's thread; nothing else is asked of the transactor meanwhile."""
        started = time.monotonic()
        with stage("commit"):
            self._transactor.commit(offsets)
        return time.monotonic() - started

    def _end_cut(self) -> None:
        """Wait for the commit that is under way. A process that was taken over ends here: all stays invisible."""
        if (cut := self._cut) is None:
            return
        try:
            seconds = cut.seconds.result()
        except Fenced as error:
            self._end(error, cut.number)
        self._cut = None
        self._commit, self._ended = cut.number, time.monotonic()
        self._flight.commit()
        self._measure(cut, seconds)
        if self._laps is not None:
            self._laps.lap("first_cut")
            self._log.info("first cut", commit=cut.number, **self._laps.told())
            self._laps = None

    def _counts(self, counts: dict[str, int]) -> dict[str, int]:
        """Rows that a shard had to park were handed to it as applied: they move from one count to the other."""
        out = dict(counts)
        for source, n in self._parked.items():
            out[f"{source}.applied"] = out.get(f"{source}.applied", 0) - n
            out[f"{source}.parked"] = out.get(f"{source}.parked", 0) + n
        return out

    def _measure(self, cut: _Cut, seconds: float) -> None:
        metrics.COMMIT_NUMBER.labels(self._flow).set(cut.number)
        metrics.COMMIT_SECONDS.labels(self._flow).observe(seconds)
        metrics.CUT_RECORDS.labels(self._flow).observe(cut.published)
        metrics.PRODUCER_QUEUE_MESSAGES.labels(self._flow).set(cut.queued)
        position = cut.position
        self._metrics.observe(position.frontier, position.clock_ms, cut.counts)
        self._metrics.snapshots(position.frontier, position.snapshots, position.live)

    def close(self) -> None:
        """A clean stop: what is not committed stays invisible and is read again."""
        self._end_cut()
        self._committer.shutdown()
        self._transactor.abort()
        self._transactor.close()

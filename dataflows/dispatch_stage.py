"""The dispatch flow's parts as the engine runs them: intents and results in, the planner, one transaction per epoch."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, NoReturn

import bytewax.operators as op
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Message

from connectors import metrics
from connectors.contracts import Contracts
from connectors.kafka.offsets import Vector
from connectors.kafka.transactor import Fenced, Headers, Transactor
from connectors.log import logger
from connectors.targets.pool import Result, SenderPool
from state.correction import Correction, Intent, State
from state.correction_record import correction_record, intent_from
from state.dispatcher import Dispatcher, Job
from state.routing import partition_of

FLOW = "dispatch"
#: the one key of the planner, and of the sink
KEY = "0"
#: exit code of a process that another start has taken over from
EXIT_FENCED = 3
#: how often results are looked for, how often the planner is told the time, and how long a stop waits for senders
POLL_MS, TICK_MS, DRAIN_SECONDS = 5, 50, 4.0


def clock_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Intents(NamedTuple):
    """What one poll of the intents topic brought: an intent, or the id of a removed one; and the offsets after it."""

    now_ms: int
    intents: list[Intent | str]
    offsets: Vector


class Results(NamedTuple):
    """What the senders reported since the last look; empty is only the time."""

    now_ms: int
    results: list[Result]


class Step(NamedTuple):
    """What one batch led to: records to publish, jobs for afterwards, input offsets covered."""

    changed: list[Correction]
    jobs: list[Job]
    offsets: Vector


def read_intents(contracts: Contracts) -> Callable[[list[Message], list[Message]], tuple[str, Intents] | None]:
    """The intent source's handler; the ends of partitions mean nothing to it."""

    def handle(messages: list[Message], ends: list[Message]) -> tuple[str, Intents] | None:
        if not messages:
            return None
        intents: list[Intent | str] = []
        offsets: Vector = {}
        for message in messages:
            value = message.value()
            intents.append((message.key() or b"").decode() if value is None else intent_from(contracts.read(value)))
            offsets[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
        return KEY, Intents(clock_ms(), intents, offsets)

    return handle


class _ResultPartition(StatefulSourcePartition[tuple[str, Results], None]):
    """Looks for results; after a stop was asked for, until every job is back or a few seconds have passed."""

    def __init__(self, pool: SenderPool, stopping: threading.Event) -> None:
        self._pool, self._stopping = pool, stopping
        self._told_ms = 0
        self._give_up_at: float | None = None

    def next_batch(self) -> list[tuple[str, Results]]:
        """At most one item: all results that are there, or the time now and then."""
        results, now_ms = self._pool.take(), clock_ms()
        if self._stopping.is_set():
            self._give_up_at = self._give_up_at or time.monotonic() + DRAIN_SECONDS
            if not results and (not self._pool.flying or time.monotonic() > self._give_up_at):
                raise StopIteration
        if not results and now_ms - self._told_ms < TICK_MS:
            return []
        self._told_ms = now_ms
        return [(KEY, Results(now_ms, results))]

    def next_awake(self) -> datetime:
        """A few milliseconds ahead while answers are awaited, else when the planner is to be told the time."""
        return datetime.now(UTC) + timedelta(milliseconds=POLL_MS if self._pool.flying else TICK_MS)

    def snapshot(self) -> None:
        """Nothing: a result that was not recorded is found again by read-back."""


class ResultSource(FixedPartitionedSource[tuple[str, Results], None]):
    """The way back from the senders."""

    def __init__(self, pool: SenderPool, stopping: threading.Event) -> None:
        self._pool, self._stopping = pool, stopping

    def list_parts(self) -> list[str]:
        """One part."""
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _ResultPartition:
        """Open it."""
        return _ResultPartition(self._pool, self._stopping)


class DispatchStage(op.StatefulBatchLogic[Intents | Results, Step, None]):
    """The planner as a step: `open_dispatcher` restores it at the first batch."""

    def __init__(self, open_dispatcher: Callable[[], Dispatcher], stopping: threading.Event) -> None:
        self._dispatcher = open_dispatcher()
        self._stopping = stopping

    def on_batch(self, values: list[Intents | Results]) -> tuple[Iterable[Step], bool]:
        """Feed the planner; after a stop was asked for nothing new is begun."""
        offsets: Vector = {}
        planner, now_ms = self._dispatcher, 0
        for value in values:
            now_ms = value.now_ms
            if isinstance(value, Intents):
                offsets |= value.offsets
                for intent in value.intents:
                    if isinstance(intent, str):
                        planner.tombstone(intent, now_ms)
                    else:
                        planner.intent(intent, now_ms)
            else:
                for result in value.results:
                    planner.result(result.correction_id, result.events, now_ms)
        if not self._stopping.is_set():
            planner.start(now_ms)
        changed, jobs = planner.drain()
        if not (changed or jobs or offsets):
            return [], False
        self._measure(changed)
        return [Step(changed, jobs, offsets)], False

    def _measure(self, changed: list[Correction]) -> None:
        for (state, target), count in self._dispatcher.counts.items():
            metrics.CORRECTIONS.labels(state, target).set(count)
        for one in changed:
            if one.state is State.VERIFIED and one.proof == "capture" and one.first_sent_ms is not None:
                metrics.VERIFY_SECONDS.labels(one.intent.target).observe((one.updated_ms - one.first_sent_ms) / 1000)

    def on_notify(self) -> tuple[Iterable[Step], bool]:
        """No timers of the engine."""
        return [], False

    def on_eof(self) -> tuple[Iterable[Step], bool]:
        """Nothing is left to say."""
        return [], False

    def notify_at(self) -> None:
        """No timers of the engine."""

    def snapshot(self) -> None:
        """No state of the engine: corrections are in Kafka."""


def _end(error: Fenced) -> NoReturn:
    """End the process at once: an exception would be lost in the engine, and nothing may be sent any more."""
    metrics.FENCED.labels(FLOW).inc()
    logger(FLOW).error("fenced", reason=str(error))
    os._exit(EXIT_FENCED)


class DispatchWriter:
    """Publishes corrections with the offsets they come from; jobs go to the senders only after the commit."""

    def __init__(self, transactor: Transactor, contracts: Contracts, partitions: int, pool: SenderPool) -> None:
        self._transactor = transactor
        self._encode = contracts.writer("correction")
        self._topic = contracts.topic("correction")
        self._partitions = partitions
        self._pool = pool
        self._jobs: list[Job] = []
        self._offsets: Vector = {}
        self._dirty = False
        self._log = logger(FLOW)

    def write(self, items: list[Step]) -> None:
        """Queue what the planner made. A process that was taken over may learn it here."""
        for step in items:
            try:
                for correction in step.changed:
                    self._produce(correction)
            except Fenced as error:
                _end(error)
            self._jobs += step.jobs
            self._offsets |= step.offsets
            self._dirty = True

    def _produce(self, correction: Correction) -> None:
        intent = correction.intent
        partition = partition_of(intent.account_id, self._partitions)
        headers: Headers = [
            ("concord.frontier", json.dumps(dict(intent.positions), sort_keys=True).encode()),
            ("concord.trace", correction.id.encode()),
        ]
        value = self._encode(correction_record(correction))
        self._transactor.produce([(self._topic, partition, correction.id.encode(), value)], headers)
        if correction.state is State.REFUSED:
            self._log.warning(
                "correction refused",
                correction=correction.id,
                account=intent.account_id,
                target=intent.target,
                object=intent.object,
                object_id=intent.object_id,
                code=correction.code,
                reason=correction.reason,
            )

    def commit(self) -> None:
        """Make the epoch durable, then let its jobs go. A process that was taken over ends here, nothing sent."""
        if not self._dirty:
            return
        started = time.monotonic()
        try:
            self._transactor.commit(self._offsets)
        except Fenced as error:
            _end(error)
        metrics.COMMIT_SECONDS.labels(FLOW).observe(time.monotonic() - started)
        self._pool.submit(self._jobs)
        self._jobs, self._offsets, self._dirty = [], {}, False

    def close(self) -> None:
        """What was not committed is given up: nothing of it was sent."""
        self._transactor.abort()
        self._transactor.close()

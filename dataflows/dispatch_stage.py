"""The dispatch flow's planner as the engine runs it: intents, decisions and results in, steps out."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import bytewax.operators as op
from confluent_kafka import Message

from connectors import metrics
from connectors.contracts import Contracts
from connectors.kafka.offsets import Vector
from connectors.targets.pool import Result
from state.correcting.audit import Chain, Entry
from state.correcting.correction import Correction, Intent, State
from state.correcting.correction_record import intent_from
from state.correcting.decision import Decision, decision_from
from state.correcting.dispatcher import Dispatcher, Job
from state.correcting.hold import MASS_CHANGE, STOPPED, WRITE_BRAKE, Hold

FLOW = "dispatch"
#: the one key of the planner, and of the sink
KEY = "0"
HOLD_KINDS = (STOPPED, MASS_CHANGE, WRITE_BRAKE)


def clock_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Inputs(NamedTuple):
    """What one poll brought: intents, ids of removed ones, people's decisions; and the offsets after them."""

    now_ms: int
    records: list[Intent | str | Decision]
    offsets: Vector


class Results(NamedTuple):
    """What the senders reported since the last look; empty is only the time."""

    now_ms: int
    results: list[Result]


class Step(NamedTuple):
    """What one batch led to: records to publish and to remove, audit, jobs for afterwards, input offsets covered."""

    changed: list[Correction]
    removed: list[tuple[str, str]]
    holds: list[tuple[str, Hold | None]]
    audit: list[Entry]
    jobs: list[Job]
    offsets: Vector


def read_inputs(contracts: Contracts) -> Callable[[list[Message], list[Message]], tuple[str, Inputs] | None]:
    """The source's handler; the ends of partitions mean nothing to it."""
    decisions = contracts.topic("decision")

    def record(message: Message) -> Intent | str | Decision | None:
        value = message.value()
        if message.topic() == decisions:
            return None if value is None else decision_from(contracts.read(value))
        return (message.key() or b"").decode() if value is None else intent_from(contracts.read(value))

    def handle(messages: list[Message], ends: list[Message]) -> tuple[str, Inputs] | None:
        if not messages:
            return None
        records = [found for message in messages if (found := record(message)) is not None]
        offsets = {(one.topic() or "", one.partition() or 0): (one.offset() or 0) + 1 for one in messages}
        return KEY, Inputs(clock_ms(), records, offsets)

    return handle


class DispatchStage(op.StatefulBatchLogic[Inputs | Results, Step, None]):
    """The planner as a step, and the audit chain that it goes on with."""

    def __init__(self, dispatcher: Dispatcher, chain: Chain, stopping: threading.Event) -> None:
        self._dispatcher, self._chain = dispatcher, chain
        self._near: Counter[str] = Counter()
        self._stopping = stopping

    def on_batch(self, values: list[Inputs | Results]) -> tuple[Iterable[Step], bool]:
        """Feed the planner; after a stop was asked for nothing new is begun."""
        offsets: Vector = {}
        planner, now_ms = self._dispatcher, 0
        for value in values:
            now_ms = value.now_ms
            if isinstance(value, Inputs):
                offsets |= value.offsets
                for record in value.records:
                    self._feed(record, now_ms)
            else:
                for result in value.results:
                    planner.result(result.correction_id, result.events, now_ms)
        if not self._stopping.is_set():
            planner.start(now_ms)
        changed, jobs = planner.drain()
        holds = planner.policy.drain()
        decided = [
            one for value in values if isinstance(value, Inputs) for one in value.records if isinstance(one, Decision)
        ]
        step = Step(changed, planner.drain_removed(), holds, self._told(decided, holds, changed, now_ms), jobs, offsets)
        if not any(step):
            return [], False
        self._measure(changed)
        return [step], False

    def _feed(self, record: Intent | str | Decision, now_ms: int) -> None:
        if isinstance(record, str):
            self._dispatcher.tombstone(record, now_ms)
        elif isinstance(record, Intent):
            self._dispatcher.intent(record, now_ms)
        else:
            self._dispatcher.decide(record, now_ms)

    def _told(
        self, decided: list[Decision], holds: list[tuple[str, Hold | None]], changed: list[Correction], now_ms: int
    ) -> list[Entry]:
        """Audit entries of one step, in the order of cause and effect."""
        told: list[Entry | None] = [self._chain.decision(one, now_ms) for one in decided]
        told += [self._chain.hold(name, hold, now_ms) for name, hold in holds]
        told += [self._chain.correction(one) for one in changed]
        return [one for one in told if one is not None]

    def _measure(self, changed: list[Correction]) -> None:
        for (state, target), count in self._dispatcher.counts.items():
            metrics.CORRECTIONS.labels(state, target).set(count)
        kinds = Counter(hold.kind for hold in self._dispatcher.policy.holds.values())
        for kind in HOLD_KINDS:
            metrics.HOLDS.labels(kind).set(kinds[kind])
        near = Counter(self._dispatcher.policy.near_misses)
        for target, count in (near - self._near).items():
            metrics.BRAKE_NEAR.labels(target).inc(count)
        self._near = near
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

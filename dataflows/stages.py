"""The canonical flow's stages as the engine runs them: peek in the source, one sequencer, the shards. They only wire."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import bytewax.operators as op
from confluent_kafka import Message

from connectors import metrics
from connectors.capturing.debezium import Peek
from connectors.contracts import Contracts
from connectors.cut_metrics import stage
from connectors.log import logger
from connectors.scratch import ScratchFile
from dataflows import collector
from dataflows.encode import Encoder
from dataflows.flight import Flight
from dataflows.pacing import Pacing
from dataflows.parcel import Parcel
from dataflows.placement import shard_keys
from dataflows.read_back import read_back
from dataflows.restored import RestoredShard
from dataflows.settings import Settings
from dataflows.start import Start
from state.model import Model
from state.resolving.identity import Identity
from state.resolving.moves import Moves
from state.row import Release
from state.slicing import SlicingSequencer
from state.step import Batch

SINK_KEY = "0"


def peek_messages(
    peek: Peek, key: str, pacing: Pacing, flight: Flight, poll_max: int
) -> Callable[[list[Message], list[Message]], tuple[str, Batch] | None]:
    """The source's handler: a poll's messages, at most so many, become one batch for the sequencer, whose key is given."""

    def handle(messages: list[Message], ends: list[Message]) -> tuple[str, Batch] | None:
        with stage("peek"):
            batch = peek.batch(messages, ends)
        pacing.read(messages, ends)
        flight.polled(len(messages) + len(ends) >= poll_max)
        return (key, batch) if messages or batch.reached else None

    return handle


class Unfinished:
    """What the source hands out while the sequencer has more of what it took: a batch of nothing, that it may go on."""

    def __init__(self, key: str) -> None:
        """`key` is the sequencer's."""
        self.asked = False
        self._item = (key, Batch([], [], [], []))

    def __call__(self) -> tuple[str, Batch] | None:
        """The batch, if it is asked for."""
        return self._item if self.asked else None


class _Stage(op.StatefulBatchLogic[Any, Any, None]):
    """What every stage has in common: nothing at the end, no timers of the engine, no state of the engine."""

    def on_notify(self) -> tuple[Iterable[Any], bool]:
        return [], False

    def on_eof(self) -> tuple[Iterable[Any], bool]:
        return [], False

    def notify_at(self) -> None:
        return None

    def snapshot(self) -> None:
        return None


class SequencerStage(_Stage):
    """Align, resolve, route, over the index as it was restored."""

    def __init__(
        self,
        settings: Settings,
        model: Model,
        start: Start,
        last_commit: Callable[[bytes], int | None],
        identity: Identity,
        unfinished: Unfinished,
        flight: Flight,
        pacing: Pacing,
    ) -> None:
        self._keys = shard_keys(settings.partitions, settings.processes)
        inputs = Counter(topic for topic, _ in start.vector)
        moves = Moves(read_back(settings, model))
        self._sequencer = SlicingSequencer(
            model, identity, settings.partitions, start.position, last_commit, inputs, moves
        )
        self._sequencer.slice(settings.slice_rows, lambda: ScratchFile(settings.scratch_dir or None))
        self._unfinished, self._flight, self._pacing = unfinished, flight, pacing
        self._in_slices = False
        self._flow = settings.flow

    def on_batch(self, values: list[Batch]) -> tuple[Iterable[Any], bool]:
        """Releases go to their shards; the sink is told that there is a step."""
        out: list[tuple[str, Any]] = []
        moves, flight = self._sequencer.moves, self._flight
        moves.committed(flight.committed)
        for batch in values:
            number = moves.step = flight.number
            with stage("sequence"):
                step = self._sequencer.advance(batch)
            if step is None:
                continue
            flight.begin(step)
            out.extend((self._keys[shard], (shard, number, Parcel(one))) for shard, one in step.releases.items())
            step.releases = {}
            out.append((SINK_KEY + "!", (number, None)))
            self._tell_large(step.whole)
        self._unfinished.asked = self._sequencer.busy
        with stage("tidy"):
            collector.tidy()
        standings = self._sequencer.standings
        self._pacing.judge(standings)
        for source, standing in standings.items():
            metrics.ROWS_HELD.labels(source).set(standing.held)
            metrics.OLDEST_OPEN_SECONDS.labels(source).set(0)
        for source, oldest in self._sequencer.stalled().items():
            metrics.OLDEST_OPEN_SECONDS.labels(source).set(max(0.0, time.time() - oldest.time_ms / 1000))
        return out, False

    def _tell_large(self, whole: bool) -> None:
        """Nothing is committed while a large transaction is handed out: that it is has to be seen."""
        if self._in_slices != whole:
            return
        self._in_slices = not whole
        state = "finished" if whole else "begun"
        metrics.LARGE_TRANSACTIONS.labels(self._flow, state).inc()
        logger(self._flow).info("large transaction", state=state)


class ShardStage(_Stage):
    """Decode, map, fold, view, compare, encode: one output partition's accounts, which its first release names."""

    def __init__(
        self, settings: Settings, model: Model, contracts: Contracts, restored: dict[int, RestoredShard]
    ) -> None:
        self._restored = restored
        self._mine: RestoredShard | None = None
        self._encoder = Encoder(contracts, model, f"{settings.prefix}facts", settings.flow)

    def on_batch(self, values: list[tuple[int, int, Parcel[Release]]]) -> tuple[Iterable[Any], bool]:
        """Apply the release of each step; what comes out is bytes, ready for the sink."""
        out = []
        for number, step, parcel in values:
            release = parcel.item
            if self._mine is None:
                self._mine = self._restored.pop(number)
            with stage("shard"):
                output = self._mine.shard.apply(release, self._encoder.output())
            for key, body in output.intents:
                self._mine.open.intent(key, body)
            for key, body in output.exceptions:
                self._mine.open.exception(key, body)
            with stage("encode"):
                out.append((step, Parcel(self._encoder.encode(number, release, output))))
        with stage("tidy"):
            collector.tidy()
        return out, False

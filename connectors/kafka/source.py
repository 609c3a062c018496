"""The reading side of every flow: one consumer per worker over all its partitions; whole batches travel as one item."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kafka.offsets import Vector
from connectors.kafka.polling import REST_MS, Rest, take
from connectors.outage import RegistryOutage
from connectors.registry import RegistryUnavailable

#: pause between two polls that found nothing
IDLE_MS = 4
#: pause while nothing is to be read because enough is under way
FULL_MS = 1

#: what travels instead of messages while the flow has not got through earlier ones; None: nothing, read on
Unfinished = Callable[[], Any]
#: what a poll's messages and the ends of partitions that it reached become; must be free of effects, since it is called
#: again after a registry outage
Handler = Callable[[list[Message], list[Message]], Any]


class InputLost(Exception):
    """The offset to continue from is no longer in the topic (retention, or another topic of the same name)."""


def reader(bootstrap: str, group: str, vector: Vector, queue_kbytes: int) -> Consumer:
    """A consumer that continues from `vector` and never jumps on its own."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
            # a topic that was made moments ago may be unknown at first; the default looks again after minutes
            "topic.metadata.refresh.interval.ms": 2_000,
            "topic.metadata.propagation.max.ms": 2_000,
            # it may gather: answering each handful of records at once costs the broker more than the flow
            "fetch.min.bytes": 8_192,
            "fetch.wait.max.ms": 20,
            "max.partition.fetch.bytes": 262_144,
            "queued.max.messages.kbytes": queue_kbytes,
            "queued.min.messages": 20_000,
            "enable.partition.eof": True,
            "max.poll.interval.ms": 86_400_000,  # reading may wait out a long outage of the registry
        }
    )
    consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in vector.items()])
    return consumer


class _Partition(StatefulSourcePartition[Any, None]):
    """Bytewax's view of one worker's consumer. `stopping` ends the flow cleanly; a lost parent ends it too.

    Messages whose schema cannot be asked for now are kept and handled again, while cuts are committed and stops are
    heard: this blocks nothing but reading.
    """

    def __init__(self, consumer: Consumer, handler: Handler, outage: RegistryOutage, source: KafkaSource) -> None:
        self._consumer, self._handler, self._outage, self._source = consumer, handler, outage, source
        self._rest = source.rest
        self._kept: tuple[list[Message], list[Message]] | None = None
        self._idle = self._full = False

    def next_batch(self) -> list[Any]:
        """At most one item: what the handler makes of the messages that are there."""
        if self._source.stopped:
            raise StopIteration
        self._full = not self._source.may_read()
        if self._full:
            self._rest.busy()
            return []
        if (item := self._source.unfinished()) is not None:
            self._idle = False
            self._rest.busy()
            return [item]
        polled = self._kept or self._poll()
        self._idle = not polled[0]
        if not any(polled):
            return []
        try:
            item = self._handler(*polled)
        except RegistryUnavailable as error:
            self._kept = polled
            self._outage.strike(error)
            return []
        if self._kept:
            self._kept = None
            self._outage.over()
        return [] if item is None else [item]

    def _poll(self) -> tuple[list[Message], list[Message]]:
        """Messages, and the ends of partitions that were reached."""
        polled, ends = take(self._consumer, self._source.batch, REST_MS / 1000 if self._rest.resting() else 0.0), []
        if polled:
            self._rest.busy()
        for message in polled:
            if error := message.error():
                if error.code() != KafkaError._PARTITION_EOF:
                    _raise(error, message)
                ends.append(message)
        return ([message for message in polled if message.error() is None] if ends else polled), ends

    def next_awake(self) -> datetime | None:
        """Now after a batch, a little later after an empty poll or while enough is under way, later still without registry.

        A flow that rests waits in the poll itself, where the next message wakes it.
        """
        if self._kept:
            return datetime.now(UTC) + timedelta(seconds=self._outage.pause_s)
        if self._full:
            return datetime.now(UTC) + timedelta(milliseconds=FULL_MS)
        return datetime.now(UTC) + timedelta(milliseconds=IDLE_MS) if self._idle and not self._rest.resting() else None

    def snapshot(self) -> None:
        """Nothing: offsets are committed with the cut, not by the engine."""
        return

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


class _Watch(StatefulSourcePartition[Any, None]):
    """The part of a worker that does not read: it ends the worker when the flow is to stop."""

    def __init__(self, source: KafkaSource) -> None:
        self._source = source

    def next_batch(self) -> list[Any]:
        """Nothing, ever."""
        if self._source.stopped:
            raise StopIteration
        return []

    def next_awake(self) -> datetime:
        """As often as a reader that rests: only a stop is waited for."""
        return datetime.now(UTC) + timedelta(milliseconds=REST_MS)

    def snapshot(self) -> None:
        """Nothing."""
        return


def _raise(error: KafkaError, message: Message) -> None:
    if error.code() == KafkaError._AUTO_OFFSET_RESET:
        raise InputLost(
            f"topic {message.topic()} partition {message.partition()} no longer holds offset {message.offset()}. "
            f"Next step: re-snapshot the source and reset the flow's offsets; nothing was skipped"
        )
    raise KafkaException(error)


class KafkaSource(FixedPartitionedSource[Any, None]):
    """One engine partition per worker. `open_part(number)` gives that worker's consumer and handler, None if it reads nothing.

    `flow` names the flow in logs and metrics. While `unfinished` gives something, that travels and nothing is read; while
    `may_read`, which is asked before each read, says no, nothing travels. `rest` is that of the process: others in it who
    have work say so.
    """

    def __init__(
        self,
        workers: int,
        open_part: Callable[[int], tuple[Consumer, Handler] | None],
        batch: int,
        stopping: Callable[[], bool],
        flow: str,
        parent: int | None = None,
        unfinished: Unfinished = lambda: None,
        rest: Rest | None = None,
        may_read: Callable[[], bool] = lambda: True,
    ) -> None:
        self._workers, self._open, self._flow = workers, open_part, flow
        self._stopping, self._parent = stopping, parent
        self.batch, self.unfinished, self.may_read = batch, unfinished, may_read
        self.rest = Rest() if rest is None else rest

    @property
    def stopped(self) -> bool:
        """Whether the flow is to end: it was asked to, or its parent is gone."""
        return self._stopping() or (self._parent is not None and os.getppid() != self._parent)

    def list_parts(self) -> list[str]:
        """The workers' numbers."""
        return [str(number) for number in range(self._workers)]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Partition | _Watch:
        """Open the consumer of one worker."""
        opened = self._open(int(for_part))
        if opened is None:
            return _Watch(self)
        consumer, handler = opened
        return _Partition(consumer, handler, RegistryOutage(self._flow), self)

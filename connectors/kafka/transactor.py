"""One Kafka transaction per cut: records, input offsets and progress commit together or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import KafkaException, TopicPartition

from connectors.kafka.offsets import Overtook, StartRace, Vector, committed, group_consumer, transactional_producer
from connectors.kafka.watchdog import Watchdog

#: how long a full local queue is polled before produce is tried again
_DRAIN_SECONDS = 0.05
#: a commit takes milliseconds, a broker's restart seconds: beyond this the library hangs
_COMMIT_SECONDS_MAX = 20.0
#: how long a call may wait for the broker, however long a transaction may stay open
_CALL_SECONDS_MAX = 60.0

#: (topic, partition, key, value); a value of None is a tombstone
Record = tuple[str, int, bytes, bytes | None]
Headers = list[tuple[str, str | bytes | None]]


class Fenced(Exception):
    """The transaction cannot be committed: a newer process of this flow has taken over, or the broker gave it up."""


class TransactorConfig(NamedTuple):
    """`timeout_ms`: after which the broker aborts a hanging transaction. `queue_messages`: bound of the local queue."""

    bootstrap: str
    transactional_id: str
    group: str
    timeout_ms: int
    queue_messages: int


class Transactor:
    """The transactional producer of one flow. `start`: the offsets that the flow's sources began from."""

    def __init__(self, config: TransactorConfig, start: Vector, topic_ids: dict[str, str]) -> None:
        self._topic_ids = topic_ids
        self._timeout = min(config.timeout_ms / 1000, _CALL_SECONDS_MAX)
        self._bootstrap = config.bootstrap
        self._group = group_consumer(config.bootstrap, config.group)
        # before fencing: of two starts, the one that has committed already shall live
        self._demand(start, config, StartRace)
        self._producer = transactional_producer(
            {
                "bootstrap.servers": config.bootstrap,
                "transactional.id": config.transactional_id,
                "transaction.timeout.ms": config.timeout_ms,
                "queue.buffering.max.messages": config.queue_messages,
                "queue.buffering.max.kbytes": 262_144,
                "linger.ms": 2,
                "delivery.report.only.error": True,  # the commit says whether all were delivered
                "batch.size": 500_000,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
            },
            self._timeout,
        )
        self._demand(start, config, Overtook)
        self._metadata = self._group.consumer_group_metadata()
        self._open = False
        self._watchdog = Watchdog(f"commit of {config.transactional_id}", _COMMIT_SECONDS_MAX)

    def _demand(self, start: Vector, config: TransactorConfig, refusal: type[StartRace]) -> None:
        """See that nobody has committed since the sources' offsets were read. Raises the refusal."""
        now = committed(self._group, list(start))
        if now != start:
            moved = {tp: (start[tp], now[tp]) for tp in start if start[tp] != now[tp]}
            topic, partition = next(iter(moved))
            raise refusal(
                f"another start of {config.transactional_id} has committed meanwhile (topic {topic}, partition "
                f"{partition}: {moved[topic, partition]}). Next step: start again; only one of them goes on"
            )

    def __len__(self) -> int:
        """Messages in the local queue."""
        return len(self._producer)

    def produce(self, records: Iterable[Record], headers: Headers | None = None) -> None:
        """Queue records of the current cut; waits while the local queue is full. Raises Fenced."""
        try:
            self._produce(records, headers)
        except KafkaException as error:
            raise _fenced(error) from error

    def _produce(self, records: Iterable[Record], headers: Headers | None) -> None:
        if not self._open:
            self._producer.begin_transaction()
            self._open = True
        produce, poll = self._producer.produce, self._producer.poll
        for topic, partition, key, value in records:
            while True:
                try:
                    # by position, which is faster: callback, on_delivery, timestamp, headers
                    produce(topic, value, key, partition, None, None, 0, headers)
                    break
                except BufferError:
                    poll(_DRAIN_SECONDS)
        poll(0)

    def commit(self, offsets: Vector) -> None:
        """Commit the cut with the input offsets that it covers. Raises Fenced; then the process must end."""
        try:
            with self._watchdog:
                self._commit(offsets)
        except KafkaException as error:
            raise _fenced(error) from error
        self._open = False

    def _commit(self, offsets: Vector) -> None:
        if not self._open:
            self._producer.begin_transaction()
        if offsets:
            parts = [
                TopicPartition(topic, number, offset, self._topic_ids.get(topic, ""))
                for (topic, number), offset in offsets.items()
            ]
            self._producer.send_offsets_to_transaction(parts, self._metadata, self._timeout)
        self._producer.commit_transaction(self._timeout)

    def carry(self, group: str, offsets: Vector, topic_ids: dict[str, str]) -> None:
        """Commit offsets of another group with the open cut. Raises Fenced."""
        parts = [TopicPartition(topic, number, n, topic_ids.get(topic, "")) for (topic, number), n in offsets.items()]
        consumer = group_consumer(self._bootstrap, group)
        try:
            self._producer.send_offsets_to_transaction(parts, consumer.consumer_group_metadata(), self._timeout)
        except KafkaException as error:
            raise _fenced(error) from error
        finally:
            consumer.close()

    def abort(self) -> None:
        """Give up an open cut at a clean stop: nothing of it becomes visible."""
        if self._open:
            self._producer.abort_transaction(self._timeout)
            self._open = False

    def close(self) -> None:
        """Leave the group's connection."""
        self._group.close()


def _fenced(error: KafkaException) -> Fenced:
    """The broker refuses this producer, which shows at whatever call comes next: all of them end the process."""
    return Fenced(
        f"the cut was not committed ({error.args[0].str()}). Nothing of it is visible. "
        f"Next step: let the newer process go on, or start this flow again"
    )

"""Read a compacted topic from its beginning to its end: how every flow gets its state back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kafka.polling import take

_BATCH = 10_000
_WAIT_SECONDS = 1.0
_LEADER_SECONDS = 20.0
_NO_LEADER_YET = {
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
}


def read_to_end(bootstrap: str, topic: str, partitions: list[int], tail: int | None = None) -> Iterator[list[Message]]:
    """As `read_all`, of one topic."""
    return read_all(bootstrap, [(topic, number) for number in partitions], tail)


def read_all(bootstrap: str, partitions: list[tuple[str, int]], tail: int | None = None) -> Iterator[list[Message]]:
    """Batches of committed messages, tombstones included, of (topic, partition) up to their ends as they are now.

    Order holds within a partition. Raises KafkaException on any error but the end of a partition.
    It asks for offset 0, not for "the beginning": looking that up costs half a second a consumer. `tail`: only the last
    so many offsets of each partition.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "concord-restore",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 10,
            "queued.max.messages.kbytes": 65_536,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign([TopicPartition(name, n, _first(consumer, name, n, tail)) for name, n in partitions])
        left = set(partitions)
        while left:
            batch = []
            for message in take(consumer, _BATCH, _WAIT_SECONDS):
                error = message.error()
                if error is None:
                    batch.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic() or "", message.partition() or 0))
                else:
                    raise KafkaException(error)
            if batch:
                yield batch
    finally:
        consumer.close()


def _first(consumer: Consumer, topic: str, partition: int, tail: int | None) -> int:
    if tail is None:
        return 0
    deadline = time.monotonic() + _LEADER_SECONDS
    while True:  # a topic that was created a moment ago may have no leader yet
        try:
            _low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
            return int(max(0, high - tail))
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def latest(bootstrap: str, topic: str, partitions: list[int]) -> dict[bytes, bytes]:
    """Live records of a compacted topic: the newest value of each key, tombstoned keys left out."""
    live: dict[bytes, bytes] = {}
    for batch in read_to_end(bootstrap, topic, partitions):
        for message in batch:
            key, value = message.key() or b"", message.value()
            if value is None:
                live.pop(key, None)
            else:
                live[key] = value
    return live


def latest_of(
    bootstrap: str, partitions: list[tuple[str, int]], stopping: Callable[[], bool]
) -> dict[tuple[str, int], dict[bytes, bytes]] | None:
    """As `latest`, of several topics at once and each partition by itself; None if a stop is asked for meanwhile."""
    live: dict[tuple[str, int], dict[bytes, bytes]] = {partition: {} for partition in partitions}
    for batch in read_all(bootstrap, partitions):
        if stopping():
            return None
        for message in batch:
            key, value = message.key() or b"", message.value()
            found = live[message.topic() or "", message.partition() or 0]
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
    return live

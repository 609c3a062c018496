"""Committed offsets of a flow's group: read after fencing, compared again by the sink before it writes."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

Vector = dict[tuple[str, int], int]
#: how long it may take to be the only producer; how long the first one that is tried may take, and the next ones
_FENCE_SECONDS, _PATIENCE_SECONDS, _PATIENCE_GROWS = 60.0, 0.1, 1.5


class TopicRecreated(Exception):
    """An input topic is not the one the committed offsets belong to."""


class StartRace(Exception):
    """Another start of the same flow committed between this one's reading and its writing."""


class Overtook(StartRace):
    """That other start has been fenced by this one since: nobody is left to go on unless this one reads again."""


def transactional_producer(settings: dict[str, Any], timeout_s: float) -> Producer:
    """A producer that has ended whatever an older one of its transactional id left open; that one can never commit again.

    The broker first ends the open transaction and answers the next question; the library puts that half a second later,
    and sometimes waits as long for no reason. A new producer asks at once, so a few are tried. Raises KafkaException.
    """
    patience, deadline = _PATIENCE_SECONDS, time.monotonic() + timeout_s
    while True:
        producer = Producer(settings)
        try:
            producer.init_transactions(min(patience, timeout_s))
            return producer
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise
        patience *= _PATIENCE_GROWS


def fence(bootstrap: str, transactional_id: str, timeout_ms: int) -> None:
    """End whatever an earlier process of this flow left open; it can never commit again."""
    transactional_producer(
        {"bootstrap.servers": bootstrap, "transactional.id": transactional_id, "transaction.timeout.ms": timeout_ms},
        _FENCE_SECONDS,
    )


def group_consumer(bootstrap: str, group: str) -> Consumer:
    """A consumer that only speaks for its group: reads and checks offsets, never messages."""
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})


def committed(consumer: Consumer, partitions: list[tuple[str, int]], ids: dict[str, str] | None = None) -> Vector:
    """Committed offset per partition, 0 where nothing was committed.

    `ids`: topic ids of today; offsets that were committed for another topic of the same name raise TopicRecreated.
    """
    asked = [TopicPartition(topic, number) for topic, number in partitions]
    vector: Vector = {}
    for found in consumer.committed(asked, timeout=60):
        if found.error:
            raise KafkaException(found.error)
        known = found.metadata or ""
        if ids and found.offset > 0 and known and known != ids[found.topic]:
            raise TopicRecreated(
                f"topic {found.topic} was deleted and made again since offset {found.offset} of partition "
                f"{found.partition} was committed. Next step: re-snapshot its source, or reset the flow's group"
            )
        vector[found.topic, found.partition] = max(found.offset, 0)
    return vector

"""Topics: create what is missing, read what a topic is (its id and partitions)."""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

COMPACT = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.3",
    "segment.ms": "3600000",
    # a reader of cuts that lags behind a segment's end must not miss a version inside a cut
    "min.compaction.lag.ms": "600000",
    "delete.retention.ms": "86400000",
}
COMPACT_AND_RETAIN = {"cleanup.policy": "compact,delete", "retention.ms": "604800000"}
RETAIN = {"cleanup.policy": "delete", "retention.ms": "604800000"}
_APPEAR_SECONDS = 20.0
KEEP = {"cleanup.policy": "delete", "retention.ms": "-1"}


class KafkaUnavailable(Exception):
    """The broker does not answer; the message names its address and the next step."""


class TopicSpec(NamedTuple):
    """A topic that must exist: its partitions and settings."""

    name: str
    partitions: int
    config: dict[str, str]


def admin(bootstrap: str) -> AdminClient:
    """A client that has been seen to reach the broker. Raises KafkaUnavailable."""
    client = AdminClient({"bootstrap.servers": bootstrap, "socket.timeout.ms": 10_000, "log_level": 2})
    try:
        client.list_topics(timeout=10)
    except KafkaException as error:
        raise KafkaUnavailable(
            f"Kafka at {bootstrap} does not answer ({error.args[0].str()}). Next step: start it (`concord stack up`) "
            f"or set CONCORD_KAFKA to its address"
        ) from error
    return client


def ensure(client: AdminClient, specs: list[TopicSpec]) -> list[str]:
    """Create the topics that do not exist, wait until the broker shows them all; returns the names of the new ones.

    Existing ones are left as they are. A topic that is just being deleted is created when it is gone. Raises
    KafkaUnavailable when a topic does not appear.
    """
    wanted = {spec.name: spec for spec in specs}
    created: set[str] = set()
    deadline = time.monotonic() + _APPEAR_SECONDS
    while missing := wanted.keys() - client.list_topics(timeout=10).topics.keys():
        if time.monotonic() > deadline:
            raise KafkaUnavailable(
                f"topic {min(missing)} does not appear {_APPEAR_SECONDS:.0f} s after it was created. "
                f"Next step: look at the broker's log"
            )
        created |= _create(client, [wanted[name] for name in sorted(missing)])
        time.sleep(0.1)
    return sorted(created)


def _create(client: AdminClient, specs: list[TopicSpec]) -> set[str]:
    """Ask for the topics; returns the names of those that nobody else made meanwhile."""
    created = set()
    new = [NewTopic(spec.name, spec.partitions, 1, config=spec.config) for spec in specs]
    for name, future in client.create_topics(new).items():
        try:
            future.result(30)
            created.add(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    return created


def partition_counts(client: AdminClient, names: list[str]) -> dict[str, int]:
    """Partitions of each existing topic among `names`."""
    topics = client.list_topics(timeout=10).topics
    return {name: len(topics[name].partitions) for name in names if name in topics}


def topic_ids(client: AdminClient, names: list[str]) -> dict[str, str]:
    """The broker's id of each topic: a topic that was deleted and made again has another one."""
    futures = client.describe_topics(TopicCollection(names))
    return {name: str(future.result(30).topic_id) for name, future in futures.items()}


def ends(bootstrap: str, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The high watermark of each (topic, partition): where the next record would come, whoever may see it."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "concord-ends", "enable.auto.commit": False})
    try:
        return {
            (topic, number): int(consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1])
            for topic, number in partitions
        }
    finally:
        consumer.close()

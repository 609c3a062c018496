"""Bring a dataset into Kafka: schemas into the registry, topics with 4 partitions (transaction topics 1), all messages.

Topics that already hold exactly this dataset are used as they are, so that a second run measures at once.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from benchmarks.dataset import Dataset
from benchmarks.envelopes import KINDS, TRANSACTION_KIND, key_schema, topic_of, value_schema
from connectors.registry import Registry

PARTITIONS = 4
_POLL_EVERY = 5000
_ADMIN_TIMEOUT_S = 30.0


class Loaded(NamedTuple):
    """What loading did: messages now in the topics, seconds it took (0 if they were there already)."""

    messages: int
    seconds: float


def load(
    dataset: Dataset,
    bootstrap: str,
    registry: Registry,
    names: tuple[str, ...],
    progress: Callable[[int], None] | None = None,
) -> Loaded:
    """Load `dataset` into the topics of the sources `names`; replaces what else these topics hold."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [topic_of(kind, names) for kind in range(KINDS)]
    if _stored(admin, topics) == dataset.messages:
        return Loaded(dataset.messages, 0.0)
    _recreate(admin, topics)
    started = monotonic()
    prefixes = [
        (_prefix(registry, f"{topic}-key", key_schema(kind)), _prefix(registry, f"{topic}-value", value_schema(kind)))
        for kind, topic in enumerate(topics)
    ]
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 400_000,
        }
    )
    for sent, (kind, key, value) in enumerate(dataset.read(), 1):
        key_prefix, value_prefix = prefixes[kind]
        frame = None if value is None else value_prefix + value
        while True:
            try:
                producer.produce(topics[kind], frame, key_prefix + key)
                break
            except BufferError:
                producer.poll(0.1)
        if sent % _POLL_EVERY == 0:
            producer.poll(0)
            if progress:
                progress(sent)
    if left := producer.flush(120):
        raise TimeoutError(f"{left} messages were not delivered within 120 s. Next step: look at the broker's log")
    return Loaded(dataset.messages, monotonic() - started)


def _prefix(registry: Registry, subject: str, schema: dict[str, object]) -> bytes:
    """Confluent's frame prefix of a schema: magic byte and the id that the registry gave."""
    return b"\0" + registry.register(subject, schema).to_bytes(4, "big")


def _stored(admin: AdminClient, topics: list[str]) -> int:
    """How many messages the topics hold together; 0 if one of them does not exist."""
    known = admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics
    if any(topic not in known for topic in topics):
        return 0
    asked = {
        TopicPartition(topic, partition): OffsetSpec.latest()
        for topic in topics
        for partition in known[topic].partitions
    }
    return sum(future.result(_ADMIN_TIMEOUT_S).offset for future in admin.list_offsets(asked).values())


def _recreate(admin: AdminClient, topics: list[str]) -> None:
    """Delete the topics if they exist and make them anew, with a retention that keeps everything."""
    known = [topic for topic in topics if topic in admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics]
    if known:
        for future in admin.delete_topics(known).values():
            future.result(_ADMIN_TIMEOUT_S)
    deadline = monotonic() + _ADMIN_TIMEOUT_S
    wanted = [
        NewTopic(topic, 1 if kind >= TRANSACTION_KIND else PARTITIONS, 1, config={"retention.ms": "-1"})
        for kind, topic in enumerate(topics)
    ]
    while wanted:
        refused = [new for new in wanted if not _created(admin, new)]
        if refused and monotonic() > deadline:
            raise TimeoutError(
                f"topics {[new.topic for new in refused]} could not be created. Next step: look at the broker's log"
            )
        if refused:
            sleep(0.2)  # a deleted topic keeps its name for a moment
        wanted = refused


def delete_topics(bootstrap: str, prefix: str) -> None:
    """Delete every topic whose name starts with `prefix`; topics that vanish meanwhile are no error."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    doomed = [name for name in admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics if name.startswith(prefix)]
    for name, future in (admin.delete_topics(doomed) if doomed else {}).items():
        try:
            future.result(_ADMIN_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise RuntimeError(f"topic {name} cannot be deleted: {error}") from error


def _created(admin: AdminClient, new: NewTopic) -> bool:
    """Whether the topic could be created; False while the broker still deletes its namesake."""
    try:
        admin.create_topics([new])[new.topic].result(_ADMIN_TIMEOUT_S)
    except KafkaException:
        return False
    return True

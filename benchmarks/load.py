"""Bring a dataset into Kafka: schemas into the registry, topics with 4 partitions (transaction topics 1), all messages.

Topics that already hold exactly this dataset are used as they are, so that a second run measures at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from benchmarks.dataset import Dataset
from benchmarks.envelopes import KINDS, TRANSACTION_KIND, Message, key_schema, topic_of, value_schema
from benchmarks.outcome import BenchmarkFailed
from connectors.registry import Registry

PARTITIONS = 4
_POLL_EVERY = 1000
_ADMIN_TIMEOUT_S = 30.0


class Loaded(NamedTuple):
    """What loading did: messages now in the topics, seconds it took (0 if they were there already)."""

    messages: int
    seconds: float


class Sent(NamedTuple):
    """One transaction that was produced: source number, commit position, moment of its END (monotonic clock, seconds)."""

    source: int
    position: int
    at_s: float


class Feed:
    """Produces a dataset transaction by transaction into topics made anew; may be asked for a part at a time."""

    def __init__(self, dataset: Dataset, bootstrap: str, registry: Registry, names: tuple[str, ...]) -> None:
        """Replaces what the topics of the sources `names` hold."""
        self._topics = [topic_of(kind, names) for kind in range(KINDS)]
        partitions = {topic: 1 if k >= TRANSACTION_KIND else PARTITIONS for k, topic in enumerate(self._topics)}
        recreate(AdminClient({"bootstrap.servers": bootstrap}), partitions)
        self._mark = _mark(dataset)
        self._mark.unlink(missing_ok=True)
        self._prefixes = [
            (
                _prefix(registry, f"{topic}-key", key_schema(kind)),
                _prefix(registry, f"{topic}-value", value_schema(kind)),
            )
            for kind, topic in enumerate(self._topics)
        ]
        self._dataset = dataset
        self._batches = dataset.batches()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 400_000,
            }
        )
        self.names = names
        self.messages = self.changes = self._lost = 0
        self.targets: dict[str, int] = {}

    def send(
        self, changes: int | None = None, rate: float | None = None, progress: Callable[[int], None] | None = None
    ) -> list[Sent]:
        """Whole transactions until so many changes were sent in all (None: the rest), at `rate` changes a second.

        Returns when the broker has everything. `targets` is then the commit position of each source that was reached.
        Raises BenchmarkFailed.
        """
        sent: list[Sent] = []
        started, already = monotonic(), self.changes
        while changes is None or self.changes < changes:
            batch = next(self._batches, None)
            if batch is None:
                break
            if rate:
                self._pace(started + (self.changes - already) / rate)
            source, position, messages = batch
            for message in messages:
                self._produce(message)
            self.targets[self.names[source]] = position
            if rate:
                sent.append(Sent(source, position, monotonic()))
            if progress and self.changes % _POLL_EVERY < len(messages):
                progress(self.messages)
        if left := self._producer.flush(120) + self._lost:
            raise BenchmarkFailed(f"{left} messages were not delivered. Next step: look at the broker's log")
        if self.messages == self._dataset.messages:
            self._mark.write_text(self._dataset.folder.name)
        return sent

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        """Count what the broker did not take."""
        if error is not None:
            self._lost += 1

    def _pace(self, due: float) -> None:
        """Wait until a moment, serving the producer meanwhile."""
        while (left := due - monotonic()) > 0.001:
            self._producer.poll(0)
            sleep(min(left, 0.01))

    def _produce(self, message: Message) -> None:
        """One message, as soon as the producer's queue has room."""
        kind, key, value = message
        key_prefix, value_prefix = self._prefixes[kind]
        frame = None if value is None else value_prefix + value
        while True:
            try:
                self._producer.produce(self._topics[kind], frame, key_prefix + key, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
        self.messages += 1
        self.changes += kind < TRANSACTION_KIND and value is not None
        if self.messages % _POLL_EVERY == 0:
            self._producer.poll(0)


def load(
    dataset: Dataset,
    bootstrap: str,
    registry: Registry,
    names: tuple[str, ...],
    progress: Callable[[int], None] | None = None,
) -> Loaded:
    """Load `dataset` into the topics of the sources `names`; replaces what else these topics hold."""
    topics = [topic_of(kind, names) for kind in range(KINDS)]
    mark = _mark(dataset)
    known = mark.read_text() if mark.exists() else ""
    if (
        known == dataset.folder.name
        and _stored(AdminClient({"bootstrap.servers": bootstrap}), topics) == dataset.messages
    ):
        return Loaded(dataset.messages, 0.0)
    started = monotonic()
    feed = Feed(dataset, bootstrap, registry, names)
    feed.send(progress=progress)
    return Loaded(feed.messages, monotonic() - started)


def _mark(dataset: Dataset) -> Path:
    """Where it is written down which dataset the topics hold: two shapes may have as many messages."""
    return dataset.folder.parent / "loaded"


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


def recreate(admin: AdminClient, topics: dict[str, int]) -> None:
    """Delete the topics if they exist and make them anew with so many partitions and a retention that keeps everything.

    The broker's own view lags behind its controller: what is produced before it has seen both is lost with the old topic.
    Raises BenchmarkFailed.
    """
    known = [topic for topic in topics if topic in admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics]
    if known:
        for future in admin.delete_topics(known).values():
            future.result(_ADMIN_TIMEOUT_S)
    _await(lambda: not _seen(admin) & set(topics), f"topics {known} could not be deleted")
    wanted = [NewTopic(name, partitions, 1, config={"retention.ms": "-1"}) for name, partitions in topics.items()]
    for future in admin.create_topics(wanted).values():
        future.result(_ADMIN_TIMEOUT_S)
    _await(lambda: _seen(admin) >= set(topics), f"topics {list(topics)} could not be created")


def _seen(admin: AdminClient) -> set[str]:
    """Topics that the broker knows of, every partition with its leader."""
    known = admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics
    return {
        name
        for name, topic in known.items()
        if topic.error is None and all(partition.leader >= 0 for partition in topic.partitions.values())
    }


def _await(done: Callable[[], bool], otherwise: str) -> None:
    """Look until it is so. Raises BenchmarkFailed."""
    deadline = monotonic() + _ADMIN_TIMEOUT_S
    while not done():
        if monotonic() > deadline:
            raise BenchmarkFailed(f"{otherwise} within {_ADMIN_TIMEOUT_S:.0f} s. Next step: look at the broker's log")
        sleep(0.1)


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

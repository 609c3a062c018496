"""Follows the canonical topics and hands out whole cuts (see `state/cuts.py`), from any offsets on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from connectors.kafka.end_offsets import end_offsets
from connectors.kafka.polling import take
from connectors.kafka.topics import partition_counts, topic_ids
from state.cuts import Cut, CutAssembler, Entry, Partition, Progress

#: how many offsets before its end the progress topic is read from when there is nothing to continue from
PROGRESS_TAIL = 2_000
#: pause between two requests for end offsets
BARRIER_SECONDS = 0.02
_TRANSIENT = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE}
_LOST = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}
_UNKNOWN = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}


class TopicsChanged(Exception):
    """The offsets no longer fit the topics: a topic was made again, or no longer holds the offset."""


class TopicsMissing(Exception):
    """The canonical topics do not exist yet; the canonical flow creates them."""


class NotCanonical(Exception):
    """A record without a commit number lies in a canonical topic."""


class Feed(NamedTuple):
    """Which topics to follow. `objects`: topic -> object name; `read_progress` decodes a progress value."""

    bootstrap: str
    objects: dict[str, str]
    progress_topic: str
    flow: str
    read_progress: Callable[[bytes], Progress]


class CanonicalReader:
    """One consumer over all canonical topics. Not shared between threads."""

    def __init__(self, feed: Feed, admin: AdminClient, held_bytes_max: int, queue_kbytes: int) -> None:
        self._feed = feed
        self._admin = admin
        self._held_bytes_max = held_bytes_max
        self._consumer = Consumer(
            {
                "bootstrap.servers": feed.bootstrap,
                "group.id": "concord-lookup",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 20,
                "queued.max.messages.kbytes": queue_kbytes,
                "max.poll.interval.ms": 86_400_000,
                "log_level": 2,  # outages are logged once a pause by the writer, not by each connection
            }
        )
        self._assembler: CutAssembler | None = None
        self._barrier_at = 0.0
        self.ids: dict[str, str] = {}

    def seek(self, offsets: dict[str, tuple[str, dict[int, int]]], released: int, highest: int) -> None:
        """Continue from the offsets of a store (topic -> id, {partition: next}); from the beginning where there are none.

        Raises TopicsMissing, TopicsChanged, KafkaException.
        """
        names = [*self._feed.objects, self._feed.progress_topic]
        counts = partition_counts(self._admin, names)
        if missing := [name for name in names if name not in counts]:
            raise TopicsMissing(
                f"topic {missing[0]} does not exist. Next step: run `concord run canonical`, which creates it"
            )
        self.ids = topic_ids(self._admin, names)
        for topic, (known, _) in offsets.items():
            if known != self.ids.get(topic, known):
                raise TopicsChanged(f"topic {topic} was deleted and made again")
        positions: dict[Partition, int] = {}
        for topic, count in counts.items():
            following = offsets.get(topic, ("", {}))[1]
            for number in range(count):
                positions[topic, number] = following.get(number, 0)
        progress = self._feed.progress_topic
        if progress not in offsets:
            ends = self._ends([(progress, number) for number in range(counts[progress])])
            positions |= {partition: max(0, end - PROGRESS_TAIL) for partition, end in ends.items()}
        self._assembler = CutAssembler(positions, self._held_bytes_max, released, highest)
        self._consumer.assign(
            [TopicPartition(t, n, offset or OFFSET_BEGINNING) for (t, n), offset in positions.items()]
        )

    def poll(self, records_max: int, wait_s: float = 0.0) -> Cut | None:
        """Take what is there, waiting so long for the first record; the next cut if it is complete.

        Raises TopicsChanged, TopicsMissing, KafkaException.
        """
        assert self._assembler is not None, "seek comes first"
        for message in take(self._consumer, records_max, wait_s):
            self._take(self._assembler, message)
        if self._assembler.wants_barrier and time.monotonic() >= self._barrier_at:
            self._barrier_at = time.monotonic() + BARRIER_SECONDS
            self._assembler.barrier(self._ends(list(self._assembler.partitions)))
        return self._assembler.take()

    @property
    def held_records(self) -> int:
        """Records that wait for their cut."""
        return self._assembler.held_records if self._assembler else 0

    @property
    def expects(self) -> bool:
        """Whether a cut is on its way."""
        return self._assembler is not None and self._assembler.expects

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _ends(self, partitions: list[Partition]) -> dict[Partition, int]:
        """High watermarks, open transactions included: the records of every commit that was seen lie below them.

        A client that has seen a broker restart may go on asking with an outdated leader epoch for ever
        (FENCED_LEADER_EPOCH), so a failure costs it its place.
        """
        try:
            return end_offsets(self._admin, partitions, IsolationLevel.READ_UNCOMMITTED)
        except KafkaException:
            self._admin = AdminClient({"bootstrap.servers": self._feed.bootstrap, "log_level": 2})
            raise

    def _take(self, assembler: CutAssembler, message: Message) -> None:
        topic, number, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                assembler.reach((topic, number), offset)
            elif error.code() in _LOST:
                raise TopicsChanged(f"topic {topic} partition {number} no longer holds the offset: {error.str()}")
            elif error.code() in _UNKNOWN:  # deleted, or a broker that has just started: seek looks at the topics' ids
                raise TopicsMissing(
                    f"topic {topic} partition {number} is unknown: {error.str()}. Next step: none, if it comes back"
                )
            elif error.code() not in _TRANSIENT:
                raise KafkaException(error)
            return
        key, value = (message.key() or b""), message.value()
        if topic == self._feed.progress_topic:
            if value is None or key != self._feed.flow.encode():
                assembler.reach((topic, number), offset + 1)
            else:
                assembler.progress((topic, number), offset, self._feed.read_progress(value))
            return
        commit = dict(message.headers() or []).get("concord.commit")
        if not isinstance(commit, bytes):
            raise NotCanonical(
                f"{topic} partition {number} offset {offset} has no header concord.commit: the canonical flow did not write "
                f"it. Next step: find its writer; canonical topics have one"
            )
        entry = Entry(self._feed.objects[topic], key.decode(), int(commit), number, offset, value)
        assembler.add((topic, number), entry)

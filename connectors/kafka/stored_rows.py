"""Reads single records of a compacted topic back while the flow runs: rows that move from one account to another.

Nothing is kept until the first move. It then reads the partitions concerned once, keeps where each key's newest record
lies (an integer a row), and from then on reads only what is new and the records themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

_BATCH = 10_000
#: records that are rather read over than sought past
_GAP = 20_000


class StoredRows:
    """Newest committed records of a topic by partition and key; one consumer, made when it is first needed."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._consumer: Consumer | None = None
        self._places: dict[int, dict[int, int]] = {}
        self._next: dict[int, int] = {}

    def read(self, wanted: Mapping[int, Sequence[bytes]]) -> dict[tuple[int, bytes], bytes]:
        """{(partition, key): value} of the wanted keys that are live, as of the last commit. Raises KafkaException."""
        found: dict[tuple[int, bytes], bytes] = {}
        for partition, keys in wanted.items():
            known = self._places.setdefault(partition, {})
            missing = {key: hash(key) for key in keys}
            self._catch_up(partition, known, missing, found)
            offsets = sorted(
                {known[place] for key, place in missing.items() if (partition, key) not in found and place in known}
            )
            for message in self._at(partition, offsets):
                key, value = message.key() or b"", message.value()
                if key in missing and value is not None and known.get(missing[key]) == message.offset():
                    found[partition, key] = value
        return found

    def close(self) -> None:
        """Leave Kafka."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _catch_up(
        self, partition: int, known: dict[int, int], wanted: Mapping[bytes, int], found: dict[tuple[int, bytes], bytes]
    ) -> None:
        """Read what was committed since the last time; wanted records that pass are taken at once."""
        for batch in self._from(partition, self._next.get(partition, 0)):
            for message in batch:
                key, value = message.key() or b"", message.value()
                self._next[partition] = (message.offset() or 0) + 1
                if value is None:
                    known.pop(hash(key), None)
                    found.pop((partition, key), None)
                    continue
                known[hash(key)] = message.offset() or 0
                if key in wanted:
                    found[partition, key] = value

    def _at(self, partition: int, offsets: Sequence[int]) -> Iterable[Message]:
        """The records at these offsets, ascending, and perhaps others between them."""
        runs: list[tuple[int, int]] = []
        for offset in offsets:
            if runs and offset - runs[-1][1] <= _GAP:
                runs[-1] = runs[-1][0], offset
            else:
                runs.append((offset, offset))
        for first, last in runs:
            for batch in self._from(partition, first):
                yield from batch
                if batch and (batch[-1].offset() or 0) >= last:
                    break

    def _from(self, partition: int, offset: int) -> Iterable[list[Message]]:
        """Committed records from an offset on, up to the end as it is now."""
        if self._consumer is None:
            self._consumer = Consumer(
                {
                    "bootstrap.servers": self._bootstrap,
                    "group.id": "concord-restore",
                    "enable.auto.commit": False,
                    "isolation.level": "read_committed",
                    "enable.partition.eof": True,
                    "fetch.queue.backoff.ms": 5,
                    "fetch.wait.max.ms": 10,
                    "queued.max.messages.kbytes": 16_384,
                    "auto.offset.reset": "earliest",
                }
            )
        consumer = self._consumer
        consumer.assign([TopicPartition(self._topic, partition, offset)])
        try:
            ended = False
            while not ended:
                batch = []
                for message in consumer.consume(_BATCH, 0.02):
                    error = message.error()
                    if error is None:
                        batch.append(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        ended = True
                    else:
                        raise KafkaException(error)
                yield batch
        finally:
            consumer.unassign()

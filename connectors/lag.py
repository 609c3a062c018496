"""How far a flow is behind its input, as a person means it: records that are there to be read and were not.

The end of a partition is its last stable offset, and what lies between it and the committed offset may be nothing but
transaction markers and aborted records. So where numbers differ, the first readable record is looked for.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors import metrics
from connectors.kafka.end_offsets import end_offsets
from connectors.kafka.offsets import Vector, committed, group_consumer
from connectors.log import logger


class Lag(NamedTuple):
    """Of some partitions together: records not yet taken, and the age of the oldest of them in seconds (0 if none)."""

    records: int
    seconds: float


def stable_ends(client: AdminClient, partitions: list[tuple[str, int]]) -> Vector:
    """Last stable offset of each partition. Raises KafkaException."""
    return end_offsets(client, partitions, IsolationLevel.READ_COMMITTED)


def lag(
    bootstrap: str, client: AdminClient, taken: Vector, now: float, timeout_s: float = 10.0
) -> dict[tuple[str, int], Lag]:
    """Lag per partition of `taken` {(topic, partition): next offset to read}; `now` in seconds since 1970.

    Markers and aborted records before the first readable record do not count; those behind it do (they cannot be told
    apart without reading everything). Raises KafkaException.
    """
    ends = stable_ends(client, list(taken))
    behind = {partition: offset for partition, offset in taken.items() if offset < ends[partition]}
    lags = dict.fromkeys(taken, Lag(0, 0.0))
    for partition, (offset, timestamp_ms) in _first_readable(bootstrap, behind, timeout_s).items():
        if offset < ends[partition]:
            lags[partition] = Lag(ends[partition] - offset, max(0.0, now - timestamp_ms / 1000))
    return lags


def _first_readable(bootstrap: str, behind: Vector, timeout_s: float) -> dict[tuple[str, int], tuple[int, int]]:
    """Offset and timestamp (ms) of the first committed record at or after each offset; missing where there is none."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    if not behind:
        return found
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "concord-lag",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "max.partition.fetch.bytes": 65_536,
            "queued.max.messages.kbytes": 4_096,
        }
    )
    left = set(behind)
    end = time.monotonic() + timeout_s
    try:
        consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in behind.items()])
        while left and time.monotonic() < end:
            for message in consumer.consume(1_000, 0.05):
                partition = (message.topic() or "", message.partition() or 0)
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                if partition in left:
                    left.discard(partition)
                    if error is None:
                        found[partition] = (message.offset() or 0, message.timestamp()[1])
    finally:
        consumer.close()
    return found


class LagExporter:
    """Keeps concord_lag_records up to date, from outside the flow: `sources` maps each input partition to its source."""

    def __init__(
        self, bootstrap: str, client: AdminClient, group: str, sources: dict[tuple[str, int], str], seconds: float = 5.0
    ) -> None:
        self._bootstrap, self._client, self._group, self._sources, self._seconds = (
            bootstrap,
            client,
            group,
            sources,
            seconds,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)

    def start(self) -> None:
        """Begin; the first value is there after one look."""
        self._thread.start()

    def stop(self) -> None:
        """End within a look's time."""
        self._stop.set()
        self._thread.join(timeout=self._seconds)

    def look(self) -> dict[str, int]:
        """Records behind per source, as they are set in the metric. Raises KafkaException."""
        group = group_consumer(self._bootstrap, self._group)
        try:
            taken = committed(group, list(self._sources))
        finally:
            group.close()
        behind = dict.fromkeys(self._sources.values(), 0)
        for partition, one in lag(self._bootstrap, self._client, taken, time.time()).items():
            behind[self._sources[partition]] += one.records
        for source, records in behind.items():
            metrics.LAG_RECORDS.labels(source).set(records)
        return behind

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self.look()
            except KafkaException as error:
                logger("lag").warning("lag unknown", cause=str(error))
                self._client = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 2})

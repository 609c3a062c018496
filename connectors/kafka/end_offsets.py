"""Where partitions begin and end: for readers that must know that they have everything, and for lag."""

from __future__ import annotations

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec


def end_offsets(
    client: AdminClient, partitions: list[tuple[str, int]], level: IsolationLevel
) -> dict[tuple[str, int], int]:
    """End of each partition: READ_COMMITTED the last stable offset, READ_UNCOMMITTED the high watermark.

    Raises KafkaException; a client that is kept over a broker's restart should then be replaced.
    """
    return _offsets(client, partitions, level, OffsetSpec.latest())


def first_offsets(
    client: AdminClient, partitions: list[tuple[str, int]], level: IsolationLevel
) -> dict[tuple[str, int], int]:
    """The oldest offset that each partition still holds. Raises KafkaException."""
    return _offsets(client, partitions, level, OffsetSpec.earliest())


def _offsets(
    client: AdminClient, partitions: list[tuple[str, int]], level: IsolationLevel, which: OffsetSpec
) -> dict[tuple[str, int], int]:
    if not partitions:
        return {}
    asked = {TopicPartition(topic, number): which for topic, number in partitions}
    futures = client.list_offsets(asked, isolation_level=level, request_timeout=10)
    return {(at.topic, at.partition): future.result(15).offset for at, future in futures.items()}

"""Follows a flow's progress records, and nothing else: the cheapest way to know how far it is."""

from __future__ import annotations

from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.registry import Registry
from dataflows.settings import Settings
from demo.frames import FrameDecoder


class ProgressReader:
    """Reads `<prefix>canonical.progress` from its start, committed records only."""

    def __init__(self, settings: Settings, topic: str) -> None:
        """The topic must exist; see `open`."""
        self._decoder = FrameDecoder(Registry(settings.registry_api))
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka,
                "group.id": f"{topic}-bench",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 20,
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, 0)])

    @classmethod
    def open(cls, settings: Settings, prefix: str) -> Self | None:
        """A reader, or None while the flow has not made its topics yet."""
        topic = f"{prefix}canonical.progress"
        if topic not in AdminClient({"bootstrap.servers": settings.kafka}).list_topics(timeout=15).topics:
            return None
        return cls(settings, topic)

    def poll(self, timeout_s: float) -> list[dict[str, Any]]:
        """The progress records that arrived within the timeout."""
        found: list[dict[str, Any]] = []
        for message in self._consumer.consume(1000, timeout_s):
            if error := message.error():
                raise KafkaException(error)
            if (value := message.value()) is not None:
                found.append(self._decoder.decode(value))
        return found

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

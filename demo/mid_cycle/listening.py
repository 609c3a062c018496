"""Hears what Concord publishes of key accounts, each record with the time at which it was there to be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from connectors.contracts import TOPICS

#: intents, exceptions and what people must look at name failures, corrections end them, changes tell movements
KINDS = ("intent", "exception", "attention", "correction", "change")


class Heard(NamedTuple):
    """One record; `value` is None for a tombstone. `at`: epoch seconds."""

    at: float
    kind: str
    key: str
    value: dict[str, Any] | None


class Listener:
    """Reads on from the ends of the topics as they are at `start`, in a thread of its own."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int, decode: Callable[[bytes], Any]) -> None:
        """`decode` a frame."""
        self._topics = {prefix + TOPICS[kind][0]: kind for kind in KINDS}
        self._partitions = partitions
        self._decode = decode
        self._heard: list[Heard] = []
        self._ending = threading.Event()
        self._failed: BaseException | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "concord-demo-listener",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "fetch.queue.backoff.ms": 5,
            }
        )
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to listen: nothing that is published after the return is missed."""
        places = [TopicPartition(topic, n) for topic in self._topics for n in range(self._partitions)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, 10)[1]
        self._consumer.assign(places)
        self._thread.start()

    def heard(self) -> list[Heard]:
        """Everything so far. Raises what stopped the listening."""
        if self._failed is not None:
            raise self._failed
        return list(self._heard)

    def close(self) -> None:
        """Stop listening, if it was begun."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._consumer.close()

    def _listen(self) -> None:
        try:
            while not self._ending.is_set():
                for message in self._consumer.consume(500, 0.05):
                    if message.error() is not None:
                        continue
                    value, kind = message.value(), self._topics[message.topic() or ""]
                    key = (message.key() or b"").decode()
                    self._heard.append(Heard(time.time(), kind, key, None if value is None else self._decode(value)))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that asks for `heard`
            self._failed = error

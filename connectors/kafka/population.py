"""How many objects of each kind there are: live keys of the canonical topics, counted at the start and now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException

from connectors.kafka.restore import read_to_end
from connectors.log import logger

#: seconds between two counts
AGAIN_SECONDS = 600.0


def live_keys(bootstrap: str, topic: str, partitions: int) -> int:
    """Keys of a compacted topic whose newest record is no tombstone."""
    live: set[int] = set()
    for batch in read_to_end(bootstrap, topic, list(range(partitions))):
        for message in batch:
            name = hash(message.key())
            live.discard(name) if message.value() is None else live.add(name)
    return len(live)


class Population:
    """Counts that a policy may look at while they are brought up to date in the background."""

    def __init__(self, counters: Mapping[str, Callable[[], int]], flow: str) -> None:
        """`counters`: kind of object -> how to count them. The first count is made here."""
        self._counters = counters
        self._log = logger(flow)
        self._closing = threading.Event()
        self.counts: dict[str, int] = {kind: count() for kind, count in counters.items()}
        self._thread = threading.Thread(target=self._again, name="population", daemon=True)
        if counters:
            self._thread.start()

    def close(self) -> None:
        """Count no more."""
        self._closing.set()

    def _again(self) -> None:
        while not self._closing.wait(AGAIN_SECONDS):
            for kind, count in self._counters.items():
                try:
                    self.counts[kind] = count()
                except KafkaException as error:  # the last count is good enough until the broker is back
                    self._log.warning("objects not counted", kind=kind, reason=str(error))

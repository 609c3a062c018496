"""Reading without looking in vain: a flow that has had nothing for a moment waits at its consumer for the next message."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import Consumer, Message

#: seconds without anything after which a flow rests: a few cuts, so that what was read is committed by then
REST_AFTER_S = 0.25
#: how long a resting flow waits for a message before it looks at other things, such as a stop that was asked for
REST_MS = 50


def take(consumer: Consumer, most: int, wait_s: float) -> list[Message]:
    """What is there, at most so many; if nothing is, as soon as something is.

    `consume` alone waits for a whole batch or all of its time, and `poll` returns with the first message.
    """
    if wait_s <= 0:
        return consumer.consume(most, 0)
    first = consumer.poll(wait_s)
    if first is None or most == 1:
        return [] if first is None else [first]
    return [first, *consumer.consume(most - 1, 0)]


class Rest:
    """Whether a process has nothing to do; whoever has something says so."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """It begins with work; `now` in seconds."""
        self._now = now
        self._busy_at = now()

    def busy(self) -> None:
        """There is something to do."""
        self._busy_at = self._now()

    def resting(self) -> bool:
        """Whether there was nothing for a moment."""
        return self._now() - self._busy_at > REST_AFTER_S

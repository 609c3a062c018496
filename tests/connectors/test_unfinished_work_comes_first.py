"""While a flow has not got through what it took, nothing more is read, and it is asked to go on at once."""

from __future__ import annotations

from typing import cast

import pytest
from confluent_kafka import Consumer

from connectors.kafka.source import KafkaSource


class Untouched:
    """A consumer that must not be asked for anything."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the consumer was asked for {name}")


def test_nothing_is_read_until_it_is_done() -> None:
    """What is unfinished travels in place of messages, again and again without a pause; a stop is heard all the same.

    Planted break, seen to fail: reading first.
    """
    left, stop = ["go on", "go on"], [False]
    source = KafkaSource(
        1,
        lambda _number: (cast("Consumer", Untouched()), lambda _messages, _ends: None),
        10,
        lambda: stop[0],
        "test",
        unfinished=lambda: left.pop() if left else None,
    )
    part = source.build_part("read", "0", None)
    for _ in range(2):
        assert part.next_batch() == ["go on"]
        assert part.next_awake() is None
    with pytest.raises(AssertionError, match="the consumer was asked"):
        part.next_batch()
    stop[0] = True
    with pytest.raises(StopIteration):
        part.next_batch()

"""While a flow has not got through what it took, nothing more is read, and it is asked to go on at once.

While enough of what it took is under way between its processes, it is not asked for anything.
"""

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


def test_nothing_is_read_while_enough_is_under_way() -> None:
    """Neither messages nor unfinished work travel, and it asks again a moment later; then it goes on.

    Planted break, seen to fail: reading without asking whether it may.
    """
    may, left = [False], ["go on"]
    source = KafkaSource(
        1,
        lambda _number: (cast("Consumer", Untouched()), lambda _messages, _ends: None),
        10,
        lambda: False,
        "test",
        unfinished=lambda: left.pop() if left else None,
        may_read=lambda: may[0],
    )
    part = source.build_part("read", "0", None)
    assert part.next_batch() == [] and part.next_awake() is not None
    may[0] = True
    assert part.next_batch() == ["go on"] and part.next_awake() is None

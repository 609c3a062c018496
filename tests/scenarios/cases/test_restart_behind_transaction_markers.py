"""A restart at a commit or abort marker reads nothing twice and does not hang: the next record is the next one (real Kafka)."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import KafkaError

from connectors.kafka.source import reader
from connectors.lag import stable_ends
from tests.connectors.canonical_writer import until
from tests.connectors.test_lag_without_markers import Topic
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack


def read_to_end(topic: Topic, taken: int, expected: int) -> list[int]:
    """Offsets that a new process reads from `taken` on, up to the partition's end and at least `expected` records."""
    consumer = reader(topic.bootstrap, f"{topic.name}-group", {(topic.name, 0): taken}, 1024)
    found: list[int] = []
    deadline, ended = time.monotonic() + 30, False
    try:
        while not (ended and len(found) >= expected) and time.monotonic() < deadline:
            for message in consumer.consume(100, 0.05):
                error = message.error()
                if error is None:
                    found.append(message.offset() or 0)
                    ended = False
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended = True
    finally:
        consumer.close()
    assert ended, "the end of the partition was never reached"
    return found


def test_the_first_new_record_is_the_next_one(stack: RunningStack) -> None:
    """G19: data 0-9, marker 10: a restart reads nothing; aborted 11-13, marker 14: nothing; the record at 15 is read, lag is 0 throughout."""
    topic = Topic(stack.addresses.kafka)
    topic.write(10)
    until(lambda: stable_ends(topic.client, [(topic.name, 0)]) == {(topic.name, 0): 11})
    assert topic.lag_at(10) == 0
    assert read_to_end(topic, 10, 0) == []
    topic.write(3, abort=True)
    until(lambda: stable_ends(topic.client, [(topic.name, 0)]) == {(topic.name, 0): 15})
    assert topic.lag_at(10) == 0
    assert read_to_end(topic, 10, 0) == []
    topic.write(1)
    until(lambda: topic.lag_at(10) > 0)
    assert read_to_end(topic, 10, 1) == [15]
    assert topic.lag_at(16) == 0

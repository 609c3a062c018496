"""A start ends what a killed process left open (real Kafka): readers are not held back, and the older one never commits."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import KafkaException, Producer

from connectors.kafka.offsets import fence, transactional_producer
from connectors.kafka.restore import read_to_end
from connectors.kafka.topics import RETAIN, TopicSpec, admin, ensure
from tests.connectors.canonical_writer import until
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack


def test_the_newest_of_several_starts_writes(stack: RunningStack) -> None:
    """Four starts, one after the other, each in the middle of the transaction of the one before.

    Planted break, seen to fail: giving up when the broker still ends the older transaction.
    """
    kafka, name = stack.addresses.kafka, f"test-open-{uuid.uuid4().hex[:8]}"
    ensure(admin(kafka), [TopicSpec(name, 1, RETAIN)])
    settings = {"bootstrap.servers": kafka, "transactional.id": name}
    older: list[Producer] = []
    for number in range(4):
        producer = transactional_producer(settings, 30)
        producer.begin_transaction()
        producer.produce(name, str(number).encode(), b"key")
        producer.flush(10)
        older.append(producer)
    older.pop().commit_transaction(10)
    for producer in older:
        with pytest.raises(KafkaException):
            producer.commit_transaction(10)
    fence(kafka, name, 60_000)  # answers when the commit's marker is there
    until(lambda: [one.value() for batch in read_to_end(kafka, name, [0]) for one in batch] == [b"3"])

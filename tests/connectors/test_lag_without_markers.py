"""Lag is what a reader could read: transaction markers and aborted records at the end of a partition are none (real Kafka)."""

from __future__ import annotations

import time
import uuid

import pytest
from confluent_kafka import Producer

from connectors.kafka.topics import RETAIN, TopicSpec, admin, ensure
from connectors.lag import LagExporter, lag, stable_ends
from tests.connectors.canonical_writer import until
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack


class Topic:
    """A topic with one partition and a transactional writer."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.name = f"test-lag-{uuid.uuid4().hex[:8]}"
        self.client = admin(bootstrap)
        ensure(self.client, [TopicSpec(self.name, 1, RETAIN)])
        self.producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": self.name})
        self.producer.init_transactions(30)

    def write(self, records: int, *, abort: bool = False) -> None:
        """One transaction."""
        self.producer.begin_transaction()
        for number in range(records):
            self.producer.produce(self.name, str(number).encode(), partition=0)
        if abort:
            self.producer.flush(10)
            self.producer.abort_transaction(30)
        else:
            self.producer.commit_transaction(30)

    def lag_at(self, taken: int) -> int:
        """Records behind of a reader that goes on at `taken`."""
        return lag(self.bootstrap, self.client, {(self.name, 0): taken}, time.time())[self.name, 0].records


@pytest.fixture
def topic(stack: RunningStack) -> Topic:
    """Ten records, offsets 0-9, and the commit marker at 10."""
    one = Topic(stack.addresses.kafka)
    one.write(10)
    until(lambda: stable_ends(one.client, [(one.name, 0)]) == {(one.name, 0): 11})  # the marker comes after the answer
    return one


def test_commit_marker_at_the_end_is_no_lag(topic: Topic) -> None:
    """High watermark 11, everything up to 9 is processed: lag 0, not 1 for ever."""
    assert topic.lag_at(10) == 0
    assert topic.lag_at(11) == 0


def test_aborted_records_at_the_end_are_no_lag(topic: Topic) -> None:
    """Aborted records 11-13 and their marker at 14: lag stays 0; the record at 15 counts."""
    topic.write(3, abort=True)
    until(lambda: stable_ends(topic.client, [(topic.name, 0)]) == {(topic.name, 0): 15})
    assert topic.lag_at(10) == 0
    topic.write(1)
    until(lambda: topic.lag_at(10) > 0)  # the broker writes the marker a moment after it has answered
    assert topic.lag_at(16) == 0


def test_unread_records_are_lag_with_their_age(topic: Topic) -> None:
    """What can be read and was not is counted, and the age is that of the oldest of it."""
    found = lag(topic.bootstrap, topic.client, {(topic.name, 0): 4}, time.time() + 30)[topic.name, 0]
    assert found.records >= 6
    assert 30 <= found.seconds < 90


def test_exporter_looks_at_the_group(topic: Topic) -> None:
    """The metric of a source is the sum over its partitions, from what its group has committed."""
    exporter = LagExporter(topic.bootstrap, topic.client, f"{topic.name}-group", {(topic.name, 0): "billing"})
    assert exporter.look()["billing"] >= 10

"""What has nothing to do waits at its consumer instead of looking again and again, and the next message wakes it (real Kafka)."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import cast

import pytest
from confluent_kafka import Consumer, Message, Producer

from connectors.kafka import source
from connectors.kafka.polling import REST_AFTER_S, REST_MS, Rest
from connectors.kafka.source import Handler, KafkaSource, reader
from connectors.kafka.topics import RETAIN, TopicSpec, admin, ensure
from connectors.targets.pool import SenderPool
from dataflows.dispatch_results import ResultSource
from tests.running_stack import RunningStack

#: longer than anything takes here, so that who waits it out is seen
LONG_MS = 20_000
NEVER = datetime.max.replace(tzinfo=UTC)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        """It begins somewhere."""
        self.at = 100.0

    def __call__(self) -> float:
        """Now."""
        return self.at


class Pool:
    """Of a pool of senders what the flow's source looks at."""

    flying = 0

    def take(self) -> list[object]:
        """No result."""
        return []


@pytest.fixture
def topic(stack: RunningStack) -> Iterator[str]:
    """An empty topic with one partition."""
    name = f"test-rest-{uuid.uuid4().hex[:8]}"
    client = admin(stack.addresses.kafka)
    ensure(client, [TopicSpec(name, 1, RETAIN)])
    yield name
    client.delete_topics([name])[name].result(30)


def texts(messages: list[Message], _ends: list[Message]) -> list[bytes] | None:
    """A handler: the values."""
    return [message.value() or b"" for message in messages] or None


@pytest.mark.stack
def test_a_message_wakes_it(stack: RunningStack, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again at once each time, it has the message in the call in which it came, and then does not rest any more.

    Planted breaks, seen to fail: waiting by `consume`, which waits for a whole batch; resting on after a message.
    """
    kafka, clock = stack.addresses.kafka, Clock()
    rest, ended = Rest(clock), list[Message]()

    def handle(messages: list[Message], ends: list[Message]) -> list[bytes] | None:
        ended.extend(ends)
        return texts(messages, ends)

    def open_part(_number: int) -> tuple[Consumer, Handler]:
        return reader(kafka, topic, {(topic, 0): 0}, 1024), handle

    part = KafkaSource(1, open_part, 10, lambda: False, "test", rest=rest).build_part("read", "0", None)
    while not ended:  # which is told once, and is no news
        part.next_batch()
    while not rest.resting():
        clock.at += REST_AFTER_S / 10
    assert part.next_awake() is None
    monkeypatch.setattr(source, "REST_MS", LONG_MS)
    producer, started = Producer({"bootstrap.servers": kafka}), monotonic()
    producer.produce(topic, b"news")
    got = part.next_batch()
    assert got == [[b"news"]] and monotonic() - started < LONG_MS / 1000
    assert not rest.resting()
    producer.flush(10)
    part.close()


def test_a_part_that_does_not_read_looks_seldom() -> None:
    """No cut waits for it, only a stop does. Planted break, seen to fail: looking as often as a reader."""
    part = KafkaSource(1, lambda _number: None, 10, lambda: False, "test").build_part("read", "0", None)
    before = datetime.now(UTC)
    assert part.next_batch() == []
    assert (part.next_awake() or before) - before >= timedelta(milliseconds=REST_MS)


def test_who_awaits_answers_does_not_rest() -> None:
    """Dispatch's senders report by the side: their answers are not to wait for an intent. Planted break, seen to fail."""
    clock, pool = Clock(), Pool()
    rest = Rest(clock)
    part = ResultSource(cast("SenderPool", pool), threading.Event(), rest).build_part("results", "0", None)
    clock.at += 2 * REST_AFTER_S
    part.next_batch()
    assert rest.resting()
    pool.flying = 1
    part.next_batch()
    assert not rest.resting()

"""What runs ahead in a backlog waits in its topics and not in memory, and no wait is for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from dataflows.pacing import AHEAD_MAX_MS, BACKLOG_MESSAGES, HELD_MAX, HELD_MIN, STILL_S, Pacing, Place
from state.step import Standing

ROWS = {"billing": [("invoices", 0), ("invoices", 1)], "support": [("cases", 0)]}
OTHERS = {"billing": [("billing.ends", 0)], "support": [("support.ends", 0)]}


class Paused:
    """A consumer that only knows what it does not read; stopping or resuming twice is an error."""

    def __init__(self) -> None:
        self.places: set[Place] = set()

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """Stop reading."""
        places = {(one.topic, one.partition) for one in partitions}
        assert not places & self.places
        self.places |= places

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """Read on."""
        places = {(one.topic, one.partition) for one in partitions}
        assert places <= self.places
        self.places -= places


class World:
    """Two sources, a clock, and where the sources stand."""

    def __init__(self) -> None:
        self.consumer, self.seconds = Paused(), 0.0
        self.pacing = Pacing(cast("Consumer", self.consumer), ROWS, OTHERS, lambda: self.seconds)
        self._position = 0

    def judge(self, held: dict[Place, int], billing_ms: int = 1, support_ms: int = 1, moved: bool = True) -> set[Place]:
        """Where billing's partitions and the clocks stand now; what is not read."""
        self._position += moved
        total = sum(held.values())
        billing = Standing(self._position, total, billing_ms, {p: n for p, n in held.items() if p in ROWS["billing"]})
        support = Standing(self._position, 0, support_ms, {p: n for p, n in held.items() if p in ROWS["support"]})
        self.pacing.judge({"billing": billing, "support": support})
        return set(self.consumer.places)

    def read(self, topic: str, messages: int = 0, ends: Sequence[Place] = ()) -> None:
        """A poll gave so many messages of partition 0 of a topic, then these ends."""
        one = [Message(topic=topic, partition=0) for _ in range(messages)]
        self.pacing.read(one, [Message(topic=name, partition=number) for name, number in ends])


@pytest.fixture
def world() -> World:
    """Nothing read yet."""
    return World()


def test_a_partition_that_is_far_ahead_waits_until_it_is_near(world: World) -> None:
    """It alone is stopped, not its topic and never the ENDs; between the two limits it stays as it is.

    Planted break, seen to fail: one limit instead of two.
    """
    far, near = ("invoices", 0), ("invoices", 1)
    assert world.judge({far: HELD_MAX, near: HELD_MAX}) == set()
    assert world.judge({far: HELD_MAX + 1, near: HELD_MAX}) == {far}
    assert world.judge({far: HELD_MIN + 1, near: HELD_MIN + 1}) == {far}
    assert world.judge({far: HELD_MIN, near: HELD_MAX}) == set()


def test_what_helps_nobody_by_waiting_is_read_on(world: World) -> None:
    """Rows whose END never comes hold their partition back for a while only, and not again before they are gone.

    Planted breaks, seen to fail: waiting for ever; stopping it again at the next batch.
    """
    stuck = ("invoices", 0)
    assert world.judge({stuck: HELD_MAX + 1}) == {stuck}
    world.seconds += STILL_S / 2
    world.pacing.relieve()
    assert world.consumer.places == {stuck}
    assert world.judge({stuck: HELD_MAX + 1}, moved=True) == {stuck}
    world.seconds += STILL_S + 1
    world.pacing.relieve()
    assert world.consumer.places == set()
    assert world.judge({stuck: 2 * HELD_MAX}, moved=False) == set()
    assert world.judge({stuck: HELD_MIN}) == set()
    assert world.judge({stuck: HELD_MAX + 1}) == {stuck}


def test_a_source_waits_for_one_with_a_backlog(world: World) -> None:
    """Far ahead of a source that works off a backlog nothing is read; a source that is only quiet stops nobody.

    Planted breaks, seen to fail: waiting for a source that is read to its end; waiting for one without a backlog.
    """
    ahead_ms = 1 + AHEAD_MAX_MS + 1
    everything = {*ROWS["support"], *OTHERS["support"]}
    assert world.judge({}, 1, ahead_ms) == set()
    world.read("invoices", BACKLOG_MESSAGES)
    assert world.judge({}, 1, ahead_ms) == set()
    world.read("invoices", 1)
    assert world.judge({}, 1, ahead_ms - 1) == set()
    assert world.judge({}, 1, ahead_ms) == everything
    assert world.judge({}, ahead_ms, ahead_ms) == set()
    assert world.judge({}, 1, ahead_ms) == everything
    world.read("invoices", 1, [*ROWS["billing"], *OTHERS["billing"]])
    assert world.judge({}, 1, ahead_ms) == set()

"""Which partitions are not read for now, so that what is read of a backlog fits together and little of it has to wait.

A consumer shares itself out evenly among partitions, and a backlog is not even: row topics run ahead of one another and of the
one topic with the ENDs of their transactions, and a source with few changes runs ahead of the one that knows the accounts.
What runs ahead is held in memory or set aside as waiting. So:

- a partition with many rows that wait for their transaction is not read until there are few;
- while a source works off a backlog, those whose clocks are far ahead of it are not read.

Neither is to stand still. A partition in the midst of the next transaction is read on however much it holds, and the topic
of the ENDs is never stopped for rows; the source that is furthest behind is not stopped by others. Should rows wait for an END
that never comes, their partition is read on after a while: then holding them back helps nobody.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition

from connectors import metrics
from state.model import Model
from state.step import Standing

#: rows of a partition that wait: beyond the first number no more are read until there are fewer than the second
HELD_MAX: Final = 6_000
HELD_MIN: Final = 1_500
#: seconds without any progress after which what is held is read on
STILL_S: Final = 5.0
#: how far a clock may be ahead of that of a source with a backlog, ms, and how near it must come again
AHEAD_MAX_MS: Final = 3_000
AHEAD_MIN_MS: Final = 1_000
#: messages of a source since it was last read to its end: from here on it is a backlog
BACKLOG_MESSAGES: Final = 10_000

Place = tuple[str, int]


class Pacing:
    """`rows` and `others`: the partitions of each source with its rows, and those with ENDs and notifications."""

    def __init__(
        self,
        consumer: Consumer,
        rows: Mapping[str, Sequence[Place]],
        others: Mapping[str, Sequence[Place]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Everything is read, and nothing is known to be read to its end; `now` in seconds."""
        self._consumer = consumer
        self._rows, self._others = rows, others
        self._source_of = {topic: name for of in (rows, others) for name, places in of.items() for topic, _ in places}
        self._at_end: set[Place] = set()
        self._since_end: Counter[str] = Counter()
        self._ahead: set[str] = set()
        #: partitions that were stopped in vain
        self._in_vain: set[Place] = set()
        self._standings: Mapping[str, Standing] = {}
        self._now, self._moved_at = now, now()
        self._paused: frozenset[Place] = frozenset()

    def read(self, messages: Sequence[Message], ends: Sequence[Message]) -> None:
        """What a poll gave: messages, and then the ends of partitions."""
        if self._at_end:
            self._at_end.difference_update([(message.topic() or "", message.partition() or 0) for message in messages])
        for topic, count in Counter([message.topic() or "" for message in messages]).items():
            self._since_end[self._source_of[topic]] += count
        self._at_end.update([(end.topic() or "", end.partition() or 0) for end in ends])
        for name in {self._source_of[end.topic() or ""] for end in ends}:
            if self._at_end.issuperset(self._rows[name]) and self._at_end.issuperset(self._others[name]):
                self._since_end[name] = 0

    def judge(self, standings: Mapping[str, Standing]) -> None:
        """Stop and resume reading by where the sources stand."""
        if any(self._standings.get(name, one).position != one.position for name, one in standings.items()):
            self._moved_at = self._now()
        self._standings = standings
        if self._in_vain:
            self._in_vain &= {p for one in standings.values() for p, rows in one.ahead.items() if rows > HELD_MIN}
        slowest_ms = min(
            (
                one.clock_ms
                for name, one in standings.items()
                if one.clock_ms and self._since_end[name] > BACKLOG_MESSAGES
            ),
            default=None,
        )
        wanted: set[Place] = set()
        for name, one in standings.items():
            ahead_max = AHEAD_MIN_MS if name in self._ahead else AHEAD_MAX_MS
            if slowest_ms is not None and one.clock_ms - slowest_ms > ahead_max:
                self._ahead.add(name)
                wanted.update(self._rows[name], self._others[name])
            else:
                self._ahead.discard(name)
                held = one.ahead.items()
                wanted.update(
                    [place for place, rows in held if rows > (HELD_MIN if place in self._paused else HELD_MAX)]
                )
        self._pause(frozenset(wanted - self._in_vain))

    def relieve(self) -> None:
        """Read on in partitions that were stopped for long without any progress."""
        if self._paused and self._now() - self._moved_at > STILL_S:
            self._moved_at = self._now()
            self._in_vain |= self._paused
            self._pause(frozenset())

    def _pause(self, wanted: frozenset[Place]) -> None:
        if wanted == self._paused:
            return
        if stopped := wanted - self._paused:
            self._consumer.pause([TopicPartition(*place) for place in stopped])
        if resumed := self._paused - wanted:
            self._consumer.resume([TopicPartition(*place) for place in resumed])
        self._paused = wanted
        for name in self._rows:
            metrics.PARTITIONS_PAUSED.labels(name).set(sum(self._source_of[topic] == name for topic, _ in wanted))


def pacing_of(consumer: Consumer, model: Model, places: Iterable[Place]) -> Pacing:
    """For a consumer that reads these partitions, which are those of the model's topics."""
    row_topics, source_of = {table.input_topic for table in model.tables}, model.source_of_topic
    rows: dict[str, list[Place]] = {source.name: [] for source in model.sources}
    others: dict[str, list[Place]] = {source.name: [] for source in model.sources}
    for place in places:
        (rows if place[0] in row_topics else others)[source_of[place[0]]].append(place)
    return Pacing(consumer, rows, others)

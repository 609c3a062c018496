"""A schema that was never seen, while the registry is away: reading waits and goes on by itself; nothing is lost or parked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, Message

from connectors import metrics
from connectors.capturing.frames import learn
from connectors.capturing.schema_folder import SchemaFolder
from connectors.kafka.polling import Rest
from connectors.kafka.source import KafkaSource
from connectors.outage import PAUSE_S_MAX, PAUSE_S_MIN, REMIND_S, RegistryOutage
from connectors.registry import RegistryUnavailable, UnknownSchemaId


class Polled:
    """A polled message without an error."""

    def error(self) -> None:
        """None."""


class Polls:
    """A consumer that hands out what it was given, a list a poll."""

    def __init__(self, *polls: list[Polled]) -> None:
        self._polls = list(polls)
        self.left = False

    def consume(self, number: int, timeout: float) -> list[Polled]:
        """The next list, or nothing."""
        return self._polls.pop(0) if self._polls else []

    def close(self) -> None:
        """Leave."""
        self.left = True


class Away:
    """Schemas that are away for the first `failures` questions; then id 4 is unknown and others are their own id."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.asked: list[int] = []

    def schema(self, schema_id: int) -> Any:
        """The id as a schema."""
        self.asked.append(schema_id)
        if self.failures > 0:
            self.failures -= 1
            raise RegistryUnavailable("the registry is away")
        if schema_id == 4:
            raise UnknownSchemaId("4")
        return {"id": schema_id}


def part_of(polls: Polls, schemas: Away, stop: list[bool]) -> Any:
    """The one partition of a source over these polls; its item is the list that the handler was given."""

    def handle(messages: list[Message], ends: list[Message]) -> list[Message]:
        schemas.schema(1)
        return messages

    awake = Rest(lambda: 0.0)  # however long the test takes: one that rests polls otherwise
    source = KafkaSource(
        1, lambda _n: (cast("Consumer", polls), handle), 10, lambda: stop[0], "outage-test", rest=awake
    )
    return source.build_part("read", "0", None)


def test_polled_messages_are_kept_and_handled_once() -> None:
    """Three failures: three empty answers, with growing pauses, then the very same messages, then the next ones."""
    first, second = [Polled()], [Polled(), Polled()]
    part = part_of(Polls(first, second), Away(3), [False])
    pauses = []
    for _ in range(3):
        assert part.next_batch() == []
        pauses.append(part.next_awake())
        assert metrics.samples(metrics.REGISTRY_AWAITED)[("outage-test",)] == 1
    assert pauses == sorted(pauses)
    assert None not in pauses
    assert part.next_batch() == [first]
    assert metrics.samples(metrics.REGISTRY_AWAITED)[("outage-test",)] == 0
    assert part.next_awake() is None
    assert part.next_batch() == [second]
    assert part.next_batch() == []


def test_a_stop_is_heard_during_an_outage() -> None:
    """The source ends; the messages that wait are read again at the next start, since their offsets are not committed."""
    stop = [False]
    polls = Polls([Polled()])
    part = part_of(polls, Away(100), stop)
    assert part.next_batch() == []
    stop[0] = True
    with pytest.raises(StopIteration):
        part.next_batch()
    part.close()
    assert polls.left


def test_pauses_are_bounded_and_reminders_rare(capsys: pytest.CaptureFixture[str]) -> None:
    """From 0.1 s doubling to 2 s; one line at the beginning, one every half minute, one at the end."""
    now = [0.0]
    outage = RegistryOutage("outage-test", lambda: now[0])
    seen = []
    while now[0] < 2.5 * REMIND_S:
        outage.strike(RegistryUnavailable("away"))
        seen.append(outage.pause_s)
        now[0] += outage.pause_s
    outage.over()
    assert (seen[0], max(seen)) == (PAUSE_S_MIN, PAUSE_S_MAX)
    said = capsys.readouterr()
    text = said.out + said.err
    assert text.count("waiting for the schema registry") == 3
    assert text.count("schema registry answers again") == 1


def test_processes_hand_schemas_to_one_another(tmp_path: Path) -> None:
    """What one process has asked for, another one has without any registry; unknown ids are not handed on."""
    asker, silent = Away(), Away(failures=100)
    first, second = SchemaFolder(asker, tmp_path), SchemaFolder(silent, tmp_path)
    assert first.schema(7) == first.schema(7) == second.schema(7) == {"id": 7}
    assert (asker.asked, silent.asked) == ([7], [])
    with pytest.raises(UnknownSchemaId):
        first.schema(4)
    with pytest.raises(RegistryUnavailable):
        second.schema(4)


def test_schemas_of_stored_rows_are_learned_at_once() -> None:
    """One question an id; frames that cannot be read are left for decoding to report; an outage is not hidden."""
    schemas = Away()
    frames = [b"\x00\x00\x00\x00\x07rest", b"\x00\x00\x00\x00\x07other", b"\x00\x00\x00\x00\x04", b"", b"\x01garbage"]
    learn(schemas, frames)
    assert sorted(schemas.asked) == [4, 7]
    with pytest.raises(RegistryUnavailable):
        learn(Away(failures=1), frames)

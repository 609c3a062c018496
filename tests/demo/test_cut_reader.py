"""The observer's reader on a real broker: whole cuts only, in order, whatever partition comes first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from dataflows.settings import load_settings
from demo.cuts import Cut, CutReader
from tests.running_stack import RunningStack

OBJECTS = ("account", "payment")
PARTITIONS = 2
WITHIN_S = 30.0


class Writer:
    """Writes cuts by hand, as the canonical flow would: one Kafka transaction each."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.base = f"{prefix}canonical."
        self.producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": prefix, "linger.ms": 0})
        self.producer.init_transactions(30)

    def write(self, number: int, keys: dict[str, list[str]], commit: bool = True) -> None:
        """One record per key of each object and the progress record; `commit` False leaves the transaction aborted."""
        self.producer.begin_transaction()
        for name, found in keys.items():
            for key in found:
                headers: list[tuple[str, str | bytes | None]] = [("concord.commit", str(number).encode())]
                self.producer.produce(
                    self.base + name, json.dumps({"n": number}), key, partition=int(key) % PARTITIONS, headers=headers
                )
        self.producer.produce(f"{self.base}progress", json.dumps({"commit": number}), "flow")
        if commit:
            self.producer.commit_transaction(30)
        else:
            self.producer.flush(10)
            self.producer.abort_transaction(30)


pytestmark = pytest.mark.stack


@pytest.fixture
def prefix(stack: RunningStack) -> Iterator[str]:
    """Topics of this test alone."""
    bootstrap = stack.addresses.kafka
    name = f"cuts-{uuid.uuid4().hex[:8]}."
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(f"{name}canonical.{topic}", PARTITIONS, 1) for topic in OBJECTS] + [
        NewTopic(f"{name}canonical.progress", 1, 1)
    ]
    for future in admin.create_topics(topics).values():
        future.result(15)
    yield name
    for future in admin.delete_topics([topic.topic for topic in topics]).values():
        future.result(15)


def _decode(value: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(value)
    return found


def _read(bootstrap: str, prefix: str) -> tuple[list[Cut], CutReader]:
    """Everything, from the start, to the end."""
    reader = CutReader(bootstrap, prefix, _decode, OBJECTS)
    try:
        return reader.finish(), reader
    finally:
        reader.close()


def test_each_cut_holds_exactly_its_records(prefix: str) -> None:
    """Cuts come in order with all of their records; a partition that stays silent does not hold them back."""
    bootstrap = load_settings().kafka
    writer = Writer(bootstrap, prefix)
    for number in range(1, 31):
        writer.write(number, {"account": ["2"], "payment": ["2", "3"] if number % 3 == 0 else []})
    cuts, reader = _read(bootstrap, prefix)
    assert [cut.number for cut in cuts] == list(range(1, 31))
    for cut in cuts:
        wanted = [("account", "2")] + ([("payment", "2"), ("payment", "3")] if cut.number % 3 == 0 else [])
        assert sorted((record.object, record.key) for record in cut.records) == wanted
    assert not reader.problems


def test_live_reading_needs_no_later_cut(prefix: str) -> None:
    """The newest cut is handed out while the writer is silent."""
    bootstrap = load_settings().kafka
    writer = Writer(bootstrap, prefix)
    reader = CutReader(bootstrap, prefix, _decode, OBJECTS)
    seen: list[int] = []
    for number in (1, 2, 3):
        writer.write(number, {"account": ["1", "2"]})
        deadline = monotonic() + WITHIN_S
        while number not in seen and monotonic() < deadline:
            seen += [cut.number for cut in reader.poll()]
        assert seen == list(range(1, number + 1))
    reader.close()


def test_aborted_transactions_are_invisible(prefix: str) -> None:
    """What was written and aborted is in no cut and no problem."""
    bootstrap = load_settings().kafka
    writer = Writer(bootstrap, prefix)
    writer.write(1, {"account": ["1"]})
    writer.write(2, {"account": ["1", "2"], "payment": ["7"]}, commit=False)
    writer.write(2, {"account": ["2"]})
    cuts, reader = _read(bootstrap, prefix)
    assert [(cut.number, [record.key for record in cut.records]) for cut in cuts] == [(1, ["1"]), (2, ["2"])]
    assert not reader.problems


def test_a_cut_that_is_larger_than_the_buffer_is_read(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition that ran ahead into a large cut is read on once that cut is the next.

    Planted break, seen to fail: what is paused waits until its buffer is half empty, which it never becomes.
    """
    monkeypatch.setattr("demo.cuts.BUFFERED_MAX", 100)
    bootstrap = load_settings().kafka
    writer = Writer(bootstrap, prefix)
    writer.write(1, {"account": ["1"]})
    writer.write(2, {"account": ["2"] * 12_000})
    cuts, reader = _read(bootstrap, prefix)
    assert [(cut.number, len(cut.records)) for cut in cuts] == [(1, 1), (2, 12_000)]
    assert not reader.problems


def test_repeats_gaps_and_strays_are_counted(prefix: str) -> None:
    """A commit number written twice, one left out and one that goes back are named problems."""
    bootstrap = load_settings().kafka
    writer = Writer(bootstrap, prefix)
    for number in (1, 2, 2, 4, 3):
        writer.write(number, {"account": ["1"]})
    _, reader = _read(bootstrap, prefix)
    assert reader.problems["progress repeated"] == 2
    assert reader.problems["progress gap"] == 1
    assert reader.problems["commit number went back"] == 1

"""Every recorded frame: read as fastavro reads it, written back to the byte, peeked without a bad frame."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest

from connectors.avro import compile_reader, compile_writer, frame_prefix
from connectors.avro.fallback import strip_logical
from connectors.capturing.debezium import Peek
from state.row import OP
from tests.connectors.recording import NAMES, model, recording

pytestmark = pytest.mark.usefixtures("codec")


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_equals_the_oracle_and_comes_back(name: str) -> None:
    """Keys and values of all topics and schemas: same value as fastavro, same bytes when written again."""
    recorded = recording(name)
    parsed = {i: fastavro.parse_schema(strip_logical(s)) for i, s in recorded.schemas.items()}
    readers = {i: compile_reader(s) for i, s in recorded.schemas.items()}
    writers = {i: compile_writer(s, frame_prefix(i)) for i, s in recorded.schemas.items()}
    seen = set()
    for message in recorded.messages:
        for frame in (message.key_bytes, message.value_bytes):
            if frame is None or frame[0] != 0:  # the connector's own signal topic holds JSON
                continue
            number = int.from_bytes(frame[1:5], "big")
            seen.add(number)
            value: Any = readers[number](frame)
            assert value == fastavro.schemaless_reader(io.BytesIO(frame[5:]), parsed[number], None)
            assert writers[number](value) == frame
    assert seen == set(recorded.schemas)


@pytest.mark.parametrize(
    ("name", "records", "schemas", "operations", "ends"),
    [
        ("main", 2952, 40, {"r": 192, "c": 45, "u": 766, "d": 14, "t": 14, "T": 3}, 858),
        ("bulk", 7003, 8, {"r": 24, "c": 5013, "u": 351, "d": 1, "t": 1, "T": 1}, 806),
        ("kill", 11127, 8, {"r": 20, "c": 9271, "u": 40, "d": 2, "t": 2, "T": 1}, 862),
    ],
)
def test_every_record_peeks(name: str, records: int, schemas: int, operations: dict[str, int], ends: int) -> None:
    """No recorded record is a bad frame; operations and ENDs are as many as the scenario made."""
    recorded = recording(name)
    assert (len(recorded.messages), len(recorded.schemas)) == (records, schemas)
    registry = recorded.registry
    batch = Peek(registry, model()).batch(recorded.messages)
    assert batch.bad == []
    counted = dict.fromkeys(operations, 0)
    for row in batch.rows:
        counted[row[OP]] += 1
    assert counted == operations
    assert sum(1 for _, end in batch.ends if not isinstance(end, int)) == ends
    used = {m.value_bytes[:5] for m in recorded.messages if m.value_bytes} | {
        m.key_bytes[:5] for m in recorded.messages if m.key_bytes
    }
    assert len(registry.asked) <= len(used)


@pytest.mark.parametrize("name", NAMES)
def test_every_image_equals_the_oracle(name: str) -> None:
    """decode_row gives the whole image of each row with exact decimals, as fastavro does with its logical types."""
    recorded = recording(name)
    parsed = {i: fastavro.parse_schema(s) for i, s in recorded.schemas.items() if s["name"] == "Envelope"}
    peek = Peek(recorded.registry, model())
    for row in peek.batch(recorded.messages).rows:
        frame = row[9]
        if not frame:
            continue
        event: Any = fastavro.schemaless_reader(io.BytesIO(frame[5:]), parsed[int.from_bytes(frame[1:5], "big")], None)
        image = peek.decoder.row(row[0], frame)
        expected = event["after"]
        if expected is not None and "qty" in expected:  # a number with its own scale: fastavro leaves the record
            assert image is not None
            raw = expected.pop("qty")
            got = image.pop("qty")
            assert got.as_tuple().exponent == -raw["scale"]
            assert int(got.scaleb(raw["scale"])) == int.from_bytes(raw["value"], "big", signed=True)
        assert image == expected

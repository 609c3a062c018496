"""A learned shape reads exactly what the general reader reads, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.avro import DecodeError, compile_reader, compile_writer, parse_schema
from connectors.avro.reader import Learned, compile_learning
from connectors.avro.shape import FRAMES_BETWEEN, SHAPES_AT_ONCE, SHAPES_KEPT
from tests.connectors.avro_strategies import LONGS

BLOCK = {
    "type": "record",
    "name": "Block",
    "fields": [{"name": "id", "type": "string"}, {"name": "order", "type": "long"}],
}
SCHEMA = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {"name": "after", "type": ["null", "string"]},
        {"name": "version", "type": "string"},
        {"name": "lsn", "type": ["null", "long"]},
        {"name": "snapshot", "type": ["string", "null"]},
        {"name": "block", "type": ["null", BLOCK]},
        {"name": "small", "type": "int"},
        {"name": "flag", "type": "boolean"},
        {"name": "ratio", "type": ["null", "double"]},
        {"name": "op", "type": "string"},
        {"name": "us", "type": ["null", "long"]},
    ],
}
PATHS = {
    "after": Learned(),
    "lsn": Learned(),
    "snapshot": Learned({"false": ""}),
    "block.order": Learned(repeating=True),
    "op": Learned(),
}
SHORT = st.sampled_from(["", "a", "false", "true", "\u00fc", "x" * 70])
EVENTS = st.fixed_dictionaries(
    {
        "after": st.one_of(st.none(), SHORT),
        "version": SHORT,
        "lsn": st.one_of(st.none(), LONGS),
        "snapshot": st.one_of(st.none(), SHORT),
        "block": st.one_of(st.none(), st.fixed_dictionaries({"id": SHORT, "order": LONGS})),
        "small": st.integers(-(1 << 31), (1 << 31) - 1),
        "flag": st.booleans(),
        "ratio": st.one_of(st.none(), st.floats(allow_nan=False)),
        "op": st.sampled_from("cudrt"),
        "us": st.one_of(st.none(), LONGS),
    }
)
WRITE = compile_writer(SCHEMA, b"\0\0\0\0\1")


def learning() -> Any:
    """A fresh reader that has learned nothing."""
    return compile_learning(parse_schema(SCHEMA), PATHS, "version", "(r0, r1, r2, r3, r4)", "buf, p=5", {})


def expected(event: dict[str, Any]) -> tuple[Any, ...]:
    """What the reader must give: null numbers are 0, null texts empty, texts through their mapping."""
    snapshot = event["snapshot"] or ""
    order = event["block"]["order"] if event["block"] else 0
    return event["after"], event["lsn"] or 0, "" if snapshot == "false" else snapshot, order, event["op"]


@given(st.lists(EVENTS, min_size=1, max_size=25))
@settings(max_examples=200, deadline=None)
def test_every_event_reads_the_same_however_much_was_learned(events: list[dict[str, Any]]) -> None:
    """Twice through the same events: first the general reader and learning, then the shapes."""
    read = learning()
    for event in events + events:
        assert read(WRITE(event)) == expected(event)


@given(st.data(), st.lists(EVENTS, min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_spoilt_frames_read_the_same_as_without_shapes(data: st.DataObject, events: list[dict[str, Any]]) -> None:
    """Changed, cut and lengthened frames give the general reader's value or DecodeError, never something of their own."""
    read, plain = learning(), compile_reader(SCHEMA, list(PATHS))
    frames = [WRITE(e) for e in events]
    for frame in frames:
        read(frame)
    spoilt = bytearray(data.draw(st.sampled_from(frames)))
    for _ in range(data.draw(st.integers(0, 2))):
        spoilt[data.draw(st.integers(5, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(5, len(spoilt))))
    frame = bytes(spoilt[:cut]) + data.draw(st.binary(max_size=2))
    try:
        after, lsn, snapshot, order, op = plain(frame)
    except DecodeError:
        with pytest.raises(DecodeError):
            read(frame)
        return
    snapshot = snapshot or ""
    assert read(frame) == (after, lsn or 0, "" if snapshot == "false" else snapshot, order or 0, op)


EVENT = {
    "after": None, "version": "v", "lsn": 1 << 30, "snapshot": None, "block": None, "small": 1, "flag": True,
    "ratio": None, "op": "c", "us": None,
}  # fmt: skip


@pytest.mark.parametrize("extra", [b"\0", b"\0\0", b"\x80"])
def test_a_longer_frame_is_refused_by_a_learned_shape(extra: bytes) -> None:
    """A shape reaches to the end of the buffer: bytes behind the value are never overlooked."""
    read = learning()
    frame = WRITE(EVENT)
    assert read(frame) == read(frame) == expected(EVENT)
    with pytest.raises(DecodeError):
        read(frame + extra)


def test_a_number_beyond_64_bits_is_refused_by_a_learned_shape() -> None:
    """The pattern takes numbers of up to nine bytes; longer ones are the general reader's, which checks their range."""
    read = learning()
    frame = WRITE({**EVENT, "lsn": 1 << 62})
    assert read(frame) == read(frame)
    number = b"\x80" * 8 + b"\x80\x01"
    start = frame.index(number)
    with pytest.raises(DecodeError, match="64 bits"):
        read(frame[:start] + b"\x80" * 9 + b"\x7f" + frame[start + 10 :])


def test_values_of_one_length_need_no_second_shape() -> None:
    """Other numbers and texts of the same lengths are read by the shape that one event taught."""
    read = learning()
    shapes = read.__globals__["SHAPES"]
    block = {"id": "7:1", "order": 3}
    first = {**EVENT, "block": block, "lsn": 5000, "snapshot": "true", "us": 1 << 50}
    assert read(WRITE(first)) == expected(first)
    for lsn, order, snapshot, us, op in [(8000, 7, "last", 5, "u"), (64, 8100, "fast", 1 << 60, "d")]:
        event = {**first, "lsn": lsn, "block": {"id": "8:9", "order": order}, "snapshot": snapshot, "us": us, "op": op}
        assert read(WRITE(event)) == expected(event)
    assert shapes.learned == 1


def test_learning_is_rationed() -> None:
    """A stream whose shape never repeats cannot make us compile a pattern for each frame, nor keep them all."""
    read = learning()
    shapes = read.__globals__["SHAPES"]
    for length in range(2 * FRAMES_BETWEEN):
        read(WRITE({**EVENT, "version": "v" * length}))
    assert shapes.learned <= SHAPES_AT_ONCE + 2
    assert len(shapes.kept) == SHAPES_KEPT

"""The native codec gives what the generated one gives, or gives up: it knows every sound value and takes no unsound one.

Planted breaks that were seen to fail here: no check of the end in `cursor.step`; any branch taken for the null of a nullable
type; a record written without counting its fields.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.avro import EncodeError, compile_reader, compile_writer, native, parse_schema
from connectors.avro.reader import generate_flat, generate_reader
from connectors.avro.writer import generate_writer
from connectors.facts import fact_value
from tests.connectors.avro_strategies import flat_paths, schema_and_value
from tests.connectors.test_avro_reader_equals_fastavro import encode

pytestmark = pytest.mark.usefixtures("native_codec")
HEAD = b"\0\0\0\0\7"
NONE: frozenset[str] = frozenset()


class GaveUp(BaseException):
    """Raised in the place of the generated code, past everything that catches errors."""


def give_up(*_: Any) -> Any:
    """In the place of the generated code."""
    raise GaveUp


def readers(schema: Any, paths: list[str]) -> list[tuple[Callable[..., Any], Callable[..., Any]]]:
    """(native reader that never asks the generated one, the generated one), whole and flat."""
    from connectors.avro.native.operations import native_flat_reader, native_reader

    node = parse_schema(schema)
    pairs = [(native_reader(node, True, NONE, True, give_up), generate_reader(node, True, NONE, True))]
    for whole in (True, False):
        flat = native_flat_reader(node, paths, NONE, whole, give_up)
        pairs.append((flat, generate_flat(node, paths, "", {}, NONE, whole)))
    return pairs


@given(st.data(), schema_and_value())
@settings(max_examples=150, deadline=None)
def test_sound_values_are_never_given_back(data: st.DataObject, pair: tuple[Any, Any]) -> None:
    """Whatever fits its schema is written and read natively from end to end, with the same bytes and values."""
    from connectors.avro.native.forms import native_writer

    schema, value = pair
    paths = data.draw(flat_paths(schema))
    node = parse_schema(schema)
    frame = native_writer(node, HEAD, NONE, give_up)(value)
    assert frame == generate_writer(node, HEAD, NONE)(value)
    for compiled, generated in readers(schema, paths):
        assert repr(compiled(frame)) == repr(generated(frame))


#: bytes to change (where, to what), where to cut, what to put behind
SPOILING = st.tuples(
    st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), max_size=2),
    st.none() | st.integers(0, 4095),
    st.binary(max_size=2),
)


def spoilt(frame: bytes, how: tuple[list[tuple[int, int]], int | None, bytes]) -> bytes:
    """The frame changed, cut and lengthened behind its head."""
    changes, cut, more = how
    body = bytearray(frame[len(HEAD) :])
    for place, byte in changes if body else ():
        body[place % len(body)] = byte
    return HEAD + bytes(body if cut is None or not body else body[: cut % len(body)]) + more


@given(st.data(), schema_and_value(2), st.lists(SPOILING, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_spoilt_frames_are_read_the_same_or_given_back(
    data: st.DataObject, pair: tuple[Any, Any], spoilings: list[Any]
) -> None:
    """A frame with other bytes, cut or lengthened: the native value is the generated one's, or there is none."""
    schema, value = pair
    paths = data.draw(flat_paths(schema))
    frame = generate_writer(parse_schema(schema), HEAD, NONE)(value)
    pairs = readers(schema, paths)
    for tried in [spoilt(frame, how) for how in spoilings]:
        for compiled, generated in pairs:
            try:
                found = compiled(tried)
            except GaveUp:
                continue
            assert repr(found) == repr(generated(tried))


RICH = {
    "type": "record", "name": "Rich", "fields": [
        {"name": "a", "type": ["null", "long"]}, {"name": "b", "type": ["string", "null"]}, {"name": "c", "type": "int"},
        {"name": "d", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}}, {"name": "e", "type": "boolean"},
        {"name": "f", "type": {"type": "array", "items": ["null", "bytes"]}},
        {"name": "g", "type": {"type": "map", "values": "double"}},
        {"name": "h", "type": ["null", "long", "string", {"type": "fixed", "name": "F", "size": 3}]},
        {"name": "i", "type": ["null", {"type": "record", "name": "In", "fields": [{"name": "x", "type": "float"}]}]},
    ],
}  # fmt: skip
EDGES = [*range(8), 63, 64, 127, 128, 129, 254, 255]


def test_every_byte_of_one_frame_may_be_wrong() -> None:
    """One frame with every kind of type: each byte replaced by each edge of numbers and branches, and each cut of it."""
    value = {
        "a": -70, "b": "\u00fcx", "c": 1 << 30, "d": "Y", "e": True, "f": [b"\0\1", None], "g": {"k": 1.5, "": -0.0},
        "h": b"abc", "i": {"x": 2.0},
    }  # fmt: skip
    pairs = readers(RICH, ["a", "b", "d", "i.x"])
    frame = encode(RICH, value)
    tried = [frame[:at] + bytes([byte]) + frame[at + 1 :] for at in range(len(HEAD), len(frame)) for byte in EDGES]
    tried += [frame[:at] for at in range(len(HEAD), len(frame))] + [frame + b"\0"]
    taken = 0
    for one in tried:
        for compiled, generated in pairs:
            try:
                found = compiled(one)
            except GaveUp:
                continue
            taken += 1
            assert repr(found) == repr(generated(one))
    assert taken > 100


#: values of wrong types among them
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["f0", "f1", "x"]), inner),
    max_leaves=5,
)


@given(st.data(), schema_and_value(2))
@settings(max_examples=150, deadline=None)
def test_odd_values_are_written_the_same_or_refused_the_same(data: st.DataObject, pair: tuple[Any, Any]) -> None:
    """A value with fields of other types, too many or too few gives the generated writer's bytes or its very error."""
    from connectors.avro.native.forms import native_writer

    schema, value = pair
    odd = dict(value)
    for name in data.draw(st.lists(st.sampled_from([*value, "unknown"]), max_size=2)):
        odd[name] = data.draw(ANYTHING)
    for name in data.draw(st.lists(st.sampled_from([*value, "unknown"]), max_size=1)):
        odd.pop(name, None)
    outcomes = []
    node = parse_schema(schema)
    generated = generate_writer(node, HEAD, NONE)
    for write in (generated, native_writer(node, HEAD, NONE, generated)):
        try:
            outcomes.append(repr(write(odd)))
        except EncodeError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("size", [0, 1, 2030, 2040, 2048, 2060, 70_000, 3_000_000])
def test_frames_of_any_size_are_written(size: int) -> None:
    """Text that ends before, at and behind the memory that a frame begins in."""
    from connectors.avro.native.forms import native_writer

    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "long"}]}
    node = parse_schema(schema)
    for text in ("x" * size, "\u00fc" * size):
        value = {"a": text, "b": size}
        frame = native_writer(node, HEAD, NONE, give_up)(value)
        assert frame == generate_writer(node, HEAD, NONE)(value)
        assert compile_reader(schema)(frame) == value


SIDES = st.one_of(st.text(max_size=5), st.sampled_from(["", "\ud800", "x" * 65_535, "x" * 65_536, "\u00fc" * 32_768]))
NUMBERS = st.one_of(st.integers(-(1 << 65), 1 << 65), st.sampled_from([0, (1 << 64) - 1, 1 << 63, -1, True, 1.0]))


@given(SIDES, SIDES, NUMBERS, NUMBERS, st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_facts_are_the_same_bytes(account: str, link: str, position: Any, time_ms: Any, frame: bytes) -> None:
    """A fact with the largest numbers and texts, and beyond them, is the same value or the same error."""
    from connectors.avro.native.facts import FactWriter

    outcomes = []
    for write in (fact_value, FactWriter(fact_value).write):
        try:
            outcomes.append(repr(write(account, link, position, time_ms, frame)))
        except (struct.error, UnicodeEncodeError) as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
    assert FactWriter(give_up).write("7", "\u00fc", 1 << 63, 5, frame) == fact_value("7", "\u00fc", 1 << 63, 5, frame)


def test_what_refers_to_itself_is_left_to_generated_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recursive type has no native program; it is read and written as before, however deep."""
    monkeypatch.setenv(native.SETTING, "1")
    schema = {
        "type": "record", "name": "L", "fields": [{"name": "v", "type": "long"}, {"name": "next", "type": ["null", "L"]}],
    }  # fmt: skip
    value: Any = None
    for number in range(50):
        value = {"v": number, "next": value}
    write = compile_writer(schema, HEAD)
    assert not hasattr(write, "__self__")
    assert compile_reader(schema)(write(value)) == value

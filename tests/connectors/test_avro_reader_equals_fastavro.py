"""Compiled readers give what fastavro gives, for any schema, value and projection, and refuse what is not whole."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.avro import DecodeError, UnknownPath, compile_reader
from connectors.avro.fallback import fallback_reader, project
from tests.connectors.avro_strategies import flat_paths, schema_and_value

pytestmark = pytest.mark.usefixtures("codec")

HEAD = b"\0\0\0\0\x07"


def encode(schema: Any, value: Any) -> bytes:
    """A Confluent frame written by fastavro."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), value)
    return HEAD + stream.getvalue()


def oracle(schema: Any, frame: bytes) -> Any:
    """The frame read by fastavro."""
    return fastavro.schemaless_reader(io.BytesIO(frame[5:]), fastavro.parse_schema(schema), None)


@given(schema_and_value())
@settings(max_examples=400, deadline=None)
def test_whole_values_equal_the_oracle(pair: tuple[Any, Any]) -> None:
    """A full read equals fastavro's, value by value."""
    schema, value = pair
    frame = encode(schema, value)
    assert compile_reader(schema)(frame) == oracle(schema, frame)


@given(st.data(), schema_and_value())
@settings(max_examples=400, deadline=None)
def test_projections_equal_the_cut_out_whole(data: st.DataObject, pair: tuple[Any, Any]) -> None:
    """A flat projection equals the same paths of the whole value, also when reading stops after the last of them."""
    schema, value = pair
    frame = encode(schema, value)
    paths = data.draw(flat_paths(schema))
    expected = project(oracle(schema, frame), paths)
    assert compile_reader(schema, paths)(frame) == expected
    assert compile_reader(schema, paths, whole=False)(frame) == expected
    assert fallback_reader(schema, paths, frozenset())(frame) == expected


@given(st.data(), schema_and_value())
@settings(max_examples=200, deadline=None)
def test_nested_projections_equal_the_cut_out_whole(data: st.DataObject, pair: tuple[Any, Any]) -> None:
    """A nested projection keeps the wanted fields as dictionaries and nothing else."""
    schema, value = pair
    frame = encode(schema, value)
    want: dict[str, Any] = {}
    for path in data.draw(flat_paths(schema)):
        level = want
        *parents, leaf = path.split(".")
        for name in parents:
            level = level.setdefault(name, {})
        level[leaf] = True
    assert compile_reader(schema, want)(frame) == project(oracle(schema, frame), want)


@given(st.data(), schema_and_value())
@settings(max_examples=200, deadline=None)
def test_short_and_long_buffers_are_refused(data: st.DataObject, pair: tuple[Any, Any]) -> None:
    """A frame cut anywhere or with a byte more is never read as a value: nothing is sliced short in silence."""
    schema, value = pair
    frame = encode(schema, value)
    read, peek = compile_reader(schema), compile_reader(schema, [])
    cut = data.draw(st.integers(5, max(5, len(frame) - 1)))
    for bad in ([frame[:cut]] if cut < len(frame) else []) + [frame + b"\0"]:
        for reader in (read, peek):
            with pytest.raises(DecodeError):
                reader(bad)


@given(st.data(), schema_and_value(2))
@settings(max_examples=300, deadline=None)
def test_spoilt_bytes_raise_nothing_else(data: st.DataObject, pair: tuple[Any, Any]) -> None:
    """Any change of the bytes gives DecodeError or the value that fastavro reads too; no other exception, no hang."""
    schema, value = pair
    frame = bytearray(encode(schema, value))
    if len(frame) == 5:
        return
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(5, len(frame) - 1))] = data.draw(st.integers(0, 255))
    spoilt = bytes(frame)
    try:
        got = compile_reader(schema)(spoilt)
    except DecodeError:
        return
    try:
        expected = oracle(schema, spoilt)
    except (EOFError, ValueError, IndexError, OverflowError):
        pytest.fail(f"read {got!r} where fastavro refuses")
    assert repr(got) == repr(expected)


def test_an_unknown_path_is_named() -> None:
    """A projection of a field that the schema lacks fails when compiled, naming the field."""
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}
    with pytest.raises(UnknownPath, match="'b'"):
        compile_reader(schema, ["b"])
    with pytest.raises(UnknownPath, match=r"'a.c'"):
        compile_reader(schema, ["a.c"])


def test_a_number_beyond_64_bits_is_refused() -> None:
    """A varint longer than its type is malformed, also where it would end in time."""
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}
    with pytest.raises(DecodeError, match="64 bits"):
        compile_reader(schema)(HEAD + b"\xff" * 9 + b"\x7f")
    narrow = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
    with pytest.raises(DecodeError, match="32 bits"):
        compile_reader(narrow)(HEAD + b"\xff" * 5 + b"\x01")


def test_an_array_of_nothing_cannot_hang_the_reader() -> None:
    """A block that announces more items than a buffer can hold is refused at once, even for items of no bytes."""
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]}
    with pytest.raises(DecodeError, match="more items than bytes"):
        compile_reader(schema)(HEAD + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\0")


def test_blocks_with_sizes_are_read() -> None:
    """Arrays in several blocks, with negative counts and byte sizes, as other writers make them."""
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "long"}}]}
    frame = HEAD + b"\x03\x04\x02\x04" + b"\x02\x06" + b"\x00"
    assert compile_reader(schema)(frame) == oracle(schema, frame) == {"a": [1, 2, 3]}
    assert compile_reader(schema, [])(frame) == ()

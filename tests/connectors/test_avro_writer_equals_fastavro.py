"""Compiled writers write the bytes that fastavro writes, and refuse a value that is not exactly of the schema."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings

from connectors.avro import EncodeError, compile_reader, compile_writer, frame_prefix
from connectors.avro.fallback import fallback_writer
from tests.connectors.avro_strategies import schema_and_value

pytestmark = pytest.mark.usefixtures("codec")

HEAD = frame_prefix(7)


@given(schema_and_value())
@settings(max_examples=400, deadline=None)
def test_bytes_equal_the_oracle(pair: tuple[Any, Any]) -> None:
    """The frame is the prefix and exactly fastavro's bytes, and reads back as the same value."""
    schema, value = pair
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), value)
    frame = compile_writer(schema, HEAD)(value)
    assert frame == HEAD + stream.getvalue() == fallback_writer(schema, frozenset(), HEAD)(value)
    assert compile_reader(schema)(frame) == value


def record(kind: Any, **more: Any) -> dict[str, Any]:
    """A record schema with the one field `a`."""
    return {"type": "record", "name": "R", "fields": [{"name": "a", "type": kind, **more}]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("long", 1 << 63),
        ("long", -(1 << 63) - 1),
        ("int", 1 << 31),
        ("long", 1.5),
        ("long", "1"),
        ("long", None),
        ("string", 5),
        ("string", b"x"),
        ("string", "\ud800"),
        ("bytes", "x"),
        ("bytes", [1, 2]),
        ("boolean", 1),
        ("double", "1.0"),
        (["null", "long"], "x"),
        (["null", "long", "string"], b"x"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "B"),
        ({"type": "fixed", "name": "F", "size": 2}, b"abc"),
        ({"type": "array", "items": "long"}, "12"),
        ({"type": "array", "items": "long"}, [None]),
        ({"type": "map", "values": "long"}, [("a", 1)]),
        ({"type": "map", "values": "long"}, {1: 1}),
    ],
)
def test_a_value_of_another_type_is_refused(kind: Any, value: Any) -> None:
    """Wrong types and numbers out of range raise EncodeError; nothing is coerced, cut or wrapped."""
    with pytest.raises(EncodeError):
        compile_writer(record(kind))({"a": value})


def test_a_decimal_never_becomes_a_float() -> None:
    """Money given to a floating point field is refused: it would be rounded."""
    from decimal import Decimal

    with pytest.raises(EncodeError):
        compile_writer(record("double"))({"a": Decimal("0.10")})


def test_missing_and_unknown_fields_are_named() -> None:
    """A record must have exactly the schema's fields: a missing one is filled only from a default, an extra one is refused."""
    with pytest.raises(EncodeError, match=r"missing fields \['a'\]"):
        compile_writer(record("long"))({})
    with pytest.raises(EncodeError, match=r"unknown fields \['b'\]"):
        compile_writer(record("long"))({"a": 1, "b": 2})
    with pytest.raises(EncodeError):
        compile_writer(record("long"))({"b": 1})
    assert compile_writer(record("long", default=5))({}) == b"\x0a"
    assert compile_writer(record(["null", "long"], default=None))({}) == b"\x00"
    assert compile_writer(record("bytes", default="\u00ff"))({}) == b"\x02\xff"


def test_an_explicit_null_is_not_replaced_by_the_default() -> None:
    """A null that was given is written as null; the default fills an absent field only."""
    write = compile_writer(record(["string", "null"], default="NET30"))
    read = compile_reader(record(["string", "null"], default="NET30"))
    values = [read(write(v), 0)["a"] for v in ({}, {"a": None}, {"a": "NET60"})]
    assert values == ["NET30", None, "NET60"]


def test_unions_of_several_types_choose_by_type() -> None:
    """The branch follows the Python type; a boolean is not a number."""
    schema = record(["null", "boolean", "long", "double", "string", "bytes", {"type": "array", "items": "string"}])
    for value in (None, True, 5, 1.5, "x", b"x", ["x"]):
        got = compile_reader(schema)(compile_writer(schema, HEAD)({"a": value}))["a"]
        assert (got, type(got)) == (value, type(value))


def test_unions_of_records_fall_back_to_fastavro() -> None:
    """What the generator does not know is still written and read."""
    first = {"type": "record", "name": "A", "fields": [{"name": "x", "type": "long"}]}
    second = {"type": "record", "name": "B", "fields": [{"name": "y", "type": "string"}]}
    schema = record([first, second])
    for value in ({"x": 1}, {"y": "one"}):
        assert compile_reader(schema)(compile_writer(schema, HEAD)({"a": value})) == {"a": value}

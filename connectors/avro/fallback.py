"""fastavro behind the same interface, for a schema that the generator does not know."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import fastavro

from connectors.avro.errors import DecodeError, EncodeError, UnsupportedSchema
from connectors.avro.schema import Node, Projection, parse_schema
from connectors.avro.values import decimal_of, is_variable_decimal, reading, writing


def fallback_reader(schema: Any, want: Projection, convert: frozenset[str]) -> Callable[..., Any]:
    """A reader with fastavro inside; same values, errors and bounds as a compiled one."""
    parsed = fastavro.parse_schema(strip_logical(schema))
    node = parse_schema(schema)

    def read(buf: bytes, p: int = 5) -> Any:
        """The wanted parts of the frame's value."""
        stream = io.BytesIO(buf)
        stream.seek(p)
        try:
            raw = fastavro.schemaless_reader(stream, parsed, None)
        except (EOFError, IndexError, ValueError, RecursionError) as error:
            raise DecodeError(f"The bytes are not a value of {node.name or node.kind}: {error}") from error
        if stream.tell() != len(buf):
            raise DecodeError(f"the value does not end with the buffer at byte {stream.tell()}")
        return project(from_raw(node, raw, convert), want)

    return read


def fallback_writer(schema: Any, convert: frozenset[str], prefix: bytes) -> Callable[[Any], bytes]:
    """A writer with fastavro inside."""
    parsed = fastavro.parse_schema(strip_logical(schema))
    node = parse_schema(schema)

    def write(value: Any) -> bytes:
        """`prefix` and the Avro bytes of the value."""
        stream = io.BytesIO()
        stream.write(prefix)
        try:
            fastavro.schemaless_writer(stream, parsed, to_raw(node, value, convert), strict=True)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise EncodeError(f"The value does not fit {node.name or node.kind}: {error}") from error
        return stream.getvalue()

    return write


def strip_logical(schema: Any) -> Any:
    """The schema without logical types: fastavro then leaves values raw, and we convert them ourselves."""
    if isinstance(schema, list):
        return [strip_logical(s) for s in schema]
    if isinstance(schema, dict):
        return {k: v if k == "default" else strip_logical(v) for k, v in schema.items() if k != "logicalType"}
    return schema


def from_raw(node: Node, value: Any, convert: frozenset[str]) -> Any:
    """Apply the wanted conversions to a decoded value."""
    if not convert or value is None:
        return value
    conversion = reading(node, convert)
    if conversion is not None:
        return conversion(value)
    if is_variable_decimal(node) and "decimal" in convert:
        return decimal_of(value["value"], value["scale"])
    return _walk(node, value, convert, from_raw)


def to_raw(node: Node, value: Any, convert: frozenset[str]) -> Any:
    """Undo the conversions before writing."""
    if not convert or value is None:
        return value
    conversion = writing(node, convert)
    if conversion is not None:
        return conversion(value)
    return _walk(node, value, convert, to_raw)


def _walk(node: Node, value: Any, convert: frozenset[str], step: Callable[[Node, Any, frozenset[str]], Any]) -> Any:
    if node.kind == "union":
        inner = node.nullable
        if inner is None and any(reading(b, convert) for b in node.branches):
            raise UnsupportedSchema("A logical type in a union of several types cannot be converted; read it raw.")
        return value if inner is None else step(inner, value, convert)
    if node.kind == "record":
        known = {f.name: f.node for f in node.fields}
        return {k: step(known[k], v, convert) if k in known else v for k, v in value.items()}
    if node.kind == "array" and node.items is not None:
        return [step(node.items, v, convert) for v in value]
    if node.kind == "map" and node.items is not None:
        return {k: step(node.items, v, convert) for k, v in value.items()}
    return value


def project(value: Any, want: Projection) -> Any:
    """The wanted parts of a whole decoded value."""
    if isinstance(want, Mapping):
        return None if value is None else {k: project(value[k], w) for k, w in want.items() if w}
    if isinstance(want, (list, tuple)):
        return tuple(_at(value, path) for path in want)
    return value


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        if value is None:
            return None
        value = value[name]
    return value

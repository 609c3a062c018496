"""Run-time tables and conversions that generated readers and writers use."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

from connectors.avro.errors import DecodeError, EncodeError, OutOfRange
from connectors.avro.schema import Node
from connectors.avro.times import time_reading, time_writing

#: Distance over a one-byte length and the bytes it announces; 0: the length is longer than a byte; odd lengths are
#: negative: so far that the next access fails.
STEP = tuple(((b >> 1) + 1 if not b & 1 else 1 << 40) if b < 128 else 0 for b in range(256))
#: Zigzag of one byte.
ZIGZAG = tuple((b >> 1) ^ -(b & 1) for b in range(128))
BOOLEAN = (False, True)

DECIMAL_PRECISION_MAX = 1000
_EXACT = Context(prec=DECIMAL_PRECISION_MAX, traps=[Inexact, InvalidOperation])
_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_VARIABLE_SCALE = "io.debezium.data.VariableScaleDecimal"
_CONNECT_DECIMAL = "org.apache.kafka.connect.data.Decimal"

#: What `convert` may name.
CONVERSIONS = frozenset({"decimal", "date", "timestamp-millis", "timestamp-micros", "uuid"})
#: and, instead of those of instants: "time", which brings the times of all precision modes to microseconds


def long_length(buf: bytes, p: int, end: int) -> tuple[int, int]:
    """(length, position behind it) of a length of two or more bytes. Raises DecodeError, IndexError."""
    n, shift = 0, 0
    while True:
        b = buf[p]
        p += 1
        n |= (b & 127) << shift
        if b < 128:
            break
        shift += 7
        if shift > 63:
            raise DecodeError(f"a length longer than 64 bits at byte {p}")
    if n & 1 or n >> 1 > end - p:
        raise DecodeError(f"length beyond the buffer at byte {p}")
    return n >> 1, p


def decimal_of(raw: bytes, scale: int) -> Decimal:
    """The exact decimal of two's-complement big-endian bytes; never rounded. Raises DecodeError beyond 1000 digits."""
    try:
        return Decimal(int.from_bytes(raw, "big", signed=True)).scaleb(-scale, _EXACT)
    except (Inexact, InvalidOperation) as error:
        raise DecodeError(
            f"A decimal of {len(raw)} bytes and scale {scale} is longer than {DECIMAL_PRECISION_MAX} digits."
        ) from error


def decimal_bytes(value: Decimal, scale: int) -> bytes:
    """Shortest two's-complement bytes of `value` at `scale`. Raises EncodeError if digits would be lost."""
    if not value.is_finite():
        raise EncodeError(f"{value} is not a finite decimal.")
    scaled = value.scaleb(scale, _EXACT)
    unscaled = int(scaled)
    if unscaled != scaled:
        raise EncodeError(f"{value} has more than {scale} decimal places; it is never rounded.")
    return unscaled.to_bytes((unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1, "big", signed=True)


def _variable_decimal(value: Decimal) -> dict[str, Any]:
    """A decimal with its own scale, as Debezium's record."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise EncodeError(f"{value} is not a finite decimal.")
    return {"scale": -exponent, "value": decimal_bytes(value, -exponent)}


def date_of(days: int) -> datetime.date:
    """The date of a day number since 1970-01-01. Raises OutOfRange (OUT_OF_RANGE_DATE) outside years 1 to 9999."""
    try:
        return datetime.date.fromordinal(days + _EPOCH_ORDINAL)
    except (ValueError, OverflowError) as error:
        raise OutOfRange("OUT_OF_RANGE_DATE", days) from error


def instant_of(micros: int) -> datetime.datetime:
    """The UTC instant of microseconds since 1970. Raises OutOfRange (OUT_OF_RANGE_TIMESTAMP) outside years 1 to 9999."""
    try:
        return _EPOCH + datetime.timedelta(microseconds=micros)
    except OverflowError as error:
        raise OutOfRange("OUT_OF_RANGE_TIMESTAMP", micros) from error


def _uuid_of(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise DecodeError(f"{text[:40]!r} is not a UUID.") from error


def decimal_scale(node: Node) -> int | None:
    """The scale of a decimal type: Avro's logicalType, or Connect's Decimal by name and parameter; else None."""
    if node.kind not in ("bytes", "fixed"):
        return None
    properties = node.properties
    if properties.get("logicalType") == "decimal":
        return int(properties.get("scale", 0))
    if properties.get("connect.name") == _CONNECT_DECIMAL:
        return int(properties.get("connect.parameters", {}).get("scale", 0))
    return None


def is_variable_decimal(node: Node) -> bool:
    """Whether the record is Debezium's number that brings its own scale (numeric without a declared scale)."""
    return node.kind == "record" and node.name == _VARIABLE_SCALE


def reading(node: Node, convert: frozenset[str]) -> Callable[[Any], Any] | None:
    """The conversion of a raw value of this node, or None where it stays raw."""
    scale = decimal_scale(node)
    if scale is not None:
        return (lambda raw: decimal_of(raw, scale)) if "decimal" in convert else None
    logical = node.properties.get("logicalType")
    if "time" in convert and node.kind in ("long", "string"):
        return time_reading(node.properties.get("connect.name"), logical)
    if logical not in convert:
        return None
    known: dict[tuple[str, str], Callable[[Any], Any]] = {
        ("int", "date"): date_of,
        ("long", "timestamp-millis"): lambda ms: instant_of(ms * 1000),
        ("long", "timestamp-micros"): instant_of,
        ("string", "uuid"): _uuid_of,
    }
    return known.get((node.kind, logical))


def writing(node: Node, convert: frozenset[str]) -> Callable[[Any], Any] | None:
    """The conversion of a value to the raw form that this node writes, or None where it is raw already."""
    if is_variable_decimal(node):
        return _variable_decimal if "decimal" in convert else None
    scale = decimal_scale(node)
    if scale is not None:
        if "decimal" not in convert:
            return None
        if node.kind == "fixed":
            size = node.size
            return lambda value: int.from_bytes(decimal_bytes(value, scale), "big", signed=True).to_bytes(
                size, "big", signed=True
            )
        return lambda value: decimal_bytes(value, scale)
    logical = node.properties.get("logicalType")
    if "time" in convert and node.kind in ("long", "string"):
        return time_writing(node.properties.get("connect.name"), logical)
    if logical not in convert:
        return None
    known: dict[tuple[str, str], Callable[[Any], Any]] = {
        ("int", "date"): lambda day: day.toordinal() - _EPOCH_ORDINAL,
        ("long", "timestamp-millis"): lambda at: (at - _EPOCH) // datetime.timedelta(milliseconds=1),
        ("long", "timestamp-micros"): lambda at: (at - _EPOCH) // datetime.timedelta(microseconds=1),
        ("string", "uuid"): str,
    }
    return known.get((node.kind, logical))

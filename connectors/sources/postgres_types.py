"""What Debezium's PostgreSQL connector makes of each column type, by the modes of its configuration.

Source: Debezium 3.7 documentation, "Data type mappings"; held against schemas recorded in tests/recorded/types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sources.catalogue import Column

_SIZED = re.compile(r"^(?P<name>[a-z_\" ]+?)(?:\((?P<size>\d+)(?:,(?P<scale>-?\d+))?\))?(?P<rest>(?: [a-z ]+)?)$")
#: types whose values are what people write: a number among them is one only by luck
CHARACTERS = frozenset(("character varying", "character", "text", "bpchar", "name", "citext", '"char"'))
_RANGES = ("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange")
_TEXTS = CHARACTERS | {"inet", "cidr", "macaddr", "macaddr8", *_RANGES}
_PLAIN = {"boolean": "boolean", "integer": "int", "bigint": "long", "oid": "long", "real": "float"} | {
    "double precision": "double"
}
_NAMED = {
    "uuid": "io.debezium.data.Uuid",
    "json": "io.debezium.data.Json",
    "jsonb": "io.debezium.data.Json",
    "hstore": "io.debezium.data.Json",
    "xml": "io.debezium.data.Xml",
    "ltree": "io.debezium.data.Ltree",
    "timestamp with time zone": "io.debezium.time.ZonedTimestamp",
    "time with time zone": "io.debezium.time.ZonedTime",
}
_DATES = {"connect": "org.apache.kafka.connect.data.Date", "isostring": "io.debezium.time.IsoDate"}
#: PostgreSQL type -> time mode -> (Avro type, name)
_TIMES: dict[str, dict[str, tuple[str, str]]] = {
    "timestamp without time zone": {
        "connect": ("long", "org.apache.kafka.connect.data.Timestamp"),
        "isostring": ("string", "io.debezium.time.IsoTimestamp"),
        "nanoseconds": ("long", "io.debezium.time.NanoTimestamp"),
        "milliseconds": ("long", "io.debezium.time.Timestamp"),
        "microseconds": ("long", "io.debezium.time.MicroTimestamp"),
    },
    "time without time zone": {
        "connect": ("int", "org.apache.kafka.connect.data.Time"),
        "isostring": ("string", "io.debezium.time.IsoTime"),
        "nanoseconds": ("long", "io.debezium.time.NanoTime"),
        "milliseconds": ("int", "io.debezium.time.Time"),
        "microseconds": ("long", "io.debezium.time.MicroTime"),
    },
}
_LOGICAL = {"Timestamp": "timestamp-millis", "Time": "time-millis", "Date": "date"}


@dataclass(frozen=True, slots=True)
class Modes:
    """The settings of a connector that decide how values are written; the defaults are the connector's."""

    decimal: str = "precise"
    time: str = "adaptive"
    interval: str = "numeric"
    binary: str = "bytes"

    @classmethod
    def of(cls, config: Mapping[str, str]) -> Modes:
        """Those of a connector.json."""
        return cls(
            config.get("decimal.handling.mode", "precise"),
            config.get("time.precision.mode", "adaptive"),
            config.get("interval.handling.mode", "numeric"),
            config.get("binary.handling.mode", "bytes"),
        )


def arrives(column: Column, modes: Modes) -> Any | None:
    """The Avro schema of the column's values, NULL aside; None for a type that is not known here."""
    if column.array:
        element = Column(column.name, column.type.removesuffix("[]"), True, labels=column.labels)
        inner = arrives(element, modes)
        return None if inner is None else {"type": "array", "items": ["null", inner]}
    if column.enum:
        return _named("string", "io.debezium.data.Enum") | {"connect.parameters": {"allowed": ",".join(column.labels)}}
    name, size, scale = plain_type(column.type)
    if name in _TEXTS:
        return "string"
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _NAMED:
        return _named("string", _NAMED[name])
    return _by_mode(name, size, scale, modes)


def plain_type(declared: str) -> tuple[str, int | None, int]:
    """(name, size, scale) of a type as the catalogue writes it: numeric(12,2) is ("numeric", 12, 2)."""
    match = _SIZED.match(declared)
    if match is None:
        return declared, None, 0
    return match["name"] + match["rest"], int(match["size"]) if match["size"] else None, int(match["scale"] or 0)


def _by_mode(name: str, size: int | None, scale: int, modes: Modes) -> Any | None:
    """Types whose form the connector's settings decide."""
    match name:
        case "smallint":
            return {"type": "int", "connect.type": "int16"}
        case "bit" | "bit varying":
            bits = _named("bytes", "io.debezium.data.Bits") | {"connect.parameters": {"length": str(size)}}
            return "boolean" if name == "bit" and size in (None, 1) else bits
        case "numeric" | "money":
            return _decimal(name, size, scale, modes.decimal)
        case "bytea":
            return "bytes" if modes.binary == "bytes" else "string"
        case "date":
            full = _DATES.get(modes.time, "io.debezium.time.Date")
            return _named("string" if modes.time == "isostring" else "int", full)
        case "interval":
            text = modes.interval == "string"
            return _named("string", "io.debezium.time.Interval") if text else _named("long", _DURATION)
        case "timestamp without time zone" | "time without time zone":
            return _named(*_TIMES[name][_precision(name, size, modes.time)])
    return None


_DURATION = "io.debezium.time.MicroDuration"


def _precision(name: str, size: int | None, mode: str) -> str:
    """The unit: in the adaptive modes it follows the digits of the column."""
    coarse = size is not None and size <= 3
    if mode == "adaptive" or (mode == "adaptive_time_microseconds" and name.startswith("timestamp")):
        return "milliseconds" if coarse else "microseconds"
    return mode if mode in _TIMES[name] else "microseconds"


def _decimal(name: str, size: int | None, scale: int, mode: str) -> Any:
    if mode in ("string", "double"):
        return mode
    if name == "numeric" and size is None:
        fields = [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}]
        record = {"type": "record", "name": "VariableScaleDecimal", "namespace": "io.debezium.data", "fields": fields}
        return record | {"connect.name": "io.debezium.data.VariableScaleDecimal"}
    digits = {"scale": scale if size else 2, "precision": size or 64, "logicalType": "decimal"}
    return _named("bytes", "org.apache.kafka.connect.data.Decimal") | digits


def _named(kind: str, name: str) -> dict[str, Any]:
    short = name.rpartition(".")[2]
    logical = {"logicalType": _LOGICAL[short]} if name.startswith("org.apache.kafka") and short in _LOGICAL else {}
    return {"type": kind, "connect.name": name, **logical}

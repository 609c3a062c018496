"""Which column types a kind of field can be made of: what the schema knows and the value alone does not say.

A date is a number of days, a time of day a number of microseconds: taken for an amount or an instant they would be
believed. So each table's mapping is held against every writer schema once, when it first turns up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.avro.schema import Node
from state.model import FieldSpec, Model

WRONG_COLUMN_TYPE = "WRONG_COLUMN_TYPE"

_DAYS = frozenset(("date",))
_MOMENTS = frozenset(("instant", "date"))
_NOTHING: frozenset[str] = frozenset()
#: name of the type (Debezium documentation, "Data type mappings") -> kinds of fields that a number or bytes of it can be
_KINDS: dict[str, frozenset[str]] = {
    "io.debezium.time.Date": _DAYS,
    "io.debezium.time.IsoDate": _DAYS,
    "org.apache.kafka.connect.data.Date": _DAYS,
    "io.debezium.time.Timestamp": _MOMENTS,
    "io.debezium.time.MicroTimestamp": _MOMENTS,
    "io.debezium.time.NanoTimestamp": _MOMENTS,
    "io.debezium.time.IsoTimestamp": _MOMENTS,
    "io.debezium.time.ZonedTimestamp": _MOMENTS,
    "org.apache.kafka.connect.data.Timestamp": _MOMENTS,
    "io.debezium.time.Time": _NOTHING,
    "io.debezium.time.MicroTime": _NOTHING,
    "io.debezium.time.NanoTime": _NOTHING,
    "io.debezium.time.IsoTime": _NOTHING,
    "io.debezium.time.ZonedTime": _NOTHING,
    "org.apache.kafka.connect.data.Time": _NOTHING,
    "io.debezium.time.MicroDuration": _NOTHING,
    "io.debezium.time.NanoDuration": _NOTHING,
    "io.debezium.time.Interval": _NOTHING,
    "io.debezium.data.Bits": _NOTHING,
}
_ZONED = frozenset(name for name, kinds in _KINDS.items() if kinds is _MOMENTS)
_WITH_ZONE = frozenset(("io.debezium.time.ZonedTimestamp",))
_TEXTS = frozenset(("text", "label"))


def fields_of(model: Model) -> dict[int, Sequence[FieldSpec | None]]:
    """Mapped fields per table."""
    return {table.index: table.object.fields for table in model.tables if table.object is not None}


def unfit(fields: Iterable[FieldSpec | None], image: Node) -> str | None:
    """Why a row of this image cannot be mapped, naming column, type and field; None if it can, as far as types tell."""
    types = {item.name: item.node.nullable or item.node for item in image.fields}
    for field in fields:
        node = types.get(field.column) if field else None
        if field is None or node is None:
            continue
        name = node.properties.get("connect.name", "")
        kinds = _KINDS.get(name)
        if kinds is None or (node.kind == "string" and field.kind in _TEXTS):
            continue
        if field.kind not in kinds:
            return f"column {field.column} is of type {name}, which cannot be field {field.name} of kind {field.kind}"
        if field.kind == "date" and name not in _ZONED and field.zone is not None:
            return f"column {field.column} is a day already ({name}), so field {field.name} has no `zone`"
        if field.kind == "date" and name not in _ZONED and field.clock is not None:
            return f"column {field.column} is a day already ({name}), so field {field.name} has no `clock`"
        if field.kind == "date" and name in _ZONED and field.clock is not None and name in _WITH_ZONE:
            return f"column {field.column} has a zone of its own ({name}), so field {field.name} has no `clock`"
        if field.kind == "date" and name in _ZONED and field.zone is None and field.clock is None:
            clock = "" if name in _WITH_ZONE else ", or the `clock` that the column shows"
            return (
                f"column {field.column} is a moment ({name}) and field {field.name} a day: give the field the `zone` "
                f"whose day is meant{clock}"
            )
    return None

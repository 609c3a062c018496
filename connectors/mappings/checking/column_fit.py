"""Can a column be this field? A value of the column's type is written, read and mapped by the very code that rows take.

So the answer, and its code, is that of the first row; docs/types.md lists it for each type.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connectors.avro import compile_reader, compile_writer
from connectors.avro.schema import Node, parse_schema
from connectors.capturing.column_types import WRONG_COLUMN_TYPE, unfit
from connectors.sources.catalogue import Column
from connectors.sources.postgres_types import CHARACTERS, plain_type
from state.mapping.mapper import compile_mapper
from state.model import FieldSpec
from state.roles import INEXACT_INTERVAL
from state.values import BadValue

_CONVERT = frozenset({"decimal", "time"})
_DAYS, _MILLISECONDS = 20_512, 1_767_323_045_123
#: last word of the type's name -> a value of it
_NUMBERS = {
    "Date": _DAYS,
    "Timestamp": _MILLISECONDS,
    "MicroTimestamp": _MILLISECONDS * 1000,
    "NanoTimestamp": _MILLISECONDS * 1_000_000,
}
_TEXTS = {
    "IsoDate": "2026-02-28Z",
    "IsoTimestamp": "2026-01-02T03:04:05.123456Z",
    "ZonedTimestamp": "2026-03-29T00:30:00.123456Z",
    "IsoTime": "23:59:59.123456Z",
    "ZonedTime": "06:30:00Z",
    "Interval": "P1Y2M3DT0H0M0S",
}


def sample(node: Node, column: Column | None) -> Any:
    """A value as the connector writes it; of a plain text, one of the column's declared type, None if that is not known."""
    name = node.properties.get("connect.name", node.name).rpartition(".")[2]
    match node.kind:
        case "array":
            return []
        case "record":
            return {"scale": 1, "value": b"\x7d"} if name == "VariableScaleDecimal" else None
        case "bytes":
            return b"\x15" if name == "Bits" else b"\x04\xe2"
        case "float" | "double":
            return 2.5
        case "boolean":
            return True
        case "int" | "long":
            return _NUMBERS.get(name, 7)
        case "string" if name:
            return _TEXTS.get(name, "a")
        case "string" if column is not None:
            return _text(column)
    return None


def _text(column: Column) -> str | None:
    """A text of a type that comes as plain text. What people write may be anything: nothing can be said of it."""
    name, _, scale = plain_type(column.type)
    if name in ("numeric", "money"):
        return "12.5" if scale or column.type in ("numeric", "money") else "12"
    return None if name in CHARACTERS else "a"


def refusal(schema: Any, column: Column | None, field: FieldSpec) -> tuple[str, str] | None:
    """(code, reason) for which each row would be parked, None if the field can be made of the column's values.

    `schema`: the Avro schema of the column's values, NULL aside. `column`: its declaration, where that is known.
    """
    image = {"type": "record", "name": "Row", "fields": [{"name": field.column, "type": schema}]}
    node = parse_schema(image)
    if reason := unfit((field,), node):
        return WRONG_COLUMN_TYPE, reason
    inner = node.fields[0].node
    value = sample(inner.nullable or inner, column)
    if value is None:
        return None
    row = compile_reader(image, convert=_CONVERT)(compile_writer(image, b"12345")({field.column: value}))
    if field.zone is not None and field.zone.column is not None:
        row = {field.zone.column: "UTC"} | row
    try:
        compile_mapper("probe", (replace(field, plus=None),))(row, 1, 1)
    except BadValue as error:
        return error.code, f"column {field.column} cannot be field {field.name} of kind {field.kind}: {error.reason}"
    return None


def term_refusal(schema: Any, column: str, field: str) -> tuple[str, str] | None:
    """(code, reason) if the column cannot be the term that `plus` adds."""
    parsed = parse_schema(schema)
    node = parsed.nullable or parsed
    name = node.properties.get("connect.name", "")
    if node.kind == "string" and name in ("", "io.debezium.time.Interval"):
        return None
    return (
        INEXACT_INTERVAL,
        f"column {column}, the term of field {field}, comes as {name or node.kind}, no calendar term",
    )

"""The canonical text of a key or link column, as generated code: one text per value, whatever its Avro type."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connectors.avro.cell import Cell
from connectors.avro.errors import UnsupportedSchema
from connectors.avro.schema import Node
from connectors.avro.values import decimal_scale, is_variable_decimal

#: Between the columns of a key.
SEPARATOR = "\x1f"
#: A null column inside a key; no PostgreSQL text holds this character.
NULL = "\x00"


def decimal_text(value: Decimal) -> str:
    """Plain digits without trailing zeros: 5, 5.0 and 5.00 are one key."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def boolean_text(value: bool) -> str:
    """true or false."""
    return "true" if value else "false"


def json_text(value: Any) -> str:
    """Arrays and maps: compact JSON with sorted keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


#: per kind, how generated code and others make the text; None where the value is the text
_TEXTS: dict[str, tuple[str, Callable[[Any], str]] | None] = {
    "string": None, "enum": None, "int": ("str", str), "long": ("str", str), "boolean": ("boolean_text", boolean_text),
    "bytes": ("bytes.hex", bytes.hex), "fixed": ("bytes.hex", bytes.hex), "float": ("repr", repr), "double": ("repr", repr),
    "array": ("json_text", json_text), "map": ("json_text", json_text), "decimal": ("decimal_text", decimal_text),
}  # fmt: skip

FUNCTIONS: dict[str, Any] = {
    "decimal_text": decimal_text,
    "boolean_text": boolean_text,
    "json_text": json_text,
    "NULL": NULL,
    "SEPARATOR": SEPARATOR,
}


def _making(node: Node) -> tuple[str, Callable[[Any], str]] | None:
    kind = "decimal" if decimal_scale(node) is not None or is_variable_decimal(node) else node.kind
    if kind not in _TEXTS:
        raise UnsupportedSchema(f"A column of type {node.kind} cannot be part of a key.")
    return _TEXTS[kind]


def text_expression(node: Node, variable: str, null: str) -> str:
    """Source text of the expression that gives the column's text; `null` is the one for a null column.

    Decimals must have been read with the conversion "decimal".
    """
    inner = node.nullable
    if inner is not None:
        return f"({text_expression(inner, variable, null)} if {variable} is not None else {null})"
    made = _making(node)
    return variable if made is None else f"{made[0]}({variable})"


def text_cell(node: Node, slot: int) -> Cell:
    """The same text as a value of a flat row."""
    inner = node.nullable or node
    made = _making(inner)
    if inner.kind in ("int", "long") and made is not None:
        return Cell(slot, as_text=True)
    return Cell(slot, convert=None if made is None else made[1])

"""The canonical text of a key or link column, as generated code: one text per value, whatever its Avro type."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

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


FUNCTIONS: dict[str, Any] = {
    "decimal_text": decimal_text,
    "boolean_text": boolean_text,
    "json_text": json_text,
    "NULL": NULL,
    "SEPARATOR": SEPARATOR,
}


def text_expression(node: Node, variable: str, null: str) -> str:
    """Source text of the expression that gives the column's text; `null` is the one for a null column.

    Decimals must have been read with the conversion "decimal".
    """
    inner = node.nullable
    if inner is not None:
        return f"({text_expression(inner, variable, null)} if {variable} is not None else {null})"
    if decimal_scale(node) is not None or is_variable_decimal(node):
        return f"decimal_text({variable})"
    match node.kind:
        case "string" | "enum":
            return variable
        case "int" | "long":
            return f"str({variable})"
        case "boolean":
            return f"boolean_text({variable})"
        case "bytes" | "fixed":
            return f"{variable}.hex()"
        case "float" | "double":
            return f"repr({variable})"
        case "array" | "map":
            return f"json_text({variable})"
    raise UnsupportedSchema(f"A column of type {node.kind} cannot be part of a key.")

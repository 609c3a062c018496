"""Desired fields are exact text; this turns them into JSON for a target and back, and compares them by type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.targets.description import FieldType
from connectors.targets.protocol import Misconfigured


def to_json(text: str, kind: FieldType) -> Any:
    """The JSON value that a target is sent: money stays decimal text, never a float."""
    if kind.type == "boolean":
        if text not in ("true", "false"):
            raise Misconfigured("BAD_DESIRED", f"{text!r} is not true or false. Next step: check the rule's mapping")
        return text == "true"
    if kind.type == "lines":
        return json.loads(text)
    return text


def to_text(value: Any, kind: FieldType) -> str:
    """The exact text of a JSON value that a target shows; a number must have been read without a float."""
    if kind.type == "boolean":
        return "true" if value is True else "false" if value is False else str(value)
    if kind.type == "lines":
        return json.dumps(value, sort_keys=True, default=str)
    return "" if value is None else str(value)


def _number(value: Any) -> Decimal | str:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return str(value)


def _lines(text: str, kind: FieldType) -> list[list[tuple[str, str]]]:
    """Lines in an order of their own: each line's items, amounts in their shortest exact form."""
    found = []
    for line in json.loads(text or "[]"):
        items: Mapping[str, Any] = line
        pairs = []
        for name, value in sorted(items.items()):
            number = _number(value) if name in kind.amounts else value
            pairs.append((name, f"{number.normalize():f}" if isinstance(number, Decimal) else str(number)))
        found.append(pairs)
    return sorted(found)


def equal(one: str, other: str, kind: FieldType) -> bool:
    """Whether two texts mean the same: 5 = 5.00, lines in any order; text must be identical."""
    if kind.type == "decimal":
        return _number(one) == _number(other)
    if kind.type == "lines":
        return _lines(one, kind) == _lines(other, kind)
    return one == other

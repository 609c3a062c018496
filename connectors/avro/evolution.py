"""Our own rule of evolution: precision, scale and unit of a field never change.

Avro's compatibility check calls decimal(10,2) -> decimal(10,4) compatible, and a reader then returns the wrong number;
a timestamp that goes from milliseconds to microseconds is the same trap. So both are refused before registration.
"""

from __future__ import annotations

from typing import Any

from connectors.avro.schema import MISSING, Node, parse_schema

#: Attributes of a type or field that carry the meaning of its number.
MEANING = ("logicalType", "precision", "scale", "unit", "currency", "connect.name")
_PARAMETERS = ("scale", "connect.decimal.precision")


def forbidden_changes(older: Any, newer: Any) -> list[str]:
    """One sentence per field whose precision, scale or unit differs between two schemas (JSON values).

    Fields are matched by their path; a field that only one of them has is the registry's business. Raises SchemaError.
    """
    before, after = meanings(older), meanings(newer)
    found = []
    for path, old in before.items():
        new = after.get(path)
        if new is None:
            continue
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                found.append(f"{path}: {name} changes from {old.get(name)!r} to {new.get(name)!r}")
    return found


def meanings(schema: Any) -> dict[str, dict[str, Any]]:
    """{path: meaning attributes} of every typed leaf and field."""
    out: dict[str, dict[str, Any]] = {}
    _walk(parse_schema(schema), "", out, ())
    return out


def _walk(node: Node, path: str, out: dict[str, dict[str, Any]], above: tuple[Node, ...]) -> None:
    if node in above:
        return
    inside = (*above, node)
    if node.kind == "record":
        for item in node.fields:
            place = f"{path}.{item.name}" if path else item.name
            _note(out, place, item.properties)
            _walk(item.node, place, out, inside)
    elif node.kind == "union":
        for branch in node.branches:
            _walk(branch, path, out, inside)
    elif node.items is not None:
        _note(out, path, node.properties)
        _walk(node.items, path + ("[]" if node.kind == "array" else "{}"), out, inside)
    elif node.kind != "null":
        _note(out, path, node.properties)


def _note(out: dict[str, dict[str, Any]], path: str, properties: dict[str, Any]) -> None:
    known = out.setdefault(path, {})
    for name in MEANING:
        value = properties.get(name, MISSING)
        if value is not MISSING:
            known[name] = value
    parameters = properties.get("connect.parameters") or {}
    for name in _PARAMETERS:
        if name in parameters:
            known[f"connect.parameters.{name}"] = parameters[name]

"""The compact program of a native writer: a tree of forms made from a schema's nodes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from connectors.avro.errors import UnsupportedSchema
from connectors.avro.native import writer
from connectors.avro.pieces import default_value, varint
from connectors.avro.schema import MISSING, Node
from connectors.avro.values import writing


def native_writer(
    node: Node, prefix: bytes, convert: frozenset[str], again: Callable[[Any], bytes]
) -> Callable[[Any], bytes]:
    """A native writer; `again` is asked for what it gives up on. Raises UnsupportedSchema."""
    return writer.Writer(_form(node, convert), prefix, again).write


def _form(node: Node, convert: frozenset[str]) -> writer.Form:
    if node.kind == "union":
        inner = node.nullable
        if inner is None or inner.kind == "union":
            raise UnsupportedSchema("A union of several types is written by generated code.")
        index = node.branches.index(inner)
        return _plain(inner, convert, null_tag=2 - 2 * index, tag=2 * index)
    return _plain(node, convert)


def _plain(node: Node, convert: frozenset[str], null_tag: int = -1, tag: int = -1) -> writer.Form:
    if node.recursive or node.kind not in writer.KINDS:
        raise UnsupportedSchema(f"A {node.kind} like {node.name!r} is written by generated code.")
    inside = [item.node for item in node.fields] if node.items is None else [node.items]
    return writer.Form(
        writer.KINDS[node.kind],
        null_tag=null_tag,
        tag=tag,
        size=node.size,
        names=tuple(sys.intern(item.name) for item in node.fields),
        defaults=tuple(
            MISSING if item.default is MISSING else default_value(item.node, item.default) for item in node.fields
        ),
        parts=tuple(_form(part, convert) for part in inside),
        symbols={symbol: varint(index << 1).encode("latin-1") for index, symbol in enumerate(node.symbols)},
        convert=writing(node, convert),
        missing=MISSING,
    )

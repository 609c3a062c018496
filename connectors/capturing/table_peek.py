"""Peek's readers of one table: key text by key schema, row tuple (`state/row.py`) by value schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

from connectors.avro import DecodeError, native
from connectors.avro.cell import Cell
from connectors.avro.errors import UnsupportedSchema
from connectors.avro.reader import Learned, compile_flat, compile_learning, generate_flat
from connectors.avro.schema import Node, parse_schema
from connectors.avro.text import FUNCTIONS, NULL, SEPARATOR, text_cell, text_expression
from connectors.capturing.frames import (
    MALFORMED_FRAME,
    MISSING_COLUMN,
    MISSING_KEY,
    NOT_AN_ENVELOPE,
    PARTITION_TRUNCATED,
    BadFrameError,
    Compiled,
    Schemas,
)
from connectors.capturing.links import link_cells, link_reader
from connectors.capturing.positions import ROW_PATHS, of_row, packed
from state.model import TableSpec
from state.row import FIELDS, KEY, LSN, OP, ORDER, SNAPSHOT, TS_MS, TXID, Row

_DECIMAL = frozenset({"decimal"})
_ENVELOPE = ("op", "before", "after", "source.ts_ms")
#: a truncate is told apart from a tombstone
TRUNCATE = "T"
#: what is wanted of every event; source.snapshot is '' for a streamed row
_WANTED = {
    "op": Learned({"t": TRUNCATE}),
    "source.ts_ms": Learned(),
    "source.snapshot": Learned({"false": ""}),
    "source.txId": Learned(repeating=True),
    "source.lsn": Learned(),
    "source.commit_lsn": Learned(),
    "source.change_lsn": Learned(),
    "transaction.total_order": Learned(repeating=True),
}
#: where they go, natively; the two numbers of a row besides
_PLACES = {"op": OP, "source.ts_ms": TS_MS, "source.snapshot": SNAPSHOT, "transaction.total_order": ORDER}
_FUNCTIONS = {**FUNCTIONS, "packed": packed}


class TablePeek:
    """The compiled readers of one table: key text by key schema, row tuple by value schema."""

    def __init__(self, schemas: Schemas, table: TableSpec, position: str) -> None:
        self._position = position
        self.index = table.index
        self._key = table.key
        self._table = table
        self._ignored = table.ignore is not None
        self._keys = Compiled(schemas, self._key_reader)
        self._values = Compiled(schemas, self._value_reader)
        self._image_keys = Compiled(schemas, self._image_key_reader)
        #: what the hot loop looks up: compiled readers by the first five bytes
        self.keys = self._keys.known
        self.values = self._values.known

    def row(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> Row:
        """The row tuple, every doubt looked into. Raises BadFrameError, RegistryUnavailable."""
        if value is None:
            return (self.index, "t", self._key_text(key, None), 0, 0, 0, None, partition, offset, b"", "", 0)
        reader = self.values.get(value[:5]) or self._values.reader(value)
        try:
            row: Row = reader(value, partition, offset, "")
        except DecodeError as error:
            raise BadFrameError(MALFORMED_FRAME, str(error)) from error
        if row[OP] == TRUNCATE and self._table.rows_of is not None:
            raise BadFrameError(
                PARTITION_TRUNCATED, f"{self._table.name} is one of several partitions; which rows it held is not known"
            )
        text = "" if row[OP] == TRUNCATE else self._key_text(key, value)
        return cast("Row", (*row[:KEY], text, *row[KEY + 1 :]))

    def _key_text(self, key: bytes | None, value: bytes | None) -> str:
        text: str | None = None
        if key:
            text = self._keys.read(key)
        if text is None and value is not None and self._key:
            text = self._image_keys.read(value)
        if text is None and self._ignored:
            return ""
        if text is None:
            raise BadFrameError(
                MISSING_KEY, "the record has no key, and the row image does not hold the key columns of the mapping"
            )
        return text

    def _value_reader(self, schema: Any) -> Callable[..., Any]:
        node = parse_schema(schema)
        lacking = [p for p in _ENVELOPE if not node.has(p)]
        if lacking:
            raise BadFrameError(NOT_AN_ENVELOPE, f"a value of {node.name or node.kind} has no {', '.join(lacking)}")
        own = ROW_PATHS[self._position]
        others = {path for paths in ROW_PATHS.values() for path in paths} - set(own)
        paths = {path: how for path, how in _WANTED.items() if path not in others and node.has(path)}
        slot = {path: f"r{i}" for i, path in enumerate(paths)}
        link, link_paths = link_reader(node, self._table, len(paths))
        paths |= dict.fromkeys(link_paths, Learned())
        numbers = of_row(self._position, *(slot.get(path, "0") for path in own))
        order = slot.get("transaction.total_order", "0")
        snapshot = slot.get("source.snapshot", "''")
        result = f"({self.index}, r0, key, {numbers[0]}, {numbers[1]}, {order}, {link}, partition, offset, buf, {snapshot}, r1)"
        parameters = "buf, partition, offset, key, p=5"
        generated = compile_learning(node, paths, "source", result, parameters, _FUNCTIONS, _DECIMAL)
        return self._native_value_reader(node, slot, own, generated) if native.runs() else generated

    def _native_value_reader(
        self, node: Node, wanted: Iterable[str], own: tuple[str, str], generated: Callable[..., Any]
    ) -> Callable[..., Any]:
        """The same rows natively, for a schema that is as Debezium's are; `generated` for another."""
        from connectors.avro.native.operations import native_row_reader

        tail = {f.name for f in node.fields[[f.name for f in node.fields].index("source") :]}
        packing = packed if self._position == "sqlserver" else None
        texts = {"op", "source.snapshot"} | (set(own) if packing else set())
        cells, places = {}, _PLACES | {own[0]: TXID, own[1]: LSN}
        for path in wanted:
            found = node.find(path)
            kind = (found.nullable or found).kind
            if path.split(".")[0] not in tail or kind != ("string" if path in texts else "long"):
                return generated
            mapping = _WANTED[path].mapping or None
            cells[path] = Cell(places[path], packing if path in own else None, memo=True, mapping=mapping)
        columns, link = link_cells(node, self._table, FIELDS)
        template = (self.index, "", "", 0, 0, 0, link, 0, 0, b"", "", 0)
        beyond = (NULL,) * (len(columns) if len(columns) > 1 else 0)
        with suppress(UnsupportedSchema):
            return native_row_reader(node, cells | columns, template + beyond, SEPARATOR, _DECIMAL, generated)
        return generated

    def _key_reader(self, schema: Any) -> Callable[..., Any]:
        """Declared columns in their order if the Kafka key has them all, else None (the image is asked)."""
        node = parse_schema(schema)
        if self._key and not all(node.has(c) for c in self._key):
            return lambda frame: None
        columns = self._key or tuple(f.name for f in node.fields)
        return _text_reader(node, columns, columns)

    def _image_key_reader(self, schema: Any) -> Callable[..., Any]:
        node = parse_schema(schema)
        for image in ("after", "before"):
            lacking = [c for c in self._key if not node.has(f"{image}.{c}")]
            if lacking:
                raise BadFrameError(MISSING_COLUMN, f"{node.name} has no key columns {lacking} of the mapping")
        readers = [_text_reader(node, tuple(f"{i}.{c}" for c in self._key), (i,)) for i in ("after", "before")]
        return lambda frame: next((t for t in (read(frame) for read in readers) if t is not None), None)


def _text_reader(node: Node, paths: tuple[str, ...], present: tuple[str, ...]) -> Callable[..., Any]:
    """A reader of the key text of some columns; None where the image that holds them is null."""
    texts = [text_expression(node.find(path), f"r{i}", "NULL") for i, path in enumerate(paths)]
    result = "SEPARATOR.join((" + ", ".join(texts) + "))" if len(texts) != 1 else texts[0]
    if present != paths:  # columns of an image: the first column tells whether there is one
        result = f"{result} if r0 is not None else None"
        return compile_flat(node, paths, result, FUNCTIONS, _DECIMAL)
    generated = generate_flat(node, paths, result, FUNCTIONS, _DECIMAL, whole=True)
    if native.runs():
        from connectors.avro.native.operations import native_text_reader

        cells = {path: text_cell(node.find(path), i) for i, path in enumerate(paths)}
        with suppress(UnsupportedSchema):
            return native_text_reader(node, cells, NULL, SEPARATOR, _DECIMAL, generated)
    return generated

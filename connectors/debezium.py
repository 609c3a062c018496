"""Peek: the least that alignment and identity need of each captured record; the payload stays bytes.

The hottest loop of the product, so readers are compiled per writer schema and per table and give the row tuple
directly (`state/row.py`). A record that cannot be read is set aside with a stable code and never stops the others:

MALFORMED_FRAME    empty, truncated or over-long value, or not a Confluent frame
UNKNOWN_SCHEMA_ID  the registry has no schema of that id
MISSING_KEY        no Kafka key, and the row holds none of the declared key columns either
MISSING_COLUMN     the mapping names a column that the row's schema lacks
NOT_AN_ENVELOPE    valid Avro, but no Debezium change event, transaction boundary or notification
PARTITION_TRUNCATED  TRUNCATE of one partition of a table
UNMAPPED_RECORD_TYPE a record type on a topic of several that the mapping does not name
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from connectors.avro import DecodeError
from connectors.avro.reader import Learned, compile_flat, compile_learning
from connectors.avro.schema import Node, parse_schema
from connectors.avro.text import FUNCTIONS, text_expression
from connectors.boundary import Boundaries
from connectors.envelope import Decoder, LastCommit
from connectors.frames import (
    MALFORMED_FRAME,
    MISSING_COLUMN,
    MISSING_KEY,
    NOT_AN_ENVELOPE,
    PARTITION_TRUNCATED,
    BadFrameError,
    Compiled,
    Schemas,
)
from connectors.links import link_reader
from connectors.positions import ROW_PATHS, of_row, packed
from connectors.shared_topic import by_topic
from state.model import Model, TableSpec
from state.row import KEY, OP, BadFrame, End, Notice, Row
from state.step import Batch

__all__ = ["BadFrameError", "Decoder", "LastCommit", "Peek"]

_DECIMAL = frozenset({"decimal"})
_end_of: Any = tuple.__new__  # a NamedTuple without its constructor: one call in a hot loop
_BEGIN = b"\x0aBEGIN"
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
_FUNCTIONS = {**FUNCTIONS, "packed": packed}


class Message(Protocol):
    """What is asked of a consumed record; confluent_kafka.Message has it."""

    def topic(self) -> str | None:
        """Topic name."""

    def partition(self) -> int | None:
        """Partition number."""

    def offset(self) -> int | None:
        """Offset in the partition."""

    def key(self) -> bytes | None:
        """Key bytes."""

    def value(self) -> bytes | None:
        """Value bytes; None is a tombstone."""

    def timestamp(self) -> tuple[int, int]:
        """Kind of the timestamp, and when the record was written, ms."""


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
        return compile_learning(node, paths, "source", result, "buf, partition, offset, key, p=5", _FUNCTIONS, _DECIMAL)

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
    return compile_flat(node, paths, result, constants=FUNCTIONS, convert=_DECIMAL)


class Peek:
    """Turns polled records into rows, transaction ENDs, snapshot notices and bad frames."""

    def __init__(self, schemas: Schemas, model: Model) -> None:
        self.decoder = Decoder(schemas)
        positions = {s.name: s.position for s in model.sources}
        self._by_index = {t.index: TablePeek(schemas, t, positions[t.source]) for t in model.tables}
        self._tables = by_topic(schemas, model.tables, self._by_index)
        self._transactions = {s.transaction_topic: i for i, s in enumerate(model.sources)}
        self._boundaries = [Boundaries(schemas, s.position) for s in model.sources]
        self._begins: set[bytes] = set()
        self._notifications = {s.notification_topic: i for i, s in enumerate(model.sources)}

    def peek(self, table: int, key: bytes | None, value: bytes | None, partition: int = 0, offset: int = 0) -> Row:
        """One record of a table as a row. Raises BadFrameError, RegistryUnavailable."""
        return self._by_index[table].row(partition, offset, key, value)

    def batch(self, messages: Iterable[Message], ends: Iterable[Message] = ()) -> Batch:
        """Everything that one poll brought; `ends` mark partitions that are read to their end. Raises RegistryUnavailable."""
        reached = [(t.index, m.partition() or 0) for m in ends if (t := self._tables.get(m.topic() or "")) is not None]
        batch = Batch([], [], [], [], reached)
        append, tables = batch.rows.append, self._tables
        for message in messages:
            topic = message.topic()
            table = tables.get(topic)  # type: ignore[arg-type]  # a polled message has a topic
            if table is None:
                self._event(topic or "", message, batch)
                continue
            key, value = message.key(), message.value()
            try:
                text = table.keys[key[:5]](key)  # type: ignore[index]  # None goes the careful way
                row = table.values[value[:5]](value, message.partition(), message.offset(), text)  # type: ignore[index]  # so does a tombstone
                if text is None or row[OP] == TRUNCATE:
                    raise KeyError
                append(row)
            except (KeyError, TypeError, DecodeError):
                try:
                    append(table.row(message.partition() or 0, message.offset() or 0, key, value))
                except BadFrameError as error:
                    batch.bad.append(_bad(table.index, message, error))
        return batch

    def _event(self, topic: str, message: Message, batch: Batch) -> None:
        """A record of a transaction or notification topic; others are not ours."""
        value, offset = message.value(), message.offset() or 0
        source = self._transactions.get(topic)
        try:
            if source is not None:
                batch.ends.append((source, self._end(source, value, offset)))
            elif (source := self._notifications.get(topic)) is not None:
                notice = None if value is None else self.decoder.notification(value)
                batch.notices.append((source, notice or Notice("OTHER", "", 0), offset))
        except BadFrameError as error:
            batch.bad.append(_bad(-1 - (source or 0), message, error))

    def _end(self, source: int, value: bytes | None, offset: int) -> End | int:
        if value is None or (value[:5] in self._begins and value.startswith(_BEGIN, 5)):
            return offset
        boundary = self._boundaries[source].read(value)
        if boundary[0] == "END":
            end: End = _end_of(End, (*boundary[1:], offset))
            return end
        if value.startswith(_BEGIN, 5):  # status is the schema's first field: from now on BEGIN is told by its bytes
            self._begins.add(value[:5])
        return offset


def _bad(table: int, message: Message, error: BadFrameError) -> BadFrame:
    return BadFrame(
        table, message.topic() or "", message.partition() or 0, message.offset() or 0, message.key() or b"",
        message.value() or b"", error.code, error.reason, message.timestamp()[1],
    )  # fmt: skip

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
from functools import partial
from typing import Any, Protocol

from connectors.avro import DecodeError, native
from connectors.capturing.boundary import Boundaries
from connectors.capturing.envelope import Decoder, LastCommit
from connectors.capturing.frames import BadFrameError, Schemas
from connectors.capturing.shared_topic import RowReader, by_topic
from connectors.capturing.table_peek import TRUNCATE, TablePeek
from state.model import Model
from state.row import OP, BadFrame, End, Notice, Row, of_values
from state.step import Batch

__all__ = ["BadFrameError", "Decoder", "LastCommit", "Peek"]

_BEGIN = b"\x0aBEGIN"


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
        self._rows = self._native_rows(model) if native.runs() else self._read_rows

    def _native_rows(self, model: Model) -> Callable[..., None]:
        """The hottest loop natively."""
        from connectors.avro.native.boundary import BoundaryLane
        from connectors.avro.native.peeking import Lane, peek_rows

        lanes: dict[str, Lane | BoundaryLane] = {
            source.transaction_topic: BoundaryLane(number, known.readers, self._begins, partial(of_values, End))
            for number, (source, known) in enumerate(zip(model.sources, self._boundaries, strict=True))
            if source.position == "postgresql"
        }
        lanes |= {topic: Lane(table, table.keys, table.values) for topic, table in self._tables.items()}
        return partial(peek_rows, lanes, TRUNCATE)

    def peek(self, table: int, key: bytes | None, value: bytes | None, partition: int = 0, offset: int = 0) -> Row:
        """One record of a table as a row. Raises BadFrameError, RegistryUnavailable."""
        return self._by_index[table].row(partition, offset, key, value)

    def batch(self, messages: Iterable[Message], ends: Iterable[Message] = ()) -> Batch:
        """Everything that one poll brought; `ends` mark partitions that are read to their end. Raises RegistryUnavailable."""
        reached = [(t.index, m.partition() or 0) for m in ends if (t := self._tables.get(m.topic() or "")) is not None]
        batch = Batch([], [], [], [], reached)
        self._rows(messages, partial(self._event, batch), partial(self._careful, batch), batch.rows, batch.ends)
        return batch

    def _read_rows(
        self,
        messages: Iterable[Message],
        event: Callable[..., None],
        careful: Callable[..., None],
        rows: list[Row],
        _: Any,
    ) -> None:
        """The hottest loop; what is odd about a record is looked at by `careful`."""
        append, tables = rows.append, self._tables
        for message in messages:
            topic = message.topic()
            table = tables.get(topic)  # type: ignore[arg-type]  # a polled message has a topic
            if table is None:
                event(topic or "", message)
                continue
            key, value = message.key(), message.value()
            try:
                text = table.keys[key[:5]](key)  # type: ignore[index]  # None goes the careful way
                row = table.values[value[:5]](value, message.partition(), message.offset(), text)  # type: ignore[index]  # so does a tombstone
                if text is None or row[OP] == TRUNCATE:
                    raise KeyError
                append(row)
            except (KeyError, TypeError, DecodeError):
                careful(table, message)

    def _careful(self, batch: Batch, table: RowReader, message: Message) -> None:
        """One record of a table, every doubt looked into."""
        try:
            row = table.row(message.partition() or 0, message.offset() or 0, message.key(), message.value())
            batch.rows.append(row)
        except BadFrameError as error:
            batch.bad.append(_bad(table.index, message, error))

    def _event(self, batch: Batch, topic: str, message: Message) -> None:
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
            end: End = of_values(End, (*boundary[1:], offset))
            return end
        if value.startswith(_BEGIN, 5):  # status is the schema's first field: from now on BEGIN is told by its bytes
            self._begins.add(value[:5])
        return offset


def _bad(table: int, message: Message, error: BadFrameError) -> BadFrame:
    return BadFrame(
        table, message.topic() or "", message.partition() or 0, message.offset() or 0, message.key() or b"",
        message.value() or b"", error.code, error.reason, message.timestamp()[1],
    )  # fmt: skip

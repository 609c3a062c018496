"""Topics that hold records of several tables (a routed outbox, a topic a domain): told apart by the record's full name.

The name is that of the writer schema that the record's own id leads to. No subject is asked for, so it does not matter
what subjects are named after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from connectors.avro.schema import parse_schema
from connectors.capturing.frames import BadFrameError, Compiled, Schemas
from state.aligning.spoilt import UNMAPPED_RECORD_TYPE
from state.model import TableSpec
from state.row import Row


class RowReader(Protocol):
    """Reads the records of a topic."""

    @property
    def index(self) -> int:
        """The table whose number what concerns a partition goes by."""

    @property
    def keys(self) -> Mapping[bytes, Callable[..., Any]]:
        """Compiled readers of keys by their first five bytes."""

    @property
    def values(self) -> Mapping[bytes, Callable[..., Any]]:
        """Compiled readers of values by their first five bytes."""

    def row(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> Row:
        """The row tuple, every doubt looked into. Raises BadFrameError, RegistryUnavailable."""


def by_topic(schemas: Schemas, tables: Sequence[TableSpec], readers: Mapping[int, RowReader]) -> dict[str, RowReader]:
    """Who reads each topic: the table that it belongs to, or one that looks at the record's name first."""
    shared: dict[str, dict[str, RowReader]] = {}
    for table in tables:
        if table.record is not None:
            shared.setdefault(table.input_topic, {})[table.record] = readers[table.index]
    alone: dict[str, RowReader] = {t.input_topic: readers[t.index] for t in tables if t.record is None}
    return alone | {topic: SharedTopic(schemas, topic, found) for topic, found in shared.items()}


class SharedTopic:
    """One topic with several record types. `index` is the first table's: what concerns the partition is counted there."""

    def __init__(self, schemas: Schemas, topic: str, readers: Mapping[str, RowReader]) -> None:
        """`readers`: full name of the record -> the reader of its table."""
        self.index = min(reader.index for reader in readers.values())
        #: empty, so that every record comes to `row`
        self.keys: Mapping[bytes, Callable[..., Any]] = {}
        self.values: Mapping[bytes, Callable[..., Any]] = {}
        self._topic, self._readers = topic, readers
        self._types = Compiled(schemas, self._of)

    def row(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> Row:
        """The row tuple of the table whose record it is; a tombstone says no table. Raises BadFrameError, RegistryUnavailable."""
        if value is None:
            return (self.index, "t", "", 0, 0, 0, None, partition, offset, b"", "", 0)
        row: Row = self._types.read(value)(partition, offset, key, value)
        return row

    def _of(self, schema: Any) -> Callable[[bytes], Any]:
        """For each writer schema the `row` of its table."""
        name = parse_schema(schema).name
        reader = self._readers.get(name.removesuffix(".Envelope"))
        if reader is not None:
            return lambda _frame: reader.row
        reason = f"record type {name or schema} on topic {self._topic} is that of no table of the mapping"

        def refuse(_frame: bytes) -> Any:
            raise BadFrameError(UNMAPPED_RECORD_TYPE, reason)

        return refuse

"""What Debezium's Avro events say: row images, transaction boundaries, notifications; and how to write an image back.

Sources of the facts: Debezium 3.7 PostgreSQL connector, recorded in tests/recorded/wire.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from connectors.avro import compile_reader, compile_writer, frame_prefix, parse_schema
from connectors.avro.reader import compile_flat
from connectors.capturing.boundary import Boundaries, Boundary
from connectors.capturing.column_types import WRONG_COLUMN_TYPE, unfit
from connectors.capturing.frames import BadFrameError, Compiled, Schemas, schema_id_of
from connectors.capturing.positions import packed
from state.mapping.toast import has_marker
from state.model import FieldSpec
from state.repairs import RESCANNED
from state.row import Notice

#: numbers become exact decimals, times are brought to one unit
_CONVERT = frozenset({"decimal", "time"})
_INITIAL, _INCREMENTAL = "Initial Snapshot", "Incremental Snapshot"
#: how a table's incremental snapshot ends when it was read whole
_READ_WHOLE = ("SUCCEEDED", "EMPTY")


class Decoder:
    """Reads and rewrites Debezium's events by the writer schemas of the registry.

    `columns`: per table the columns that its mapping uses; other columns are stepped over, which halves the cost of a
    wide row. A row that holds a marker of an unchanged value is always read whole, since it will be merged.
    """

    def __init__(
        self,
        schemas: Schemas,
        columns: Mapping[int, Collection[str]] | None = None,
        fields: Mapping[int, Sequence[FieldSpec | None]] | None = None,
    ) -> None:
        """`fields`: per table what its mapping makes of the columns, to be held against each writer schema."""
        self._schemas = schemas
        self._images = Compiled(schemas, lambda s: compile_reader(s, ["after"], _CONVERT, whole=False))
        self._tables = {
            table: _image_of(schemas, (columns or {}).get(table), (fields or {}).get(table, ()))
            for table in {*(columns or {}), *(fields or {})}
        }
        self._boundaries = Boundaries(schemas)
        self._notices = Compiled(schemas, lambda s: compile_reader(s, ["aggregate_type", "type", "additional_data"]))
        self._versions = Compiled(schemas, lambda s: compile_reader(s, ["source.version"], whole=False))
        self._wholes = Compiled(schemas, lambda s: compile_reader(s, True, _CONVERT))
        self._writers: dict[bytes, Callable[[Any], bytes]] = {}

    def row(self, table: int, frame: bytes) -> dict[str, Any] | None:
        """The image after the change, decimals exact, all else raw; None if there is none.

        All columns, or those given for the table. `frame` was peeked before, so what follows the image is not looked
        at again. Raises BadFrameError, RegistryUnavailable.
        """
        reader = self._tables.get(table)
        if reader is None or has_marker(frame):
            after: dict[str, Any] | None = self._images.read(frame)[0]
            return after
        event: dict[str, dict[str, Any] | None] = reader.read(frame)
        return event["after"]

    def transaction(self, frame: bytes) -> Boundary:
        """("BEGIN" or "END", transaction id, LSN, {"schema.table": rows}, commit time in ms); see `boundary.py`."""
        return self._boundaries.read(frame)

    def notification(self, frame: bytes) -> Notice | None:
        """What a notification says of the initial snapshot, or of a table that was read again; None for one about anything else.

        Raises BadFrameError.
        """
        aggregate, kind, data = self._notices.read(frame)
        data = data or {}
        if aggregate == _INCREMENTAL and kind == "TABLE_SCAN_COMPLETED" and data.get("status") in _READ_WHOLE:
            kind = RESCANNED
        elif aggregate != _INITIAL:
            return None
        rows = data.get("total_rows_scanned", "0")
        return Notice(kind, data.get("scanned_collection", ""), int(rows) if rows.isdigit() else 0)

    def source_version(self, frame: bytes) -> str:
        """The connector's version, for example 3.7.0.Final. Raises BadFrameError."""
        return str(self._versions.read(frame)[0])

    def reencode(self, frame: bytes, after: dict[str, Any]) -> bytes:
        """The frame with another image after the change, written with its own schema. Raises BadFrameError, EncodeError."""
        event = self._wholes.read(frame)
        event["after"] = after
        head = frame[:5]
        writer = self._writers.get(head)
        if writer is None:
            number = schema_id_of(frame)
            writer = self._writers[head] = compile_writer(self._schemas.schema(number), frame_prefix(number), _CONVERT)
        return writer(event)


def _image_of(schemas: Schemas, names: Collection[str] | None, fields: Sequence[FieldSpec | None]) -> Compiled:
    """Readers of some columns (None: of all); a column that a schema lacks is not in the image."""

    def make(schema: Any) -> Callable[..., Any]:
        """A reader of one schema; of one that the mapping cannot use, one that refuses every row."""
        node = parse_schema(schema)
        inner = node.find("after")
        image = inner.nullable or inner
        if reason := unfit(fields, image):
            return _refusing(reason)
        wanted = {f.name: True for f in image.fields if names is None or f.name in names}
        return compile_reader(node, {"after": wanted or True}, _CONVERT, whole=False)

    return Compiled(schemas, make)


def _refusing(reason: str) -> Callable[..., Any]:
    def read(frame: bytes) -> Any:
        raise BadFrameError(WRONG_COLUMN_TYPE, reason)

    return read


class LastCommit:
    """LSN of the last commit before a row's own transaction, from `source.sequence`; None where the event has none.

    Where rows carry their own commit's position (SQL Server), everything just below that is what came before.

    A sequence that is no JSON list of LSNs counts as none: it says nothing, and must not stop the other rows.
    """

    def __init__(self, schemas: Schemas) -> None:
        self._sequences = Compiled(schemas, _sequence_reader)

    def __call__(self, frame: bytes) -> int | None:
        """Ask one captured value, which was peeked before. Raises RegistryUnavailable."""
        text, commit = self._sequences.read(frame)
        if commit:
            return packed(commit) - 1
        if not text:
            return None
        try:
            first = json.loads(text)[0]
            return int(first) if first else None
        except (ValueError, IndexError, KeyError, TypeError):
            return None


def _sequence_reader(schema: Any) -> Callable[..., Any]:
    node = parse_schema(schema)
    if node.has("source.commit_lsn"):
        return compile_flat(node, ("source.commit_lsn",), "(None, r0)", whole=False)
    if node.has("source.sequence"):
        return compile_flat(node, ("source.sequence",), "(r0, None)", whole=False)
    return lambda frame: (None, None)

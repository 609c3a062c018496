"""BEGIN and END of the transaction topic: where a source transaction ends and how many rows each table gave."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from connectors.avro import compile_reader, native, parse_schema
from connectors.avro.errors import UnsupportedSchema
from connectors.avro.reader import generate_flat
from connectors.avro.schema import Raw
from connectors.capturing.frames import NOT_AN_ENVELOPE, BadFrameError, Compiled, Schemas
from connectors.capturing.positions import of_boundary

#: Names under which END counts logical messages (heartbeats); they are no table.
_LOGICAL_MESSAGE = "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor"
_MEMO_MAX = 4096

#: ("BEGIN" or "END", transaction id, LSN, {"schema.table": rows}, commit time in ms)
Boundary = tuple[str, int, int, dict[str, int], int]


class _Counts(dict[bytes, dict[str, int]]):
    """Avro bytes of data_collections -> counts: few combinations of tables come again and again."""

    def __init__(self, read: Callable[..., Any]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, raw: bytes) -> dict[str, int]:
        """Decode once; logical messages have a new name each time, so they are not kept."""
        counts: dict[str, int] = {}
        holds_message = False
        for entry in self._read(raw, 0) or ():
            if entry and entry["data_collection"].startswith(_LOGICAL_MESSAGE):
                holds_message = True
            elif entry:
                counts[entry["data_collection"]] = entry["event_count"]
        if not holds_message and len(self) < _MEMO_MAX:
            self[raw] = counts
        return counts


class Boundaries:
    """Reads the transaction topic. The counts of equal transactions are one dictionary: read only."""

    def __init__(self, schemas: Schemas, position: str = "postgresql") -> None:
        """`position`: how the source writes its positions (connectors/capturing/positions.py)."""
        self._compiled = Compiled(schemas, _reader)
        self._position = position
        #: compiled readers by the first five bytes
        self.readers = self._compiled.known

    def read(self, frame: bytes) -> Boundary:
        """One event. Raises BadFrameError, RegistryUnavailable.

        The id's suffix is the LSN of BEGIN or, for END, of the commit's end.
        """
        status, identity, counts, time_ms = self._compiled.read(frame)
        found = of_boundary(self._position, identity)
        if found is None or (status != "END" and status != "BEGIN"):
            raise BadFrameError(
                NOT_AN_ENVELOPE,
                f"{status!r} {identity!r} is not BEGIN or END with an id as {self._position} gives it",
            )
        return status, *found, counts, time_ms


def _reader(schema: Any) -> Callable[..., Any]:
    node = parse_schema(schema)
    paths = ("status", "id", Raw("data_collections"), "ts_ms")
    counts = _Counts(compile_reader(node.find("data_collections")))
    generated = generate_flat(node, paths, "(r0, r1, COUNTS[r2], r3)", {"COUNTS": counts}, frozenset(), whole=True)
    if native.runs():
        from connectors.avro.native.operations import native_boundary_reader

        with suppress(UnsupportedSchema):
            return native_boundary_reader(node, paths, counts, generated)
    return generated

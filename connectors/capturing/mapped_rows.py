"""Row images with nothing but the mapped columns: the way of almost every row, at half the cost of a wide one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from connectors.avro import compile_reader, parse_schema
from connectors.capturing.column_types import fields_of, unfit
from connectors.capturing.envelope import Decoder
from connectors.capturing.frames import Compiled, Schemas
from state.mapping.columns import columns_of
from state.model import Model

#: as in the whole image
_CONVERT = frozenset({"decimal", "time"})


class MappedRows:
    """Decodes rows without markers of unchanged values. What is odd about a row, the whole image tells as always."""

    def __init__(self, schemas: Schemas, model: Model) -> None:
        """The columns are those that the model's mappers read."""
        self._fields = fields_of(model)
        self._whole = Decoder(schemas, fields=self._fields)
        self._tables = {
            table.index: Compiled(schemas, partial(self._reader, table.index, columns_of(table.object)))
            for table in model.tables
            if table.object is not None
        }

    def __call__(self, table: int, frame: bytes) -> dict[str, Any] | None:
        """The image after the change, None if there is none. Raises BadFrameError, RegistryUnavailable."""
        event: dict[str, dict[str, Any] | None] = self._tables[table].read(frame)
        return event["after"]

    def _reader(self, table: int, columns: frozenset[str], schema: Any) -> Callable[[bytes], Any]:
        node = parse_schema(schema)
        image = node.find("after")
        names = [field.name for field in (image.nullable or image).fields]
        if not columns.issubset(names) or unfit(self._fields[table], image.nullable or image):
            return lambda frame: {"after": self._whole.row(table, frame)}
        return compile_reader(node, {"after": {name: True for name in names if name in columns}}, _CONVERT, whole=False)

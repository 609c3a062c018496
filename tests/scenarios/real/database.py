"""The recorded systems' tables as a database: the recorded columns, with the types that the mappings take them for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import sql

from connectors.located_yaml import Located
from connectors.mapping import MappingError
from connectors.mapping_shape import MappingShape
from tests.scenarios.real.recordings import SOURCES, tables

#: kind of field -> PostgreSQL type; a wall clock is one whose field says a zone
_KINDS = {"date": "date", "money": "numeric", "decimal": "numeric", "boolean": "boolean", "integer": "bigint"}
_VALUES = {"long": "bigint", "string": "text", "boolean": "boolean", "double": "double precision"}


def shape(source: str) -> MappingShape:
    """The mapping of a source folder."""
    return Located(Path(SOURCES) / source / "mapping.yaml", MappingError).validate(MappingShape)


def statements(source: str) -> list[sql.Composed]:
    """CREATE TABLE of every captured table, with the mapping's key as primary key."""
    recorded = tables()
    out: list[sql.Composed] = []
    for name, table in shape(source).tables.items():
        types = {column: _VALUES[_only(kind)] for column, kind in recorded[f"{source}.{name}"][1].items()}
        for field in table.fields.values():
            if field.column in types and not field.approximate:
                zoned = "timestamp" if field.zone is not None else "timestamptz"
                types[field.column] = zoned if field.kind == "instant" else _KINDS.get(field.kind, types[field.column])
        columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(t)) for c, t in types.items())
        key = sql.SQL(", ").join(sql.Identifier(column) for column in table.key or ())
        text = "CREATE TABLE {} ({}, PRIMARY KEY ({}))"
        out.append(sql.SQL(text).format(sql.Identifier(*name.split(".", 1)), columns, key))
    return out


def _only(kind: Any) -> str:
    """The Avro type of the recorded values, null aside."""
    branches = [one for one in (kind if isinstance(kind, list) else [kind]) if one != "null"]
    return str(branches[0])

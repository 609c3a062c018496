"""The recorded systems' tables as a database: the recorded columns, with the types that the mappings take them for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from connectors.mappings.loading import MappingError
from connectors.mappings.located_yaml import Located
from connectors.mappings.shape import MappingShape
from connectors.sources.capture import DEFAULT_ROLE, Capture
from connectors.sources.database import drop_slots, source_dsn
from tests.chaos.bank import delete_topics
from tests.running_stack import RunningStack
from tests.scenarios.real.recordings import SOURCES, Act, tables

#: kind of field -> PostgreSQL type; a wall clock is one whose field says a zone
_KINDS = {"date": "date", "money": "numeric", "decimal": "numeric", "boolean": "boolean", "integer": "bigint"}
UNCHANGED = "__debezium_unavailable_value"
_VALUES = {"long": "bigint", "string": "text", "boolean": "boolean", "double": "double precision"}


def shape(source: str) -> MappingShape:
    """The mapping of a source folder."""
    return Located(Path(SOURCES) / source / "mapping.yaml", MappingError).validate(MappingShape)


def column_types(source: str) -> dict[str, dict[str, str]]:
    """Table -> column -> PostgreSQL type."""
    recorded = tables()
    out: dict[str, dict[str, str]] = {}
    for name, table in shape(source).tables.items():
        types = {column: _VALUES[_only(kind)] for column, kind in recorded[f"{source}.{name}"][1].items()}
        for field in table.fields.values():
            if field.column in types and not field.approximate:
                zoned = "timestamp" if field.zone is not None else "timestamptz"
                types[field.column] = zoned if field.kind == "instant" else _KINDS.get(field.kind, types[field.column])
        out[name] = types
    return out


def statements(source: str) -> list[sql.Composed]:
    """CREATE TABLE of every captured table, with the mapping's key as primary key."""
    out: list[sql.Composed] = []
    described = shape(source).tables
    for name, types in column_types(source).items():
        columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(t)) for c, t in types.items())
        key = sql.SQL(", ").join(sql.Identifier(column) for column in described[name].key or ())
        text = "CREATE TABLE {} ({}, PRIMARY KEY ({}))"
        out.append(sql.SQL(text).format(sql.Identifier(*name.split(".", 1)), columns, key))
    return out


def _only(kind: Any) -> str:
    """The Avro type of the recorded values, null aside."""
    branches = [one for one in (kind if isinstance(kind, list) else [kind]) if one != "null"]
    return str(branches[0])


@contextmanager
def made(stack: RunningStack, name: str) -> Iterator[tuple[Capture, psycopg.Connection[tuple[Any, ...]]]]:
    """The source's database with its tables, empty, not prepared; database, connector, slot and topics go again."""
    at = stack.addresses
    capture = Capture(SOURCES, at.postgres, at.connect, at.registry, DEFAULT_ROLE, "x")
    with psycopg.connect(source_dsn(at.postgres, "postgres"), autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(capture.dsn(name), autocommit=True) as conn:
                for statement in statements(name):
                    conn.execute(statement)
                yield capture, conn
        finally:
            capture.unregister(name)
            drop_slots(admin, name, end_readers=True)
            admin.execute(drop)
            delete_topics(at.kafka, f"{name}.")


class Replayer:
    """Makes a database go through what was recorded of it: each recorded transaction is one again."""

    def __init__(self, source: str, conn: psycopg.Connection[tuple[Any, ...]]) -> None:
        """The tables are there and empty."""
        self._conn = conn
        self._source = source
        self._keys = {f"{source}.{name}": table.key or () for name, table in shape(source).tables.items()}
        self._types = {f"{source}.{name}": types for name, types in column_types(source).items()}

    def apply(self, act: Act) -> None:
        """One transaction."""
        with self._conn.transaction():
            for change in act.changes:
                if change.value is not None:
                    self._change(change.topic, change.value)

    def _change(self, topic: str, value: dict[str, Any]) -> None:
        name = sql.Identifier(*topic.removeprefix(f"{self._source}.").split(".", 1))
        key, types = self._keys[topic], self._types[topic]
        image = value["before"] if value["op"] == "d" else value["after"]
        row = {c: _value(v, types[c]) for c, v in image.items() if c in types and v != UNCHANGED}
        match = sql.SQL(" AND ").join(sql.SQL("{} = {}").format(sql.Identifier(c), sql.Literal(row[c])) for c in key)
        if value["op"] == "d":
            self._conn.execute(sql.SQL("DELETE FROM {} WHERE {}").format(name, match))
            return
        columns = sql.SQL(", ").join(map(sql.Identifier, row))
        values = sql.SQL(", ").join(map(sql.Literal, row.values()))
        if value["op"] == "u":
            text = sql.SQL("UPDATE {} SET ({}) = ROW ({}) WHERE {}").format(name, columns, values, match)
            if self._conn.execute(text).rowcount:
                return  # else it was there before the recording began
        self._conn.execute(sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(name, columns, values))


def _value(value: Any, declared: str) -> Any:
    """A recorded value as the column takes it: days and microseconds are times."""
    if isinstance(value, int) and declared == "date":
        return date(1970, 1, 1) + timedelta(days=value)
    if isinstance(value, int) and declared.startswith("timestamp"):
        return datetime(1970, 1, 1) + timedelta(microseconds=value)  # noqa: DTZ001 - a wall clock, as it is kept there
    return value

"""What a PostgreSQL catalogue says of a source's tables: columns with their types, keys, foreign keys, labels, comments.

Nothing is read but the catalogue: no row of any table, so a role that may connect is enough. Columns have the names that
their fields get in Avro (field.name.adjustment.mode=avro): those are what a mapping names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from connectors.sources.database import connect_source

Connection = psycopg.Connection[tuple[Any, ...]]
#: `CHECK ((kind = ANY (ARRAY['a'::text])))`, and `(((kind)::text = ANY ((ARRAY['a'::character varying])::text[])))`
_CHECK = re.compile(r"^CHECK \(\(+(?P<column>[\w ]+|\"[^\"]+\")\)?(?:::text)? = ANY \(+ARRAY\[(?P<labels>.*)\]")
_LABEL = re.compile(r"'((?:[^']|'')*)'")
#: schemas of PostgreSQL and its extensions
_SYSTEM = r"n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `type` is as PostgreSQL writes it, that of a domain is its base's; `labels` those of an enum or a check."""

    name: str
    type: str
    nullable: bool
    array: bool = False
    enum: bool = False
    labels: tuple[str, ...] = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of a table that name a row of another one by `target_columns`."""

    columns: tuple[str, ...]
    table: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CatalogueTable:
    """One table. `unique` are the column sets that tell rows apart (the primary key first): no NULL, no condition."""

    name: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    foreign: tuple[ForeignKey, ...]
    identity: str
    partitioned: bool = False
    partition: bool = False
    comment: str | None = None

    def foreign_of(self, column: str) -> tuple[ForeignKey, ...]:
        """Foreign keys of which the column is a part."""
        return tuple(key for key in self.foreign if column in key.columns)

    def tells_apart(self, columns: tuple[str, ...]) -> bool:
        """Whether no two rows can agree in these columns."""
        return any(set(unique) <= set(columns) for unique in self.unique)


class NoDatabase(Exception):
    """The database's address is none; the message says how one is written. Exit code 2."""


def open_catalogue(url: str) -> dict[str, CatalogueTable]:
    """The catalogue of the database at a URL or libpq connection string. Raises NoDatabase, SourceUnreachable."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        reason = str(error).strip()
        raise NoDatabase(
            f"{url} is no database ({reason}). Next step: write postgresql://USER@HOST:PORT/NAME"
        ) from error
    if not parts.get("dbname"):
        raise NoDatabase(f"{url} names no database. Next step: write postgresql://USER@HOST:PORT/NAME")
    with connect_source(url) as conn:
        return read_catalogue(conn)


def read_catalogue(conn: Connection) -> dict[str, CatalogueTable]:
    """Every table, by `schema.table`, in the order of the names."""
    columns = _columns(conn)
    unique, foreign = _unique(conn), _foreign(conn)
    found: dict[str, CatalogueTable] = {}
    for name, identity, partitioned, partition, comment in conn.execute(_TABLES):
        keys = unique.get(name, [])
        primary = next((key for is_primary, key in keys if is_primary), ())
        nullable = {column for column, one in columns.get(name, {}).items() if one.nullable}
        apart = tuple(key for _, key in keys if not nullable & set(key))
        found[name] = CatalogueTable(
            name, columns.get(name, {}), primary, apart, tuple(foreign.get(name, ())), identity, partitioned, partition,
            comment,
        )  # fmt: skip
    return found


def _columns(conn: Connection) -> dict[str, dict[str, Column]]:
    checked = _checked_labels(conn)
    found: dict[str, dict[str, Column]] = {}
    for table, given, kind, nullable, category, enum, labels, comment in conn.execute(_COLUMNS):
        name = avro_name(given)
        texts = tuple(labels or ()) or checked.get((table, name), ())
        found.setdefault(table, {})[name] = Column(name, kind, nullable, category == "A", enum, texts, comment)
    return found


def _checked_labels(conn: Connection) -> dict[tuple[str, str], tuple[str, ...]]:
    """Labels of columns that a check limits to a list: the enum of those who do not use enums."""
    found = {}
    for table, definition in conn.execute(_CHECKS):
        if match := _CHECK.match(definition):
            column = avro_name(match["column"].strip('"'))
            found[table, column] = tuple(text.replace("''", "'") for text in _LABEL.findall(match["labels"]))
    return found


def _unique(conn: Connection) -> dict[str, list[tuple[bool, tuple[str, ...]]]]:
    found: dict[str, list[tuple[bool, tuple[str, ...]]]] = {}
    for table, primary, columns in conn.execute(_UNIQUE):
        found.setdefault(table, []).append((primary, _names(columns)))
    return found


def _foreign(conn: Connection) -> dict[str, list[ForeignKey]]:
    found: dict[str, list[ForeignKey]] = {}
    for table, target, columns, target_columns in conn.execute(_FOREIGN):
        found.setdefault(table, []).append(ForeignKey(_names(columns), target, _names(target_columns)))
    return found


def avro_name(column: str) -> str:
    """The field's name: what Avro does not allow in one is an underscore."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", column)
    return f"_{name}" if name[:1].isdigit() else name


def _names(columns: list[str]) -> tuple[str, ...]:
    return tuple(avro_name(column) for column in columns)


_TABLES = f"""
SELECT n.nspname || '.' || c.relname, c.relreplident::text, c.relkind = 'p', c.relispartition, obj_description(c.oid, 'pg_class')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {_SYSTEM}
ORDER BY 1
"""  # noqa: S608 - made of constants of this file
_COLUMNS = f"""
WITH RECURSIVE base (relation, number, type, modifier) AS (
    SELECT attrelid, attnum, atttypid, atttypmod FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT b.relation, b.number, t.typbasetype, CASE WHEN t.typtypmod = -1 THEN b.modifier ELSE t.typtypmod END
    FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
)
SELECT n.nspname || '.' || c.relname, a.attname::text, format_type(b.type, b.modifier),
       NOT (a.attnotnull OR EXISTS (SELECT FROM pg_type d WHERE d.oid = a.atttypid AND d.typtype = 'd' AND d.typnotnull)),
       t.typcategory::text, t.typtype = 'e',
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       col_description(c.oid, a.attnum)
FROM base b
JOIN pg_attribute a ON a.attrelid = b.relation AND a.attnum = b.number
JOIN pg_class c ON c.oid = b.relation JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = b.type
WHERE t.typtype <> 'd' AND c.relkind IN ('r', 'p') AND {_SYSTEM}
ORDER BY 1, a.attnum
"""  # noqa: S608 - made of constants of this file
_CHECKS = """
SELECT n.nspname || '.' || c.relname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c'
"""
_UNIQUE = """
SELECT n.nspname || '.' || c.relname, i.indisprimary,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
             WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY 1, i.indisprimary DESC, i.indexrelid
"""
_FOREIGN = """
SELECT n.nspname || '.' || c.relname, m.nspname || '.' || t.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY x (number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.number ORDER BY x.place),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY x (number, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.number ORDER BY x.place)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace m ON m.oid = t.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY 1, k.oid
"""

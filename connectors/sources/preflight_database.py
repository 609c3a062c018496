"""Pre-flight checks inside a source's database. Each takes a Ground and yields what is wrong; docs: connectors/sources/preflight.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from connectors.sources.database import TableFacts, publication_tables, quoted, table_facts, wal_level
from connectors.sources.preflight_findings import Finding

APICURIO = "io.apicurio.registry.utils.converter.AvroConverter"
CONFLUENT = "io.confluent.connect.avro.AvroConverter"
JSON = "org.apache.kafka.connect.json.JsonConverter"


@dataclass(frozen=True, slots=True)
class Ground:
    """What the database checks stand on: the source, its connector's configuration, an open connection, its tables."""

    source: str
    config: dict[str, str]
    conn: psycopg.Connection[tuple[Any, ...]]
    tables: tuple[str, ...]
    facts: dict[str, TableFacts]


def ground(source: str, config: dict[str, str], conn: psycopg.Connection[tuple[Any, ...]]) -> Ground:
    """Read once what several checks need."""
    tables = include_list(config)
    return Ground(source, config, conn, tables, table_facts(conn, list(tables)))


def include_list(config: dict[str, str]) -> tuple[str, ...]:
    """Names in table.include.list."""
    return tuple(name.strip() for name in config.get("table.include.list", "").split(",") if name.strip())


def check_wal_level(at: Ground) -> Iterator[Finding]:
    """The server writes enough into its log."""
    level = wal_level(at.conn)
    if level != "logical":
        yield Finding(
            at.source,
            "WAL_LEVEL",
            f"server of database {at.conn.info.dbname}",
            f"wal_level is {level}, capture needs logical",
            "ALTER SYSTEM SET wal_level = logical, then restart the server",
        )


def check_tables(at: Ground) -> Iterator[Finding]:
    """Every captured table exists."""
    for name in at.tables:
        if name not in at.facts:
            yield Finding(
                at.source,
                "TABLE_MISSING",
                name,
                "is in table.include.list and not in the database",
                "create it, correct its name in connector.json and prepare.sql, or run `concord sources prepare`",
            )


def check_publication(at: Ground) -> Iterator[Finding]:
    """The publication lists exactly the included tables."""
    name = at.config.get("publication.name", "dbz_publication")
    published = publication_tables(at.conn, name)
    if published is None:
        fix = f"run `concord sources prepare {at.source}`"
        yield Finding(at.source, "PUBLICATION_MISSING", f"publication {name}", "does not exist", fix)
        return
    included = set(at.tables)
    for table in sorted(included - published):
        problem = f"lacks {table}, whose changes would never arrive"
        fix = f"ALTER PUBLICATION {name} ADD TABLE {quoted(table)}"
        yield Finding(at.source, "PUBLICATION_DIFFERS", f"publication {name}", problem, fix)
    for table in sorted(published - included):
        problem = f"holds {table}, which table.include.list does not"
        fix = f"ALTER PUBLICATION {name} DROP TABLE {quoted(table)}, or include the table"
        yield Finding(at.source, "PUBLICATION_DIFFERS", f"publication {name}", problem, fix)


def check_keys(at: Ground) -> Iterator[Finding]:
    """Every captured table has a primary key, or identity columns are declared for it."""
    for table in at.facts.values():
        if not table.key and not declared_key(at.config, table.name):
            yield Finding(
                at.source,
                "KEYLESS_SOURCE",
                table.name,
                "has no primary key and no declared identity columns, so its rows cannot be told apart",
                f"add a primary key, or declare columns: message.key.columns={table.name}:COLUMN,COLUMN",
            )


def declared_key(config: dict[str, str], table: str) -> tuple[str, ...]:
    """Columns that message.key.columns declares for the table; empty if none."""
    for part in config.get("message.key.columns", "").split(";"):
        pattern, colon, columns = part.strip().rpartition(":")
        if colon and re.fullmatch(pattern, table):
            return tuple(column.strip() for column in columns.split(","))
    return ()


def check_replica_identity(at: Ground) -> Iterator[Finding]:
    """Deletes and updates tell which row they mean; without that PostgreSQL refuses the application's own writes."""
    for table in at.facts.values():
        keyless_default = table.identity == "d" and not table.key
        if table.identity == "n" or keyless_default:
            fix = f"ALTER TABLE {quoted(table.name)} REPLICA IDENTITY {'FULL' if not table.key else 'DEFAULT'}"
            problem = "has no replica identity: once published, every UPDATE and DELETE on it fails"
            yield Finding(at.source, "REPLICA_IDENTITY", table.name, problem, fix)


def check_nulls(at: Ground) -> Iterator[Finding]:
    """A NULL stays a NULL: most converters put the column's default in its place.

    Seen with Debezium 3.7.0 and Apicurio's converter 2.6.13, which has no setting for it: NULL in a nullable column
    with DEFAULT 7 arrives as 7.
    """
    if keeps_nulls(at.config):
        return
    for table in at.facts.values():
        for column in table.defaulted_nullable:
            yield Finding(
                at.source,
                "NULL_REPLACED_BY_DEFAULT",
                f"{table.name}.{column}",
                "may be NULL and has a default, and the connector's converter would replace the NULL by the default",
                f"ALTER TABLE {quoted(table.name)} ALTER COLUMN {quoted(column)} SET NOT NULL (or DROP DEFAULT), or use a converter "
                "that keeps NULL (Confluent's with value.converter.ignore.default.for.nullables=true)",
            )


def keeps_nulls(config: dict[str, str]) -> bool:
    """Whether the value converter is configured to keep NULLs in columns with a default."""
    converter = config.get("value.converter", "")
    if converter == CONFLUENT:
        return config.get("value.converter.ignore.default.for.nullables", "false") == "true"
    if converter == JSON:
        return config.get("value.converter.replace.null.with.default", "true") == "false"
    return False


def check_role(at: Ground) -> Iterator[Finding]:
    """The capture role exists, may replicate and may read the captured tables."""
    role = at.config.get("database.user", "")
    thing, fix = f"role {role}", f"run `concord sources prepare {at.source}`"
    row = at.conn.execute(
        "SELECT rolreplication OR rolsuper, rolcanlogin FROM pg_roles WHERE rolname = %s", (role,)
    ).fetchone()
    if row is None:
        yield Finding(at.source, "CAPTURE_ROLE", thing, "does not exist", fix)
        return
    if not (row[0] and row[1]):
        yield Finding(at.source, "CAPTURE_ROLE", thing, "may not log in or may not replicate", fix)
    closed = "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    closed += (
        "WHERE n.nspname || '.' || c.relname = ANY (%s) AND NOT has_table_privilege(%s, c.oid, 'SELECT') ORDER BY 1"
    )
    for (table,) in at.conn.execute(closed, (list(at.facts), role)):
        yield Finding(at.source, "CAPTURE_ROLE", thing, f"may not read {table}", fix)


def check_slot(at: Ground) -> Iterator[Finding]:
    """The replication slot, if there is one, still has all the log that the connector needs."""
    name = at.config.get("slot.name", "debezium")
    row = at.conn.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", (name,)).fetchone()
    if row and row[0] in ("lost", "unreserved"):
        fix = "delete the connector with its offsets, drop the slot and register again: a new snapshot is taken"
        yield Finding(
            at.source, "SLOT_LOST", f"replication slot {name}", f"wal_status is {row[0]}: changes are missing", fix
        )


CHECKS = {
    "wal level": check_wal_level,
    "tables": check_tables,
    "publication": check_publication,
    "keys": check_keys,
    "replica identity": check_replica_identity,
    "nulls": check_nulls,
    "capture role": check_role,
    "replication slot": check_slot,
}

"""A source's PostgreSQL database: run its prepare.sql and read what capture depends on.

SourceUnreachable   transient: no connection to the database
SlotHeld            terminal: whoever reads a replication slot does not let go of it
PrepareFailed       terminal: prepare.sql is missing or a statement of it failed
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

#: names that SQL takes without quotes
_PLAIN = re.compile(r"^[a-z_][a-z0-9_]*$")
VARIABLE = re.compile(r":(['\"])([a-z_]+)\1")


class SourceUnreachable(Exception):
    """The source's database cannot be connected to."""


class PrepareFailed(Exception):
    """The source's prepare.sql could not be run to its end."""


class SlotHeld(Exception):
    """A replication slot is still read from."""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What capture must know of one table. `identity` is PostgreSQL's replica identity: d(efault), f(ull), i(ndex), n(othing)."""

    name: str
    key: tuple[str, ...]
    identity: str
    defaulted_nullable: tuple[str, ...]


def quoted(table: str) -> str:
    """`schema.table` (or a column) as SQL takes it: in quotes where it has to be."""
    return ".".join(one if _PLAIN.match(one) else '"' + one.replace('"', '""') + '"' for one in table.split("."))


def source_dsn(base: str, database: str) -> str:
    """The connection string `base` (libpq form, without database) pointed at `database`."""
    return make_conninfo(base, dbname=database)


def placeholders(base: str, database: str, role: str, password: str, registry_url: str) -> dict[str, str]:
    """Values of the placeholders of a connector.json, from a libpq connection string and the capture role."""
    parts = conninfo_to_dict(base)
    return {
        "database.hostname": str(parts.get("host") or "127.0.0.1"),
        "database.port": str(parts.get("port") or "5432"),
        "database.user": role,
        "database.password": password,
        "database.dbname": database,
        "registry.url": registry_url.rstrip("/"),
    }


def connect_source(dsn: str, timeout_s: int = 5) -> psycopg.Connection[tuple[object, ...]]:
    """Open an autocommit connection; raises SourceUnreachable naming the address."""
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=timeout_s)
    except psycopg.OperationalError as error:
        parts = conninfo_to_dict(dsn)
        reason = str(error).strip().splitlines()[0]
        raise SourceUnreachable(
            f"database {parts.get('dbname')} at {parts.get('host')}:{parts.get('port')} cannot be reached ({reason}). "
            "Next step: start it (`concord stack up`) or set CONCORD_POSTGRES"
        ) from error


def render(script: str, variables: Mapping[str, str], conn: psycopg.Connection[tuple[object, ...]]) -> str:
    """Fill psql's :'literal' and :"identifier" variables, quoted by libpq for this connection."""

    def quoted(match: re.Match[str]) -> str:
        quote, name = match.groups()
        if name not in variables:
            raise PrepareFailed(
                f"prepare.sql uses the variable {name}, which nothing sets. Next step: use one of {sorted(variables)}"
            )
        part: sql.Composable = sql.Literal(variables[name]) if quote == "'" else sql.Identifier(variables[name])
        return part.as_string(conn)

    return VARIABLE.sub(quoted, script)


def prepare(dsn: str, script: Path, role: str, password: str) -> None:
    """Run a source's prepare.sql in one transaction with administrator rights; running it again changes nothing."""
    try:
        text = script.read_text()
    except OSError as error:
        raise PrepareFailed(
            f"{script} cannot be read ({error.strerror}). Next step: add the source's prepare.sql"
        ) from error
    with connect_source(dsn) as conn:
        rendered = render(text, {"capture_role": role, "capture_password": password}, conn)
        try:
            with conn.transaction():
                conn.execute(rendered.encode())
        except psycopg.Error as error:
            raise PrepareFailed(
                f"{script} failed on database {conn.info.dbname}: {str(error).strip().splitlines()[0]}. "
                "Next step: run it as a role that may create roles and owns the tables"
            ) from error


def wal_level(conn: psycopg.Connection[tuple[object, ...]]) -> str:
    """The server's wal_level."""
    row = conn.execute("SELECT setting FROM pg_settings WHERE name = 'wal_level'").fetchone()
    return str(row[0]) if row else "unknown"


def publication_tables(conn: psycopg.Connection[tuple[object, ...]], publication: str) -> frozenset[str] | None:
    """`schema.table` of each table in the publication, or None if there is no such publication."""
    if conn.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", (publication,)).fetchone() is None:
        return None
    rows = conn.execute(
        "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = %s", (publication,)
    )
    return frozenset(str(row[0]) for row in rows)


def drop_slots(
    server: psycopg.Connection[tuple[object, ...]], database: str, end_readers: bool, within_s: float = 30.0
) -> None:
    """Drop a database's replication slots, which a connector that was just deleted holds for a moment.

    `end_readers`: do not wait for that, end the sessions that read from them. Raises SlotHeld.
    """
    deadline = time.monotonic() + within_s
    slots = "SELECT slot_name, active, active_pid FROM pg_replication_slots WHERE database = %s"
    while found := server.execute(slots, (database,)).fetchall():
        for slot, active, reader in found:
            if not active:
                server.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            elif time.monotonic() > deadline:
                raise SlotHeld(
                    f"database {database} is still captured through slot {slot}. Next step: delete its connector, then "
                    f"try again"
                )
            elif end_readers:
                server.execute("SELECT pg_terminate_backend(%s)", (reader,))
        time.sleep(0.05)


TABLE_FACTS = """
SELECT n.nspname || '.' || c.relname,
       ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
             WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)),
       c.relreplident::text,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atthasdef AND NOT a.attnotnull
               AND a.attgenerated = '' ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY (%s)
"""


def table_facts(conn: psycopg.Connection[tuple[object, ...]], tables: list[str]) -> dict[str, TableFacts]:
    """Key, replica identity and nullable columns with a default of each named table that exists."""
    found: dict[str, TableFacts] = {}
    for name, key, identity, defaulted in conn.execute(TABLE_FACTS, (tables,)):
        found[str(name)] = TableFacts(str(name), _texts(key), str(identity), _texts(defaulted))
    return found


def _texts(values: object) -> tuple[str, ...]:
    return tuple(str(value) for value in values) if isinstance(values, list) else ()

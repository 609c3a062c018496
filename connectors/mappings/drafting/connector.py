"""The other two files of a drafted source: connector.json and prepare.sql, as Concord wants capture to be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from connectors.sources.database import quoted

_CONVERTER = "io.apicurio.registry.utils.converter.AvroConverter"
_APICURIO = {
    "url": "${registry.url}/apis/registry/v2",
    "auto-register": "true",
    "find-latest": "true",
    "headers.enabled": "false",
    "as-confluent": "true",
    "check-period-ms": "2592000000",
    "fault-tolerant-refresh": "true",
    "use-id": "contentId",
}


def connector_text(source: str, tables: Sequence[str], signal: str, more: Mapping[str, str]) -> str:
    """connector.json. `more`: settings of this source alone, such as the name of its database."""
    return json.dumps(_connector(source, tables, signal) | dict(more), indent=2) + "\n"


def _connector(source: str, tables: Sequence[str], signal: str) -> dict[str, str]:
    single = ",".join(f"{re.escape(source)}\\.{topic}" for topic in ("transaction", "notifications", "heartbeat.*"))
    name = capture_name(source)
    settings = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        **{f"database.{part}": f"${{database.{part}}}" for part in ("hostname", "port", "user", "password", "dbname")},
        "topic.prefix": source,
        "plugin.name": "pgoutput",
        "slot.name": name,
        "publication.name": name,
        "publication.autocreate.mode": "disabled",
        "table.include.list": ",".join((*tables, signal)),
        "snapshot.mode": "initial",
        "provide.transaction.metadata": "true",
        "skipped.operations": "none",
        "tombstones.on.delete": "true",
        "decimal.handling.mode": "string",
        "time.precision.mode": "microseconds",
        "interval.handling.mode": "string",
        "schema.name.adjustment.mode": "avro",
        "field.name.adjustment.mode": "avro",
        "signal.enabled.channels": "source",
        "signal.data.collection": signal,
        "notification.enabled.channels": "sink",
        "notification.sink.topic.name": f"{source}.notifications",
        "heartbeat.interval.ms": "1000",
        "heartbeat.action.query": "select pg_logical_emit_message(true, 'concord.heartbeat', '')",
        "topic.heartbeat.prefix": f"{source}.heartbeat",
        "message.prefix.exclude.list": "concord.heartbeat",
        "poll.interval.ms": "10",
        "status.update.interval.ms": "1000",
        "retriable.restart.connector.wait.ms": "1000",
        "topic.creation.default.replication.factor": "1",
        "topic.creation.default.partitions": "4",
        "topic.creation.groups": "single",
        "topic.creation.single.include": single,
        "topic.creation.single.partitions": "1",
        "topic.creation.single.replication.factor": "1",
    }
    for side in ("key", "value"):
        settings[f"{side}.converter"] = _CONVERTER
        settings |= {f"{side}.converter.apicurio.registry.{name}": value for name, value in _APICURIO.items()}
    return settings


def capture_name(source: str) -> str:
    """Name of the replication slot and the publication: letters, digits and underscores."""
    return f"concord_{source.replace('-', '_')}"


def prepare_text(source: str, tables: Sequence[str], signal: str, database: str, by_root: bool) -> str:
    """prepare.sql. `by_root`: rows of partitions are published as those of their table."""
    schemas = list(dict.fromkeys(one.partition(".")[0] for one in (*tables, signal)))
    rights = "\n".join(
        f'GRANT USAGE ON SCHEMA {quoted(one)} TO :"capture_role";\n'
        f'REVOKE ALL ON ALL TABLES IN SCHEMA {quoted(one)} FROM :"capture_role";'
        for one in schemas
    )
    listed = ", ".join(quoted(table) for table in tables)
    parts = {
        "source": source,
        "database": database,
        "name": capture_name(source),
        "rights": rights,
        "tables": listed,
        "signal": quoted(signal),
        "by_root": " WITH (publish_via_partition_root = true)" if by_root else "",
    }
    return _PREPARE.format(**parts)


_PREPARE = """\
-- Prepares the {source} database for capture. Run by `concord sources prepare`, or by the database's administrator with
--   psql -v capture_role=concord_capture -v capture_password=... -d {database} -f prepare.sql
-- Safe to run again: it converges to what is written here.

-- 1. A role that may replicate and read the captured tables, nothing else.
SELECT set_config('concord.capture_role', :'capture_role', false);
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_setting('concord.capture_role')) THEN
        EXECUTE format('CREATE ROLE %I', current_setting('concord.capture_role'));
    END IF;
END
$$;
ALTER ROLE :"capture_role" LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'capture_password';
{rights}
GRANT SELECT ON
    {tables}
TO :"capture_role";

-- 2. The signal table: an INSERT here asks the connector for an incremental snapshot; the connector writes its watermarks.
CREATE TABLE IF NOT EXISTS {signal} (
    id varchar(64) PRIMARY KEY,
    type varchar(32) NOT NULL,
    data text
);
GRANT SELECT, INSERT ON {signal} TO :"capture_role";

-- 3. The publication: exactly the tables of connector.json's table.include.list. Never FOR ALL TABLES: it makes every
--    UPDATE and DELETE fail on tables that lack a primary key, and it publishes what nobody asked for.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = '{name}') THEN
        CREATE PUBLICATION {name}{by_root};
    END IF;
END
$$;
ALTER PUBLICATION {name} SET TABLE
    {tables},
    {signal};
"""

"""The workload's two databases for real: tables in PostgreSQL, captured by Debezium, removed without a trace afterwards."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka.admin import AdminClient
from psycopg import sql

from benchmarks.flow import SOURCE_NAMES, SOURCES_DIR
from benchmarks.load import PARTITIONS, delete_topics, recreate
from benchmarks.outcome import BenchmarkFailed
from benchmarks.tables import COLUMNS, TABLE_SOURCE, TABLES
from connectors.sources.capture import DEFAULT_ROLE, EMBEDDED_PASSWORD, Capture
from connectors.sources.connect import ConnectError, ConnectUnreachable
from connectors.sources.database import PrepareFailed, SourceUnreachable, connect_source, drop_slots, source_dsn
from dataflows.settings import ROOT, Settings

#: sources, databases and connectors, in the order of `tables.SOURCES`
LIVE_NAMES = ("benchlivebilling", "benchlivesupport")
#: the source whose connector and preparation are taken as they are, but for names and tables
_PATTERN = "billing"
_TYPES = {"long": "bigint", "string": "text"}
Connection = psycopg.Connection[tuple[Any, ...]]


def tables_of(source: int) -> list[str]:
    """Tables of a source, with their schema."""
    return [f"public.{name}" for table, name in enumerate(TABLES) if TABLE_SOURCE[table] == source]


def write_folders(folder: Path) -> None:
    """The folders of both sources: the benchmark's mapping, the connector and preparation of a real source."""
    template = json.loads((ROOT / "debezium" / _PATTERN / "connector.json").read_text())
    prepare = (ROOT / "debezium" / _PATTERN / "prepare.sql").read_text()
    signal = template["signal.data.collection"]
    captured = [table for table in template["table.include.list"].split(",") if table != signal]
    for source, name in enumerate(LIVE_NAMES):
        here = folder / name
        here.mkdir(parents=True)
        mapping = (SOURCES_DIR / SOURCE_NAMES[source] / "mapping.yaml").read_text()
        (here / "mapping.yaml").write_text(mapping.replace(f"source: {SOURCE_NAMES[source]}", f"source: {name}"))
        config = {
            key: value.replace(f"{_PATTERN}.", f"{name}.").replace(f"{_PATTERN}\\", f"{name}\\")
            for key, value in template.items()
        }
        config |= {
            "topic.prefix": name,
            "slot.name": f"concord_{name}",
            "publication.name": f"concord_{name}",
            "table.include.list": ",".join([*tables_of(source), signal]),
            "snapshot.mode": "no_data",
        }
        (here / "connector.json").write_text(json.dumps(config, indent=2))
        own = prepare.replace(f"concord_{_PATTERN}", f"concord_{name}").replace(", ".join(captured), ", ".join(tables_of(source)))  # fmt: skip
        (here / "prepare.sql").write_text(own)


@contextmanager
def live_sources(settings: Settings) -> Iterator[tuple[Path, list[Connection]]]:
    """The sources' folder and a connection to each database, captured from its first row on. Raises BenchmarkFailed."""
    folder = Path(tempfile.mkdtemp(prefix="concord-bench-"))
    capture = Capture(
        folder, settings.postgres, settings.connect, settings.registry, DEFAULT_ROLE, EMBEDDED_PASSWORD,
        registry_path=settings.registry_path,
    )  # fmt: skip
    databases: list[Connection] = []
    try:
        write_folders(folder)
        _remove(settings, capture)
        recreate(AdminClient({"bootstrap.servers": settings.kafka}), _topics())
        for source, name in enumerate(LIVE_NAMES):
            databases.append(_database(settings, name, source))
            capture.prepare(name)
            capture.register(name)
        yield folder, databases
    except (ConnectError, ConnectUnreachable, PrepareFailed, SourceUnreachable, psycopg.Error) as error:
        raise BenchmarkFailed(
            f"the sources are not captured ({error}). Next step: run `concord stack status`"
        ) from error
    finally:
        for database in databases:
            database.close()
        with suppress(ConnectError, ConnectUnreachable, SourceUnreachable, psycopg.Error):
            _remove(settings, capture)
        shutil.rmtree(folder, ignore_errors=True)


def _topics() -> dict[str, int]:
    """Topics of the tables, of the transactions and of the notifications, with their partitions."""
    rows = {f"{LIVE_NAMES[TABLE_SOURCE[table]]}.public.{name}": PARTITIONS for table, name in enumerate(TABLES)}
    single = {f"{name}.{what}": 1 for name in LIVE_NAMES for what in ("transaction", "notifications")}
    return rows | single


def _database(settings: Settings, name: str, source: int) -> Connection:
    """A new database with the source's tables."""
    with connect_source(source_dsn(settings.postgres, "postgres")) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    database = connect_source(source_dsn(settings.postgres, name))
    for table, columns in enumerate(COLUMNS):
        if TABLE_SOURCE[table] == source:
            parts = [sql.SQL("{} {} NOT NULL").format(sql.Identifier(n), sql.SQL(_TYPES[kind])) for n, kind in columns]
            database.execute(
                sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY (id))").format(
                    sql.Identifier("public", TABLES[table]), sql.SQL(", ").join(parts)
                )
            )
    return database


def _remove(settings: Settings, capture: Capture) -> None:
    """Connectors, slots, databases and topics of this run or of one that was killed."""
    for name in LIVE_NAMES:
        capture.unregister(name)
    with connect_source(source_dsn(settings.postgres, "postgres")) as server:
        for name in LIVE_NAMES:
            drop_slots(server, name, end_readers=True)
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    for name in LIVE_NAMES:
        delete_topics(settings.kafka, f"{name}.")

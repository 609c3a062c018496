"""Bring a source under capture: prepare its database, fill its connector's template, register it, wait until it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import make_conninfo

from connectors.sources.connect import Connect, ConnectorStatus, fill, load_template
from connectors.sources.database import placeholders, prepare

DEFAULT_ROLE = "concord_capture"
#: part of a libpq connection string -> setting of a connector, below `database.`
_ADDRESS = {"host": "hostname", "port": "port", "dbname": "dbname"}
EMBEDDED_PASSWORD = "concord"  # noqa: S105 - the embedded stack trusts loopback and never asks for it


@dataclass(frozen=True, slots=True)
class Capture:
    """Where the sources' folders, database server, Kafka Connect and registry are.

    `postgres` is a libpq connection string with administrator rights and no database; a source's database has the
    source's name unless `databases` says otherwise. A connector.json that names host, port or database itself, without
    placeholder, wins. `registry_path` is the path of its Confluent-compatible API.
    """

    sources_dir: Path
    postgres: str
    connect_url: str
    registry_url: str
    role: str
    password: str
    databases: Mapping[str, str] = field(default_factory=dict)
    registry_path: str = "/apis/ccompat/v7"

    def dsn(self, source: str) -> str:
        """Administrator's connection string of the source's database. Raises TemplateError."""
        template = load_template(self.folder(source) / "connector.json")
        given = {part: str(template.get(f"database.{name}", "$")) for part, name in _ADDRESS.items()}
        literal = {part: text for part, text in given.items() if "$" not in text}
        return make_conninfo(self.postgres, **{"dbname": self.databases.get(source, source), **literal})

    def folder(self, source: str) -> Path:
        """The source's folder."""
        return self.sources_dir / source

    def config(self, source: str, overrides: Mapping[str, str] | None = None) -> dict[str, str]:
        """The connector's configuration with every placeholder filled; `overrides` win."""
        database = self.databases.get(source, source)
        values = placeholders(self.postgres, database, self.role, self.password, self.registry_url)
        return fill(load_template(self.folder(source) / "connector.json"), values) | dict(overrides or {})

    def prepare(self, source: str) -> None:
        """Run the source's prepare.sql; raises SourceUnreachable or PrepareFailed."""
        prepare(self.dsn(source), self.folder(source) / "prepare.sql", self.role, self.password)

    def register(
        self, source: str, overrides: Mapping[str, str] | None = None, timeout_s: float = 60.0
    ) -> ConnectorStatus:
        """Put the connector under the source's name and wait until its task runs; raises ConnectError."""
        with Connect(self.connect_url) as connect:
            connect.put(source, self.config(source, overrides))
            return connect.wait_running(source, timeout_s)

    def unregister(self, source: str) -> bool:
        """Remove the connector and its offsets; False if there was none. The replication slot stays until the database drops it."""
        with Connect(self.connect_url) as connect:
            return connect.delete(source)

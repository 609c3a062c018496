"""The demo company's three databases: create them empty, or reset them to empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from connectors.sources.database import SlotHeld, drop_slots

SCHEMAS = Path(__file__).resolve().parent / "sql"
SYSTEMS = ("billing", "erp", "support", "crm")
Connection = psycopg.Connection[tuple[Any, ...]]


class CompanyError(Exception):
    """A demo database cannot be reset; the message names it and the next step."""


@dataclass(frozen=True, slots=True)
class Company:
    """Addresses of the databases; `postgres` is a libpq string with administrator rights and no database."""

    postgres: str
    databases: Mapping[str, str] = field(default_factory=dict)

    def database(self, system: str) -> str:
        """Name of the system's database; the system's own name unless told otherwise."""
        return self.databases.get(system, system)

    def dsn(self, system: str) -> str:
        """Connection string of the system's database."""
        return make_conninfo(self.postgres, dbname=self.database(system))

    def connect(self, system: str, autocommit: bool = False) -> Connection:
        """A new connection to the system's database, in UTC."""
        return psycopg.connect(self.dsn(system), autocommit=autocommit, options="-c timezone=UTC")

    def admin(self) -> Connection:
        """A new autocommit connection to the server's maintenance database."""
        return psycopg.connect(make_conninfo(self.postgres, dbname="postgres"), autocommit=True)


def reset(company: Company, systems: Sequence[str] = SYSTEMS) -> None:
    """Make the databases anew with empty tables; raises CompanyError while a connector still captures one."""
    with company.admin() as admin:
        for system in systems:
            _recreate(admin, company.database(system))
    for system in systems:
        with company.connect(system) as conn:
            conn.execute((SCHEMAS / f"{system}.sql").read_bytes())


def remove(company: Company, systems: Sequence[str] = SYSTEMS) -> None:
    """Drop the databases; raises CompanyError while a connector still captures one."""
    with company.admin() as admin:
        for system in systems:
            _drop(admin, company.database(system))


def _recreate(admin: Connection, database: str) -> None:
    _drop(admin, database)
    admin.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(database)))


def _drop(admin: Connection, database: str) -> None:
    try:
        drop_slots(admin, database, end_readers=False)
    except SlotHeld as error:
        raise CompanyError(str(error)) from error
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

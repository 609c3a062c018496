"""A demo company of a test's own: fresh erp and support databases and both services over them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from demo.services.server import running

SQL = Path(__file__).resolve().parents[3] / "demo" / "sql"


class DemoService:
    """One running service: its client, its database, and what a test asks of both."""

    def __init__(self, name: str, url: str, dsn: str) -> None:
        self.name = name
        self.url = url
        self.dsn = dsn
        # the service closes a connection that is idle for five seconds: one that old is not used
        self.http = httpx.Client(base_url=url, timeout=60, limits=httpx.Limits(keepalive_expiry=1.0))

    def put(self, path: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        """PUT with headers given as If_Match="1" and the like."""
        return self.http.put(path, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})

    def fault(self, kind: str, **properties: Any) -> None:
        """Switch one fault on."""
        assert self.http.post("/control/faults", json={"kind": kind, **properties}).status_code == 200

    def no_faults(self) -> None:
        """Switch all faults off."""
        self.http.delete("/control/faults")

    def wait_idle(self) -> None:
        """Until no request of an earlier test is under way any more."""
        deadline = time.monotonic() + 20
        while self.http.get("/health").json()["under_way"]:
            assert time.monotonic() < deadline, f"{self.name} is still busy"
            time.sleep(0.02)

    def effects(self) -> dict[str, int]:
        """Writes carried out, by idempotency key."""
        counts: dict[str, int] = self.http.get("/control/effects").json()
        return counts

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask or change the database behind the service's back, as a person with another tool would."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []


class Company:
    """The ERP (with customer A-000001 in EUR) and the support desk (with its organization)."""

    def __init__(self, erp: DemoService, support: DemoService) -> None:
        self.erp = erp
        self.support = support

    def reset(self) -> None:
        """The state of a new company."""
        self.erp.no_faults()
        self.support.no_faults()
        self.erp.wait_idle()
        self.support.wait_idle()
        self.erp.http.post("/control/period", json={})
        self.erp.sql("TRUNCATE customers, idempotency_keys, service.effects RESTART IDENTITY CASCADE")
        self.erp.sql("INSERT INTO customers (code, name, currency) VALUES ('A-000001', 'Ada GmbH', 'EUR')")
        self.support.sql("TRUNCATE organizations, idempotency_keys, service.effects RESTART IDENTITY CASCADE")
        self.support.sql("INSERT INTO organizations (name, account_ref) VALUES ('Ada GmbH', ' a-000001 ')")


@contextmanager
def fresh_database(postgres: str, source: str) -> Iterator[str]:
    """A new database with the schema of one demo product; gives its DSN, drops it at the end."""
    name = f"test_{source}_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            with psycopg.connect(f"{postgres} dbname={name}", autocommit=True) as connection:
                connection.execute((SQL / f"{source}.sql").read_bytes())
            yield f"{postgres} dbname={name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def founded(postgres: str) -> Iterator[Company]:
    """A company with both services running, for the length of a `with` block."""
    with (
        fresh_database(postgres, "erp") as erp_dsn,
        fresh_database(postgres, "support") as support_dsn,
        running("erp", erp_dsn) as erp,
        running("support", support_dsn) as support,
    ):
        company = Company(DemoService("erp", erp, erp_dsn), DemoService("support", support, support_dsn))
        company.reset()
        yield company

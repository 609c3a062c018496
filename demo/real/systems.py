"""The systems of a run: billing's and the CRM's databases, Tryton and Request Tracker, each reached as its own users reach it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from connectors.targets.description import Timeouts
from connectors.targets.protocol import TransientError
from connectors.targets.request_tracker_session import RequestTrackerSession
from connectors.targets.tryton_session import TrytonSession
from dataflows.settings import Settings, load_settings
from stack.layout import HOST, Layout
from stack.real import request_tracker, tryton

#: source folders below debezium/; each is also the name of its database
SOURCES = ("billing", "tryton", "request_tracker", "crm")
CONTEXT = {"company": 1, "companies": [1]}
#: between two attempts
PAUSE_S = 0.5
_PATIENT = Timeouts(answer_ms=60_000)
_INVOICE = "model.account.invoice"
Rows = list[tuple[Any, ...]]


def environment(layout: Layout) -> dict[str, str]:
    """The settings by which flows and commands find the real systems. Raises StackError if this stack has none."""
    addresses = layout.addresses()
    return addresses.environment() | {
        "CONCORD_SOURCES": json.dumps(SOURCES),
        "CONCORD_CRM_URL": f"http://{HOST}:{layout.port('crm')}",
        "CONCORD_ERP_TARGET": "tryton",
        "CONCORD_ERP_URL": addresses.tryton_url,
        "CONCORD_ERP_USER": tryton.USER,
        "CONCORD_ERP_PASSWORD": tryton.password(layout),
        "CONCORD_SUPPORT_TARGET": "request_tracker",
        "CONCORD_SUPPORT_URL": addresses.request_tracker_url,
        "CONCORD_SUPPORT_USER": request_tracker.USER,
        "CONCORD_SUPPORT_PASSWORD": request_tracker.password(layout),
    }


def settings_of(layout: Layout) -> Settings:
    """The same for this process."""
    told = environment(layout)
    return load_settings(
        sources=SOURCES,
        **{name.removeprefix("CONCORD_").lower(): text for name, text in told.items() if name != "CONCORD_SOURCES"},
    )


class Systems:
    """One run's connections. `tag` keeps its customers apart from those of earlier runs, which stay in Tryton and RT.

    `patient_s`: so long what Tryton could not do for now is tried again; it says 503 where two book at once.
    """

    def __init__(self, layout: Layout, tag: str | None = None, patient_s: float = 0.0) -> None:
        addresses = layout.addresses()
        self.postgres = addresses.postgres
        self.tag = tag or uuid.uuid4().hex[:6].upper()
        self._patient_s = patient_s
        login = (tryton.USER, tryton.password(layout))
        self._tryton = TrytonSession(addresses.tryton_url, tryton.DATABASE, *login, _PATIENT, 1)
        login = (request_tracker.USER, request_tracker.password(layout))
        self._desk = RequestTrackerSession(addresses.request_tracker_url, *login, _PATIENT, 1)
        self._ids: dict[tuple[str, str], int] = {}

    def close(self) -> None:
        """Give the connections back."""
        self._tryton.close()
        self._desk.close()

    @contextmanager
    def database(self, name: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """One transaction on the database of a source."""
        with psycopg.connect(make_conninfo(self.postgres, dbname=name), options="-c timezone=UTC") as connection:
            yield connection

    def rows(self, name: str, query: str, *parameters: Any) -> Rows:
        """All rows of a query on one of the databases."""
        with self.database(name) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def number_from(self, first: int) -> None:
        """Rows of billing's that are not numbered by whoever writes them begin there."""
        with self.database("billing") as billing:
            for table in ("accounts", "subscriptions", "invoices"):
                billing.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table, first))

    def open_customers(self, codes: list[str]) -> None:
        """Tryton's people make the customers, in one request."""
        made = [{"code": code, "name": f"Customer {code}", "addresses": [["create", [{}]]]} for code in codes]
        for code, number in zip(codes, self._tryton.write("model.party.party.create", made), strict=True):
            self._ids["party", code] = int(number)

    def open_group(self, code: str, level: str) -> None:
        """Support's people make the account's group."""
        fields = {"Org Canonical Account": code, "Org Entitlement": f"support:{level}", "Org Delinquent": "no"}
        made = self._desk.write("POST", "/group", {"Name": code, "CustomFields": fields})
        self._ids["group", code] = int(made["id"])

    def open_ticket(self, code: str, subject: str, severity: int) -> int:
        """A customer's case; its number."""
        fields = {"Canonical Account": code, "Severity": str(severity)}
        made = self._desk.write("POST", "/ticket", {"Queue": "Support", "Subject": subject, "CustomFields": fields})
        return int(made["id"])

    def set_group(self, code: str, field: str, value: str) -> None:
        """Somebody, or something, sets one field of the group."""
        self._desk.write("PUT", f"/group/{self._ids['group', code]}", {"CustomFields": {field: value}})

    def book(self, code: str, reference: str, lines: list[tuple[str, str]], post: bool = True) -> None:
        """Make a document in Tryton and post it: (text, amount in major units) a line; a credit note is negative."""
        self._book(code, reference, [self._line(*line) for line in lines], post)

    def book_service(
        self, code: str, reference: str, lines: list[tuple[str, str]], period: tuple[date, date] | None
    ) -> None:
        """A posted document of service lines: over this period, whose last day is not included, or nobody said for when."""
        service = {
            "product": self._id("product.product", "code", "SERVICE"),
            "unit": self._id("product.uom", "name", "Unit"),
        }
        days = {"defer_from": period[0], "defer_to": period[1] - timedelta(days=1)} if period else {}
        self._book(code, reference, [self._line(*line) | service | days for line in lines], post=True)

    def close_period(self) -> None:
        """Accounting closes Tryton's period of today, and with it those of its journals."""
        self._ask("model.account.period.close", self._periods())

    def reopen_period(self) -> None:
        """Accounting opens it again; its journals' periods are opened each by itself."""
        periods = self._periods()
        self._ask("model.account.period.reopen", periods)
        domain = [["period", "in", periods], ["state", "=", "closed"]]
        closed = self._tryton.read("model.account.journal.period.search", domain, 0, None, None, context=CONTEXT)
        self._ask("model.account.journal.period.reopen", list(closed))

    def _periods(self) -> list[int]:
        today = datetime.now(UTC).date()
        domain = [["type", "=", "standard"], ["start_date", "<=", today], ["end_date", ">=", today]]
        return list(self._tryton.read("model.account.period.search", domain, 0, None, None, context=CONTEXT))

    def _book(self, code: str, reference: str, lines: list[dict[str, Any]], post: bool) -> None:
        party = self._tryton.read("model.party.party.read", [self._ids["party", code]], ["addresses"], context=CONTEXT)
        values = {
            "type": "out",
            "company": 1,
            "party": self._ids["party", code],
            "invoice_address": party[0]["addresses"][0],
            "account": self._id("account.account", "type.receivable", True),
            "journal": self._id("account.journal", "type", "revenue"),
            "currency": self._id("currency.currency", "code", "USD"),
            "reference": reference,
            "description": "carried by the old integration",
            "lines": [["create", lines]],
        }
        (made,) = self._ask(f"{_INVOICE}.create", [values])
        if post:
            self._ask(f"{_INVOICE}.post", [made])

    def _ask(self, method: str, *parameters: Any) -> Any:
        """Write; again while it was certainly not done and patience lasts."""
        deadline = time.monotonic() + self._patient_s
        while True:
            try:
                return self._tryton.write(method, *parameters, context=CONTEXT)
            except TransientError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE_S)

    def _line(self, text: str, amount: str) -> dict[str, Any]:
        return {
            "type": "line",
            "company": 1,
            "currency": self._id("currency.currency", "code", "USD"),
            "description": text,
            "quantity": 1,
            "unit_price": Decimal(amount),
            "account": self._id("account.account", "code", "4.1.2"),
            "taxes": [],
        }

    def _id(self, model: str, field: str, value: str | bool) -> int:
        if (model, str(value)) not in self._ids:
            found = self._tryton.read(f"model.{model}.search", [[field, "=", value]], 0, 1, None, context=CONTEXT)
            self._ids[model, str(value)] = int(found[0])
        return self._ids[model, str(value)]

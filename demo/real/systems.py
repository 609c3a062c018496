"""The three systems of a run: billing's database, Tryton and Request Tracker, each reached as its own users reach it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from connectors.targets.description import Timeouts
from connectors.targets.request_tracker_session import RequestTrackerSession
from connectors.targets.tryton_session import TrytonSession
from dataflows.settings import Settings, load_settings
from stack.layout import Layout
from stack.real import request_tracker, tryton

#: source folders below debezium/; each is also the name of its database
SOURCES = ("billing", "tryton", "request_tracker")
CONTEXT = {"company": 1, "companies": [1]}
_PATIENT = Timeouts(answer_ms=60_000)
_INVOICE = "model.account.invoice"
Rows = list[tuple[Any, ...]]


def environment(layout: Layout) -> dict[str, str]:
    """The settings by which flows and commands find the real systems. Raises StackError if this stack has none."""
    addresses = layout.addresses()
    return addresses.environment() | {
        "CONCORD_SOURCES": '["billing", "tryton", "request_tracker"]',
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
    """One run's connections. `tag` keeps its customers apart from those of earlier runs, which stay in Tryton and RT."""

    def __init__(self, layout: Layout) -> None:
        addresses = layout.addresses()
        self.postgres = addresses.postgres
        self.tag = uuid.uuid4().hex[:6].upper()
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

    def set_group(self, code: str, field: str, value: str) -> None:
        """Somebody, or something, sets one field of the group."""
        self._desk.write("PUT", f"/group/{self._ids['group', code]}", {"CustomFields": {field: value}})

    def book(self, code: str, reference: str, lines: list[tuple[str, str]], post: bool = True) -> None:
        """Make a document in Tryton and post it: (text, amount in major units) a line; a credit note is negative."""
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
            "lines": [["create", [self._line(text, amount) for text, amount in lines]]],
        }
        (made,) = self._tryton.write(f"{_INVOICE}.create", [values], context=CONTEXT)
        if post:
            self._tryton.write(f"{_INVOICE}.post", [made], context=CONTEXT)

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

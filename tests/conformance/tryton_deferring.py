"""Deferrals of a customer's invoices in Tryton's own tables, and what its accountants do with them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg

from connectors.targets.tryton_session import TrytonSession

_DEFERRED = """
SELECT l.description, d.start_date::text, d.end_date::text, d.amount::numeric(18,2)::text, d.state, d.id
FROM account_invoice_deferred d JOIN account_invoice_line l ON l.id = d.invoice_line
JOIN account_invoice i ON i.id = l.invoice JOIN party_party p ON p.id = i.party WHERE p.code = %s ORDER BY l.description
"""
_MODEL = "model.account.invoice.deferred"


class Deferring:
    """Reads by SQL, writes as a person."""

    def __init__(
        self, person: TrytonSession, preferences: dict[str, Any], database: psycopg.Connection[tuple[Any, ...]]
    ) -> None:
        self._person, self._preferences, self._database = person, preferences, database

    def all(self, code: str) -> list[tuple[str, ...]]:
        """Line, first and last day, amount, state, id: by line."""
        return [tuple(map(str, row)) for row in self._database.execute(_DEFERRED, (code,)).fetchall()]

    def lose(self, code: str, line: str) -> None:
        """Somebody deletes one."""
        self._person.write(f"{_MODEL}.delete", [self._id(code, line)], context=self._preferences)

    def move(self, code: str, line: str, last: str) -> None:
        """Somebody gives one another last day."""
        change = {"end_date": dt.date.fromisoformat(last)}
        self._person.write(f"{_MODEL}.write", [self._id(code, line)], change, context=self._preferences)

    def run(self, code: str) -> None:
        """Accounting runs them: Tryton books from now on."""
        for *_, number in self.all(code):
            self._person.write(f"{_MODEL}.run", [int(number)], context=self._preferences)

    def _id(self, code: str, line: str) -> int:
        return next(int(row[-1]) for row in self.all(code) if row[0] == line)

"""The demo ERP's resources: sales invoices and credit notes, with a period that can be closed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from demo.services import fields
from demo.services.answers import Refused, invalid
from demo.services.writes import Connection

INVOICE_STATES = ("draft", "posted", "paid", "cancelled")


class Ledger:
    """The ERP's booking periods: nothing may be booked before the first open day."""

    def __init__(self) -> None:
        self.first_open_day: datetime.date | None = None

    def check(self, posted_on: datetime.date) -> None:
        """Raise PERIOD_CLOSED, with the first open day, for a date in a closed period."""
        if self.first_open_day is not None and posted_on < self.first_open_day:
            raise Refused(
                422,
                "PERIOD_CLOSED",
                f"the period of {posted_on} is closed. Next step: book on {self.first_open_day} or later, with approval",
                {"first_open_day": self.first_open_day.isoformat(), "posted_on": posted_on.isoformat()},
            )


async def _customer(connection: Connection, code: str, currency: str | None) -> int:
    """The customer's id; raises Refused for an unknown code or another currency."""
    cursor = await connection.execute("SELECT id, currency FROM customers WHERE code = %s", [code])
    row = await cursor.fetchone()
    if row is None:
        raise Refused(
            422, "CUSTOMER_UNKNOWN", f"no customer has the code {code!r}. Next step: create the customer first"
        )
    if currency is not None and row["currency"] != currency:
        raise Refused(
            422,
            "CURRENCY_MISMATCH",
            f"customer {code!r} is booked in {row['currency']}, not {currency}. Next step: correct the currency of the document",
        )
    return int(row["id"])


async def _posting_day(
    connection: Connection, body: Mapping[str, Any], before: Mapping[str, Any] | None
) -> datetime.date:
    """The day that the document is booked on: as asked, as it was, or today by the database's clock."""
    if "posted_on" in body:
        return fields.day(body["posted_on"], "posted_on")
    if before is not None and before["posted_on"]:
        return fields.day(before["posted_on"], "posted_on")
    row = await (await connection.execute("SELECT current_date AS today")).fetchone()
    today: datetime.date = row["today"] if row else datetime.date.min
    return today


class SalesInvoices:
    """Sales invoices by their reference (billing's invoice number). Held: total = sum of the lines."""

    name = "sales_invoices"
    known = ("reference", "customer", "currency", "state", "total", "lines", "posted_on")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def read(self, connection: Connection, reference: str, lock: bool) -> dict[str, Any] | None:
        """The invoice with its lines; amounts as exact text."""
        cursor = await connection.execute(
            "SELECT i.id, i.reference, c.code AS customer, c.currency, i.state, i.total::text AS total,"
            " i.posted_on::text AS posted_on, i.version FROM sales_invoices i JOIN customers c ON c.id = i.customer_id"
            " WHERE i.reference = %s" + (" FOR UPDATE OF i" if lock else ""),
            [reference],
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        cursor = await connection.execute(
            "SELECT description, amount::text AS amount, period_from::text AS period_from, period_until::text AS period_until"
            " FROM sales_invoice_lines WHERE sales_invoice_id = %s ORDER BY id",
            [row.pop("id")],
        )
        shown = [{name: value for name, value in line.items() if value is not None} for line in await cursor.fetchall()]
        return {**row, "lines": shown}

    async def write(
        self, connection: Connection, reference: str, before: dict[str, Any] | None, body: Mapping[str, Any]
    ) -> None:
        """Set the fields that the body names; the lines are replaced as a whole."""
        fields.only(body, self.known)
        if body.get("reference", reference) != reference:
            raise invalid("reference", "cannot be changed")
        after = {"lines": [], **(before or {}), **body}
        customer = await _customer(connection, fields.text(after, "customer"), after.get("currency"))
        state = fields.text(after, "state", INVOICE_STATES)
        total, lines = fields.money(after.get("total"), "total"), fields.lines(after)
        if lines and sum((line.amount for line in lines), Decimal(0)) != total:
            raise Refused(
                422, "LINES_DO_NOT_ADD_UP", f"the lines of {reference!r} do not add up to {total}. Next step: send both"
            )
        posted_on = await _posting_day(connection, body, before)
        self._ledger.check(posted_on)
        cursor = await connection.execute(
            "INSERT INTO sales_invoices (customer_id, reference, state, total, posted_on) VALUES (%s, %s, %s, %s, %s) RETURNING id"
            if before is None
            else "UPDATE sales_invoices SET customer_id = %s, reference = %s, state = %s, total = %s, posted_on = %s,"
            " version = version + 1 WHERE reference = %s RETURNING id",
            [customer, reference, state, total, posted_on] + ([] if before is None else [reference]),
        )
        row = await cursor.fetchone()
        if before is None or "lines" in body:
            await self._replace_lines(connection, int(row["id"]) if row else 0, lines)

    async def _replace_lines(self, connection: Connection, invoice: int, lines: list[fields.Line]) -> None:
        await connection.execute("DELETE FROM sales_invoice_lines WHERE sales_invoice_id = %s", [invoice])
        for line in lines:
            await connection.execute(
                "INSERT INTO sales_invoice_lines (sales_invoice_id, description, amount, period_from, period_until)"
                " VALUES (%s, %s, %s, %s, %s)",
                [invoice, *line],
            )


class CreditNotes:
    """Credit notes by their reference (billing's credit number)."""

    name = "credit_notes"
    known = ("reference", "customer", "currency", "amount", "posted_on")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def read(self, connection: Connection, reference: str, lock: bool) -> dict[str, Any] | None:
        """The credit note; the amount as exact text."""
        cursor = await connection.execute(
            "SELECT n.reference, c.code AS customer, c.currency, n.amount::text AS amount, n.posted_on::text AS posted_on,"
            " n.version FROM credit_notes n JOIN customers c ON c.id = n.customer_id WHERE n.reference = %s"
            + (" FOR UPDATE OF n" if lock else ""),
            [reference],
        )
        return await cursor.fetchone()

    async def write(
        self, connection: Connection, reference: str, before: dict[str, Any] | None, body: Mapping[str, Any]
    ) -> None:
        """Set the fields that the body names."""
        fields.only(body, self.known)
        if body.get("reference", reference) != reference:
            raise invalid("reference", "cannot be changed")
        after = {**(before or {}), **body}
        customer = await _customer(connection, fields.text(after, "customer"), after.get("currency"))
        amount = fields.money(after.get("amount"), "amount")
        posted_on = await _posting_day(connection, body, before)
        self._ledger.check(posted_on)
        await connection.execute(
            "INSERT INTO credit_notes (customer_id, amount, posted_on, reference) VALUES (%s, %s, %s, %s)"
            if before is None
            else "UPDATE credit_notes SET customer_id = %s, amount = %s, posted_on = %s, version = version + 1"
            " WHERE reference = %s",
            [customer, amount, posted_on, reference],
        )

"""Tryton's invoices as Concord reads and makes them: one entry per document, one method per step, nothing decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from connectors.targets.protocol import BusinessRefusal, Misconfigured, NotYet
from connectors.targets.tryton_deferrals import Deferrals
from connectors.targets.tryton_documents import INVOICE, TRACE, Entry, Line, entry_of
from connectors.targets.tryton_session import Row, TrytonSession

_INVOICE, _LINE = f"model.{INVOICE}", f"model.{INVOICE}.line"
_FIELDS = (
    "state", "number", "reference", "description", "total_amount", "amount_to_pay", "invoice_date", "accounting_date",
    "lines", "write_date", "create_date", "party.code", "currency.code", "_timestamp",
)  # fmt: skip


@dataclass(frozen=True)
class Chart:
    """Where Concord books: names and codes as they are in this Tryton."""

    company: int
    revenue_account: str
    payment_method: str | None
    service_product: str | None = None


class Books:
    """The invoices of one company."""

    def __init__(self, session: TrytonSession, chart: Chart) -> None:
        self._session, self._chart = session, chart
        self._context = {"company": chart.company, "companies": [chart.company]}
        self._known: dict[tuple[str, str | bool], int] = {}
        self.deferrals = Deferrals(session, chart.company, chart.service_product)

    def entries(self, reference: str) -> list[Entry]:
        """Every customer document with this reference, oldest first."""
        mine = [["reference", "=", reference], ["type", "=", "out"], ["company", "=", self._chart.company]]
        rows = self._search(_INVOICE, mine, _FIELDS)
        wanted = [line for row in rows for line in row["lines"]]
        lines: list[Row] = []
        if wanted:
            fields = ["type", "description", "amount", *self.deferrals.line_fields]
            lines = self._session.read(f"{_LINE}.read", wanted, fields, context=self._context)
        deferrals, by_id = self.deferrals.of(lines), {row["id"]: row for row in lines}
        rows.sort(key=lambda one: one["id"])
        return [entry_of(row, [by_id[one] for one in row["lines"]], deferrals) for row in rows]

    def parties(self, code: str) -> list[Row]:
        """Customers of this code with their addresses and accounts."""
        fields = ("code", "name", "active", "addresses", "account_receivable", "_timestamp")
        return self._search("model.party.party", [["code", "=", code]], fields)

    def draft(self, desired: Mapping[str, str], lines: Sequence[Line], key: str, booked_on: date | None) -> int:
        """Make a draft, which books nothing; returns its id."""
        found = self.parties(desired["customer"])
        if not found:
            raise NotYet("CUSTOMER_UNKNOWN", f"tryton has no party with code {desired['customer']!r} yet")
        party = found[0]
        if not party["addresses"]:
            reason = f"tryton: the party {desired['customer']} has no address, which an invoice needs"
            raise BusinessRefusal("ADDRESS_MISSING", reason, {"party": desired["customer"]})
        values = {
            "type": "out",
            "company": self._chart.company,
            "party": party["id"],
            "invoice_address": party["addresses"][0],
            "account": party["account_receivable"] or self._id("account.account", "type.receivable", True),
            "journal": self._id("account.journal", "type", "revenue"),
            "currency": self._id("currency.currency", "code", desired["currency"]),
            "reference": desired["reference"],
            "description": TRACE + key,
            "accounting_date": booked_on,
            "lines": [["create", self._line_values(lines, desired["currency"])]],
        }
        (made,) = self._session.write(f"{_INVOICE}.create", [values], context=self._context)
        return int(made)

    def refill(self, entry: Entry, lines: Sequence[Line], key: str, booked_on: date | None) -> None:
        """Give a draft these lines, unless somebody has touched it since it was read."""
        old = self._search(_INVOICE, [["id", "=", entry.id]], ("lines",))[0]["lines"]
        change = [["delete", old], ["create", self._line_values(lines, entry.currency)]]
        values: Row = {"lines": change, "description": TRACE + key}
        if booked_on is not None:
            values["accounting_date"] = booked_on
        self._session.write(f"{_INVOICE}.write", [entry.id], values, context=self._only(entry))

    def post(self, entry: Entry) -> None:
        """Book it. On a booked one this does nothing and says so to nobody: callers read again."""
        self._session.write(f"{_INVOICE}.post", [entry.id], context=self._only(entry))

    def drop(self, ids: Sequence[int]) -> None:
        """Delete drafts that were never booked."""
        if ids:
            self._session.write(f"{_INVOICE}.delete", list(ids), context=self._context)

    def cancel(self, entry: Entry) -> None:
        """Cancel a draft."""
        self._session.write(f"{_INVOICE}.cancel", [entry.id], context=self._only(entry))

    def refund(self, entry: Entry, booked_on: date | None) -> None:
        """Take a posted document back by a credit note of `booked_on` (else of today), in one transaction of Tryton."""
        start = {"with_refund": True, "invoice_date": booked_on}
        self._wizard("account.invoice.credit", entry, [("credit", {"start": start})])

    def pay(self, entry: Entry, key: str, today: date) -> None:
        """Book the payment of what is open. Tryton refuses more than that, so a second time has no effect."""
        if self._chart.payment_method is None:
            reason = "no `payment_method` is described. Next step: name one, or let Tryton's own people book payments"
            raise BusinessRefusal("PAYMENT_NOT_DESCRIBED", f"tryton: {reason}", {"invoice": entry.reference})
        method = self._id("account.invoice.payment.method", "name", self._chart.payment_method)
        start = {"amount": entry.to_pay, "date": today, "payment_method": method, "description": TRACE + key}
        self._wizard("account.invoice.pay", entry, [("choice", {"start": start})])

    def first_open_day(self, day: date) -> date | None:
        """`day` if its period is open, else the first later day whose period is; None if there is no such day."""
        company = ["fiscalyear.company", "=", self._chart.company]
        domain = [company, ["type", "=", "standard"], ["state", "=", "open"], ["end_date", ">=", day]]
        periods = self._search("model.account.period", domain, ("start_date", "end_date"))
        days = sorted(max(day, period["start_date"]) for period in periods)
        return days[0] if days else None

    def _wizard(self, name: str, entry: Entry, steps: Sequence[tuple[str, Mapping[str, Row]]]) -> None:
        """Run a wizard on one document, conditional on its timestamp; its first state gives the defaults."""
        context = self._only(entry) | {
            "active_model": "account.invoice",
            "active_id": entry.id,
            "active_ids": [entry.id],
        }
        run = f"wizard.{name}"
        number, start, _end = self._session.write(f"{run}.create", context=context)
        shown = self._session.write(f"{run}.execute", number, {}, start, context=context)
        for state, given in steps:
            view = shown.get("view", {})
            data = {view["state"]: {k: v for k, v in view["defaults"].items() if "." not in k} | given[view["state"]]}
            shown = self._session.write(f"{run}.execute", number, data, state, context=context)
        if "view" in shown:
            asked = f"tryton asks for a decision in {name} ({shown['view'].get('state')})"
            raise BusinessRefusal("TRYTON_ASKS", asked, {"document": entry.number or str(entry.id)})
        self._session.read(f"{run}.delete", number, context=context)

    def _line_values(self, lines: Sequence[Line], currency: str) -> list[Row]:
        account = self._id("account.account", "code", self._chart.revenue_account)
        return [
            {
                "type": "line",
                "company": self._chart.company,
                "currency": self._id("currency.currency", "code", currency),
                "description": line.description,
                "quantity": 1,
                "unit_price": line.amount,
                "account": account,
                "taxes": [],
                **self.deferrals.of_line(line),
            }
            for line in lines
        ]

    def _search(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> list[Row]:
        found = self._session.read(
            f"{model}.search_read", list(domain), 0, None, None, list(fields), context=self._context
        )
        return list(found)

    def _id(self, model: str, field: str, value: str | bool) -> int:
        """The id of a record that does not change while we run (an account, a currency)."""
        if (model, value) not in self._known:
            found = self._search(f"model.{model}", [[field, "=", value]], ("id",))
            if not found:
                reason = f"tryton has no {model} with {field} {value!r}. Next step: correct the target's description"
                raise Misconfigured("NOT_DESCRIBED", reason)
            self._known[model, value] = int(found[0]["id"])
        return self._known[model, value]

    def _only(self, entry: Entry) -> Row:
        """The context of a write that must find the document as it was read."""
        return self._context | {"_timestamp": {f"account.invoice,{entry.id}": entry.timestamp}}

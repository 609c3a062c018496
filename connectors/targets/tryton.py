"""The adapter of Tryton 8.2: invoices and credit notes over JSON-RPC, conditional on what was read; customers by their code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import httpx
from pydantic import Field

from connectors.targets.description import AdapterDescription, FieldType
from connectors.targets.guard import Guard, utc_now
from connectors.targets.protocol import (
    BusinessRefusal,
    Conflict,
    Declared,
    InDoubt,
    Misconfigured,
    Snapshot,
    TerminalError,
    TransientError,
    Write,
)
from connectors.targets.tryton_books import Books, Chart
from connectors.targets.tryton_documents import BOOKED, DRAFTS, current, leftovers, lines_of
from connectors.targets.tryton_notes import Notes
from connectors.targets.tryton_plan import OnRefusal, Planner
from connectors.targets.tryton_schedule import Scheduler, token
from connectors.targets.tryton_session import TrytonSession
from connectors.targets.tryton_wish import fields_of, has_periods, same_lines, wish_of
from connectors.targets.values import equal
from state.correcting.lane import Promise

_TEXT, _AMOUNT = FieldType(type="text"), FieldType(type="decimal")
_KINDS = {"total": _AMOUNT, "amount": _AMOUNT}
_REFUSALS = (
    "PERIOD_CLOSED", "INVOICE_PAID", "DUPLICATE_AT_TARGET", "PLAN_HELD", "PLAN_UNDONE", "PERIOD_NOT_HELD", "SCHEDULE_RUNNING",
)  # fmt: skip
_SEARCH = "reference of customer documents"
DECLARED = {
    "invoice": Declared(
        frozenset({"reference", "customer", "currency", "state", "total", "lines", "posted_on"}),
        tier_create="B",
        tier_update="A",
        conditioned_by="_timestamp",
        search=_SEARCH,
        trace="note; the key in the description",
        refusals=_REFUSALS,
    ),
    "schedule": Declared(
        frozenset({"reference", "lines"}),
        tier_create="A",
        tier_update="A",
        conditioned_by="_timestamp",
        search="deferral of an invoice line, unique",
        trace="note at the invoice",
        refusals=("PERIOD_NOT_HELD", "SCHEDULE_RUNNING", "NOT_DEFERRABLE", "DUPLICATE_AT_TARGET"),
    ),
    "credit": Declared(
        frozenset({"reference", "customer", "currency", "amount", "posted_on"}),
        tier_create="B",
        tier_update="A",
        conditioned_by="_timestamp",
        search=_SEARCH,
        trace="note; the key in the description",
        refusals=_REFUSALS,
    ),
    "customer": Declared(
        frozenset({"code", "name"}),
        tier_create="A",
        tier_update="A",
        conditioned_by="_timestamp",
        search="party.code, unique",
        trace="note",
    ),
}


class TrytonDescription(AdapterDescription):
    """How this Tryton is reached and where Concord books in it."""

    adapter: Literal["tryton"]
    database: str
    company: int = Field(default=1, ge=1)
    revenue_account: str
    payment_method: str | None = None
    service_product: str | None = None
    trace_notes: bool = True
    when_last_step_refused: OnRefusal = "hold"
    plan_deadline_s: int = Field(default=900, ge=1)


class TrytonTarget:
    """One Tryton database. `transport` replaces the network in tests; `now` is the clock of deadlines and of 'today'."""

    declares = DECLARED

    def __init__(
        self,
        name: str,
        description: TrytonDescription,
        base_url: str,
        login: tuple[str, str],
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = name
        self.promise = Promise(
            tier="B",
            concurrency=description.concurrency,
            resources={"invoice": "documents", "schedule": "documents", "credit": "documents", "customer": "parties"},
            key_window_ms=None,
            conditional=True,
        )
        self._session = TrytonSession(
            base_url, description.database, *login, description.timeouts, description.concurrency, transport, now
        )
        chart = Chart(
            description.company, description.revenue_account, description.payment_method, description.service_product
        )
        self._books = Books(self._session, chart)
        deadline = timedelta(seconds=description.plan_deadline_s)
        self._notes = Notes(self._session, description.trace_notes)
        self._planner = Planner(self._books, self._notes, description.when_last_step_refused, deadline, now)
        self._scheduler = Scheduler(self._books, self._notes)
        self._guard = Guard(name, description.breaker, now)

    def read(self, object_name: str, place: Mapping[str, str]) -> Snapshot | None:
        """The document with this reference (the customer with this code), or None. Raises TargetError."""
        if object_name == "customer":
            return self._guard.read(lambda: self._customer(place["object_id"]))
        if object_name not in DECLARED:
            raise Misconfigured("NOT_WRITABLE", f"tryton has no object {object_name!r}. Next step: check the rule")
        reference = place.get("reference", place["object_id"])
        found = self._guard.read(lambda: current(self._books.entries(reference)))
        if found is None:
            return None
        if object_name == "schedule":
            return Snapshot(fields_of(object_name, found), token(found))
        unfinished = found.key if found.state in DRAFTS or found.state == "posted" else None  # posted, not yet paid
        return Snapshot(fields_of(object_name, found), found.timestamp, unfinished)

    def write(self, write: Write) -> None:
        """Bring the document to what is desired, in as many steps as Tryton needs. Raises TargetError."""
        declared = DECLARED.get(write.object)
        if declared is None or (unknown := sorted(set(write.desired) - declared.fields)):
            what = repr(unknown[0]) if declared else repr(write.object)
            raise Misconfigured("NOT_WRITABLE", f"tryton cannot write {what}. Next step: check the rule")
        if write.object == "customer":
            self._guard.call(lambda: self._write_customer(write))
        elif write.object == "schedule":
            self._guard.call(lambda: self._scheduler.bring(write))
        else:
            wish = wish_of(write)
            self._guard.call(lambda: self._planner.bring(wish))

    def tidy(self, object_name: str, place: Mapping[str, str], key: str) -> Mapping[str, str]:
        """Delete drafts of this write beside the document that counts. Raises TargetError, DUPLICATE_AT_TARGET for two."""
        if object_name in ("customer", "schedule"):  # a code is unique, and so is the deferral of a line
            return {}
        reference = place.get("reference", place["object_id"])
        left = self._guard.read(lambda: leftovers(self._books.entries(reference), key))
        if not left:
            return {}
        self._guard.call(lambda: self._books.drop(left))
        return {"draft": ", ".join(map(str, left))}

    def shows(self, object_name: str, snapshot: Snapshot, desired: Mapping[str, str]) -> bool:
        """Whether every desired field is shown; a credit note counts only once it is booked."""
        if object_name == "credit" and snapshot.fields["state"] not in BOOKED:
            return False
        given = snapshot.fields
        return all(
            name in given
            and (
                _lines_shown(object_name, given, text)
                if name == "lines"
                else equal(given[name], text, _KINDS.get(name, _TEXT))
            )
            for name, text in desired.items()
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _customer(self, code: str) -> Snapshot | None:
        found = self._books.parties(code)
        if not found:
            return None
        return Snapshot({"code": found[0]["code"], "name": found[0]["name"] or ""}, found[0]["_timestamp"])

    def _write_customer(self, write: Write) -> None:
        """Codes are unique: of two that create one, Tryton refuses the second."""
        code = write.place["object_id"]
        found = self._books.parties(code)
        if write.token is None:
            if found:
                raise Conflict("EXISTS", f"tryton has a party with code {code!r} by now")
            values = {"code": code, **write.desired, "addresses": [["create", [{}]]]}
            try:
                self._session.write("model.party.party.create", [values])
            except BusinessRefusal as error:
                if self._books.parties(code):
                    raise Conflict("EXISTS", error.reason) from error
                raise
            self._sign_customer(write)
            return
        if not found:
            raise Conflict("GONE", f"tryton has no party with code {code!r} any more")
        stamp = {f"party.party,{found[0]['id']}": write.token}
        self._session.write(
            "model.party.party.write", [found[0]["id"]], dict(write.desired), context={"_timestamp": stamp}
        )
        self._sign_customer(write)

    def _sign_customer(self, write: Write) -> None:
        """The trace of what is written by now: what goes wrong with it is doubt, which is looked at."""
        try:
            found = self._books.parties(write.place["object_id"])
            self._notes.ensure("party.party", found[0]["id"], write.trace.text)
        except (TransientError, TerminalError) as error:
            raise InDoubt("NOT_TRACED", f"tryton has the customer and not its note: {error.reason}") from error


def _lines_shown(object_name: str, given: Mapping[str, str], text: str) -> bool:
    """Periods are the matter of `schedule`; of a draft they must be right before it is booked."""
    shown, wanted = lines_of(given["lines"]), lines_of(text)
    if object_name == "schedule":
        return has_periods(shown, wanted) and same_lines(shown, wanted, False)
    return same_lines(shown, wanted, given.get("state") in DRAFTS)

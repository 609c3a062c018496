"""The adapter of Tryton 8.2: invoices and credit notes over JSON-RPC, conditional on what was read; customers by their code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
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
from connectors.targets.tryton_books import BOOKED, DRAFTS, Books, Chart, Entry, Line, current, lines_of
from connectors.targets.tryton_notes import Notes
from connectors.targets.tryton_plan import OnRefusal, Planner, Wish
from connectors.targets.tryton_session import TrytonSession
from connectors.targets.values import equal
from state.correcting.lane import Promise

_TEXT, _AMOUNT, _LINES = FieldType(type="text"), FieldType(type="decimal"), FieldType(type="lines", amounts=("amount",))
_KINDS = {"total": _AMOUNT, "amount": _AMOUNT, "lines": _LINES}
_REFUSALS = ("PERIOD_CLOSED", "INVOICE_PAID", "DUPLICATE_AT_TARGET", "PLAN_HELD", "PLAN_UNDONE")
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
            resources={"invoice": "documents", "credit": "documents", "customer": "parties"},
            key_window_ms=None,
            conditional=True,
        )
        self._session = TrytonSession(
            base_url, description.database, *login, description.timeouts, description.concurrency, transport, now
        )
        chart = Chart(description.company, description.revenue_account, description.payment_method)
        self._books = Books(self._session, chart)
        deadline = timedelta(seconds=description.plan_deadline_s)
        self._notes = Notes(self._session, description.trace_notes)
        self._planner = Planner(self._books, self._notes, description.when_last_step_refused, deadline, now)
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
        unfinished = found.key if found.state in DRAFTS or found.state == "posted" else None  # posted, not yet paid
        return Snapshot(_fields(object_name, found), found.timestamp, unfinished)

    def write(self, write: Write) -> None:
        """Bring the document to what is desired, in as many steps as Tryton needs. Raises TargetError."""
        declared = DECLARED.get(write.object)
        if declared is None or (unknown := sorted(set(write.desired) - declared.fields)):
            what = repr(unknown[0]) if declared else repr(write.object)
            raise Misconfigured("NOT_WRITABLE", f"tryton cannot write {what}. Next step: check the rule")
        if write.object == "customer":
            self._guard.call(lambda: self._write_customer(write))
        else:
            wish = _wish(write)
            self._guard.call(lambda: self._planner.bring(wish))

    def tidy(self, object_name: str, place: Mapping[str, str], key: str) -> Mapping[str, str]:
        """Delete drafts of this write beside the document that counts. Raises TargetError, DUPLICATE_AT_TARGET for two."""
        if object_name == "customer":  # its code is unique
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
            name in given and equal(given[name], text, _KINDS.get(name, _TEXT)) for name, text in desired.items()
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


def leftovers(entries: Sequence[Entry], key: str) -> list[int]:
    """Drafts that this write has made and that are not the document that counts. Raises as `current`."""
    counts = current(entries)
    return [one.id for one in entries if one.state in DRAFTS and one.key == key and one is not counts]


def _fields(object_name: str, entry: Entry) -> dict[str, str]:
    """The document in canonical words, amounts as exact text."""
    shown = {
        "reference": entry.reference,
        "customer": entry.customer,
        "currency": entry.currency,
        "state": entry.state,
        "posted_on": str(entry.booked_on or ""),
    }
    if object_name == "credit":
        return shown | {"amount": f"{-entry.total:f}"}
    lines = [{"description": line.description, "amount": f"{line.amount:f}"} for line in entry.lines]
    return shown | {"total": f"{entry.total:f}", "lines": json.dumps(lines)}


def _wish(write: Write) -> Wish:
    """What is desired as a document; raises Misconfigured or BusinessRefusal where it cannot be one."""
    desired = write.desired
    day = date.fromisoformat(desired["posted_on"]) if desired.get("posted_on") else None
    try:
        if write.object == "credit":
            lines: tuple[Line, ...] = (Line(f"Credit {desired['reference']}", -Decimal(desired["amount"])),)
            return Wish(write, desired["customer"], desired["currency"], "posted", lines, day)
        lines, total = lines_of(desired["lines"]), Decimal(desired["total"])
    except (ValueError, KeyError, InvalidOperation) as error:
        raise Misconfigured(
            "BAD_DESIRED", f"the desired {write.object} lacks {error!r}. Next step: check the rule"
        ) from error
    if sum(line.amount for line in lines) != total:
        reason = f"the lines of {desired['reference']} are {sum(line.amount for line in lines)}, its total is {total}"
        raise BusinessRefusal("LINES_DIFFER", f"{reason}: tax must be a line of its own", {"total": desired["total"]})
    return Wish(write, desired["customer"], desired["currency"], desired["state"], lines, day)

"""The adapter of Tryton against Tryton 8.2: invoices, read back from its own tables."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import psycopg

from connectors.targets.description import Timeouts, parsed, raw
from connectors.targets.guard import utc_now
from connectors.targets.tryton import TrytonDescription, TrytonTarget
from connectors.targets.tryton_books import Books, Chart
from connectors.targets.tryton_documents import lines_of
from connectors.targets.tryton_session import TrytonSession
from stack.fault_proxy import Fault, FaultProxy, Request
from tests.conformance.subject import PATIENT_MS, Case, Subject, When, hurried
from tests.conformance.tryton_deferring import Deferring

#: begin of a month that `refusal` closes: the books of last year, this one and the next are open
CLOSED_FROM = dt.date(dt.datetime.now(dt.UTC).year - 1, 1, 1)
_LINES = [{"description": "Usage", "amount": "19.00"}, {"description": "Pro", "amount": "100.00"}]
_TRUTH = """
SELECT i.id, i.reference, p.code, c.code, i.state, i.total_amount_cache::numeric(18,2)::text, i.comment FROM account_invoice i
JOIN party_party p ON p.id = i.party JOIN currency_currency c ON c.id = i.currency
WHERE i.reference = %s AND i.number IS NOT NULL ORDER BY i.state = 'cancelled', i.id
"""


def calls(*words: str) -> When:
    """Whether a request calls one of these methods."""
    named = [f'"{word}"'.encode() for word in words]
    return lambda request: any(word in request.body for word in named)


def refunds(request: Request) -> bool:
    """Whether a request is the step of the credit wizard that books."""
    return b"wizard.account.invoice.credit.execute" in request.body and b"with_refund" in request.body


class TrytonSubject(Subject):
    """Customer invoices of the company's books."""

    name = "erp"
    object = "invoice"

    def __init__(self, proxy: FaultProxy, url: str, login: tuple[str, str], database: str) -> None:
        self.proxy, self._login = proxy, login
        self._description = parsed("tryton", raw("tryton"), TrytonDescription)
        self._person = TrytonSession(url, "tryton", *login, Timeouts(answer_ms=PATIENT_MS), 1)
        #: what a person's client sends along: the groups decide what may be edited
        self._preferences = self._person.read("model.res.user.get_preferences", True)
        self._database = psycopg.connect(database, autocommit=True)
        self.deferring = Deferring(self._person, self._preferences, self._database)

    def target(
        self, answer_ms: int = PATIENT_MS, now: Callable[[], dt.datetime] = utc_now, **changes: Any
    ) -> TrytonTarget:
        """With the shipped description, more patient; `changes` to it, and another clock."""
        patient = self._description.model_copy(update=hurried(self._description, answer_ms) | changes)
        return TrytonTarget("erp", patient, self.proxy.url, self._login, now=now)

    def case(self) -> Case:
        """A new customer."""
        code = f"A-{uuid.uuid4().hex[:10]}"
        party = {"code": code, "name": f"Customer {code}", "addresses": [["create", [{}]]]}
        self._person.write("model.party.party.create", [party])
        return Case(code, f"INV-{uuid.uuid4().hex[:10]}")

    def desired(self, case: Case, step: int) -> Mapping[str, str]:
        """119.00, then 129.00, then cancelled."""
        lines = [{**_LINES[0], "amount": "29.00"}, _LINES[1]] if step == 1 else _LINES
        return {
            "reference": case.object_id,
            "customer": case.account,
            "currency": "EUR",
            "state": "cancelled" if step == 2 else "posted",
            "total": "129.00" if step == 1 else "119.00",
            "lines": json.dumps(lines),
        }

    def requests(self, step: int) -> Mapping[str, When]:
        """A draft and its posting; in between, where something is booked already, the credit note."""
        draft, post = calls("model.account.invoice.create"), calls("model.account.invoice.post")
        begun = {"draft": draft, "note": calls("model.ir.note.create")}
        return begun | ({"post": post} if step == 0 else {"refund": refunds, "post": post})

    def truth(self, case: Case) -> Mapping[str, str] | None:
        """From Tryton's tables: the booked one, else the cancelled one."""
        row = self._database.execute(_TRUTH, (case.object_id,)).fetchone()
        if row is None:
            return None
        lines = self._database.execute(
            "SELECT description, quantity, unit_price FROM account_invoice_line WHERE invoice = %s ORDER BY id",
            (row[0],),
        ).fetchall()
        shown = [{"description": text, "amount": f"{Decimal(str(n)) * price:.2f}"} for text, n, price in lines]
        fields = dict(zip(("reference", "customer", "currency", "state", "total"), row[1:6], strict=True))
        return fields | {"lines": json.dumps(shown)}

    def effects(self, case: Case) -> int:
        """Numbers given to documents with this reference, and times that one was taken back for good."""
        rows = self._database.execute(_TRUTH, (case.object_id,)).fetchall()
        return len(rows) + (1 if rows and all(row[4] == "cancelled" for row in rows) else 0)

    def drafts(self, case: Case) -> int:
        """What is left behind unbooked."""
        words = "SELECT count(*) FROM account_invoice WHERE reference = %s AND state IN ('draft', 'validated')"
        row = self._database.execute(words, (case.object_id,)).fetchone()
        assert row is not None
        return int(row[0])

    def owed(self, case: Case) -> Decimal:
        """What the customer owes by all bookings together, in the currency of the documents."""
        row = self._database.execute(
            "SELECT coalesce(sum(coalesce(l.amount_second_currency, l.debit - l.credit)), 0) FROM account_move_line l "
            "JOIN party_party p ON p.id = l.party WHERE p.code = %s",
            (case.account,),
        ).fetchone()
        assert row is not None
        return Decimal(row[0])

    def booked_on(self, case: Case) -> list[dt.date]:
        """The days of all documents that the customer has in the books, oldest first."""
        words = (
            "SELECT m.date FROM account_invoice i JOIN account_move m ON m.id = i.move "
            "JOIN party_party p ON p.id = i.party WHERE p.code = %s ORDER BY m.date"
        )
        return [row[0] for row in self._database.execute(words, (case.account,)).fetchall()]

    def total(self, case: Case) -> Decimal:
        """The total of the document that counts, with all its decimals."""
        words = "SELECT total_amount_cache FROM account_invoice WHERE id = %s"
        row = self._database.execute(words, (self._booked(case),)).fetchone()
        assert row is not None
        return Decimal(row[0])

    def described(self, case: Case) -> str:
        """The description of the document that counts."""
        words = "SELECT description FROM account_invoice WHERE id = %s"
        row = self._database.execute(words, (self._booked(case),)).fetchone()
        assert row is not None
        return str(row[0])

    def draft_by_hand(self, case: Case, desired: Mapping[str, str]) -> None:
        """A person makes a draft."""
        books = Books(self._person, Chart(1, "4.1.2", None))
        number = books.draft(desired, lines_of(desired["lines"]), "", None)
        values = {"description": f"by hand for {case.account}"}
        self._person.write("model.account.invoice.write", [number], values, context=self._preferences)

    def post_by_hand(self, case: Case) -> None:
        """A person posts the draft."""
        found = self._person.read("model.account.invoice.search", [["reference", "=", case.object_id]], 0, None, None)
        self._person.write("model.account.invoice.post", list(found), context=self._preferences)

    def book_again(self, case: Case) -> None:
        """A person copies the document and posts the copy."""
        (copy,) = self._person.write(
            "model.account.invoice.copy", [self._booked(case)], {"reference": case.object_id}, context=self._preferences
        )
        self._person.write("model.account.invoice.post", [copy], context=self._preferences)

    def rename(self, code: str, name: str) -> None:
        """A person changes a customer's name."""
        found = self._person.read("model.party.party.search", [["code", "=", code]], 0, None, None)
        self._person.write("model.party.party.write", list(found), {"name": name})

    def leftovers(self, case: Case) -> int:
        """Drafts."""
        return self.drafts(case)

    def traces(self, case: Case) -> list[str]:
        """The notes of all its documents."""
        words = (
            "SELECT n.message FROM ir_note n JOIN account_invoice i ON n.resource = 'account.invoice,' || i.id "
            "WHERE i.reference = %s ORDER BY n.id"
        )
        return [str(row[0]) for row in self._database.execute(words, (case.object_id,)).fetchall()]

    def edit_other(self, case: Case, text: str) -> None:
        """The comment of the document that counts."""
        self._person.write(
            "model.account.invoice.write", [self._booked(case)], {"comment": text}, context=self._preferences
        )

    def other(self, case: Case) -> str:
        """The comment of the document that was made first: an amended one is another document."""
        rows = self._database.execute(_TRUTH, (case.object_id,)).fetchall()
        return str(min(rows)[6])

    def edit_ours(self, case: Case) -> None:
        """Taken back by a person with a credit note."""
        number = self._booked(case)
        context = self._preferences | {"active_model": "account.invoice", "active_id": number, "active_ids": [number]}
        run = "wizard.account.invoice.credit"
        name, start, _end = self._person.write(f"{run}.create", context=context)
        self._person.write(f"{run}.execute", name, {}, start, context=context)
        given = {"start": {"with_refund": True, "with_refund_allowed": True, "invoice_date": None}}
        self._person.write(f"{run}.execute", name, given, "credit", context=context)

    def refusal(self, case: Case) -> tuple[Mapping[str, str], str]:
        """Last year's January is closed."""
        domain = [["start_date", "=", CLOSED_FROM], ["state", "=", "open"]]
        found = self._person.read("model.account.period.search", domain, 0, None, None)
        if found:
            self._person.write("model.account.period.close", list(found), context=self._preferences)
        return {**self.desired(case, 0), "posted_on": str(CLOSED_FROM)}, "PERIOD_CLOSED"

    def not_let_in(self) -> list[Fault]:
        """401 to the posting, and to the login that follows."""
        refused = Fault("answer", calls("model.account.invoice.post"), count=1, status=401)
        return [refused, Fault("answer", calls("common.db.login"), count=1, status=401)]

    def did_nothing(self) -> Fault:
        """The posting is answered with an empty result, as for a document in the wrong state."""
        return Fault("answer", calls("model.account.invoice.post"), body=b'{"id": 0, "result": null}')

    def partly(self) -> Fault:
        """One line is lost."""

        def without_a_line(body: bytes) -> bytes:
            call = json.loads(body)
            ((_word, lines),) = call["params"][0][0]["lines"]
            del lines[1:]
            return json.dumps(call).encode()

        return Fault("pass", calls("model.account.invoice.create"), rewrite=without_a_line)

    def close(self) -> None:
        """The person and the reader of tables go."""
        self._person.close()
        self._database.close()

    def _booked(self, case: Case) -> int:
        row = self._database.execute(_TRUTH, (case.object_id,)).fetchone()
        assert row is not None
        return int(row[0])

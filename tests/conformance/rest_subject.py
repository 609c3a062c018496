"""The REST adapter against the demo ERP: its own PostgreSQL, conditional writes, a key store."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from connectors.targets.description import load
from connectors.targets.protocol import Target
from connectors.targets.rest import RestTarget
from stack.fault_proxy import Fault, FaultProxy
from tests.conformance.subject import PATIENT_MS, Case, Subject, When, hurried
from tests.demo.services.company import Company

_LINES = [{"description": "Usage", "amount": "19.00"}, {"description": "Pro", "amount": "100.00"}]


class RestSubject(Subject):
    """Invoices of the demo ERP."""

    name = "erp"
    object = "invoice"

    def __init__(self, company: Company, proxy: FaultProxy) -> None:
        self.company, self.proxy = company, proxy

    def target(self, answer_ms: int = PATIENT_MS) -> Target:
        """With the shipped description, more patient."""
        shipped = load("erp")
        return RestTarget(shipped.model_copy(update=hurried(shipped, answer_ms)), self.proxy.url)

    def case(self) -> Case:
        """The company is new for each test."""
        self.company.reset()
        return Case("A-000001", f"INV-{uuid.uuid4().hex[:10]}")

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
        """One PUT does it all."""
        return {"put": lambda request: request.method == "PUT"}

    def truth(self, case: Case) -> Mapping[str, str] | None:
        """From the ERP's tables."""
        rows = self.company.erp.sql(
            "SELECT i.reference, c.code, c.currency, i.state, i.total::numeric(18,2)::text, i.id FROM sales_invoices i "
            "JOIN customers c ON c.id = i.customer_id WHERE i.reference = %s",
            case.object_id,
        )
        if not rows:
            return None
        (row,) = rows
        lines = self.company.erp.sql(
            "SELECT description, amount::numeric(18,2)::text FROM sales_invoice_lines WHERE sales_invoice_id = %s "
            "ORDER BY description DESC",
            row[5],
        )
        fields = dict(zip(("reference", "customer", "currency", "state", "total"), row[:5], strict=True))
        return fields | {"lines": json.dumps([{"description": text, "amount": amount} for text, amount in lines])}

    def effects(self, case: Case) -> int:
        """Writes carried out since the case began."""
        return sum(self.company.erp.effects().values())

    def leftovers(self, case: Case) -> int:
        """A reference is unique in the ERP's table."""
        rows = self.company.erp.sql("SELECT count(*) FROM sales_invoices WHERE reference = %s", case.object_id)
        return max(0, int(rows[0][0]) - 1)

    def traces(self, case: Case) -> list[str]:
        """The ERP's log of changes."""
        words = "SELECT note FROM service.effects WHERE reference = %s ORDER BY id"
        return [str(row[0]) for row in self.company.erp.sql(words, case.object_id)]

    def edit_other(self, case: Case, text: str) -> None:
        """The posting day."""
        words = "UPDATE sales_invoices SET posted_on = %s::date, version = version + 1 WHERE reference = %s"
        self.company.erp.sql(words, text, case.object_id)

    def other(self, case: Case) -> str:
        """The posting day."""
        ((day,),) = self.company.erp.sql(
            "SELECT posted_on::text FROM sales_invoices WHERE reference = %s", case.object_id
        )
        return str(day)

    def edit_ours(self, case: Case) -> None:
        """Cancelled by hand."""
        words = "UPDATE sales_invoices SET state = 'cancelled', version = version + 1 WHERE reference = %s"
        self.company.erp.sql(words, case.object_id)

    def token_zero(self, case: Case) -> None:
        """Make the row's version 0."""
        self.company.erp.sql("UPDATE sales_invoices SET version = 0 WHERE reference = %s", case.object_id)

    def refusal(self, case: Case) -> tuple[Mapping[str, str], str]:
        """The period is closed."""
        self.company.erp.http.post("/control/period", json={"first_open_day": "2999-03-01"})
        return self.desired(case, 0), "PERIOD_CLOSED"

    def not_let_in(self) -> list[Fault]:
        """401 to the write."""
        return [Fault("answer", lambda request: request.method == "PUT", count=2, status=401)]

    def did_nothing(self) -> Fault:
        """200 with an empty object."""
        return Fault("answer", lambda request: request.method == "PUT", body=b"{}")

    def partly(self) -> Fault:
        """One line is lost."""

        def without_a_line(body: bytes) -> bytes:
            fields = json.loads(body)
            fields["lines"], fields["total"] = fields["lines"][:1], "19.00"
            return json.dumps(fields).encode()

        return Fault("pass", lambda request: request.method == "PUT", rewrite=without_a_line)

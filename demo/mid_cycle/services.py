"""ERP and support of the scenario where both are the demo's own: changed by SQL, closed books by the ERP's control."""

from __future__ import annotations

from datetime import timedelta

import httpx

from demo.company import Company
from demo.mid_cycle.customers import Customer
from demo.mid_cycle.systems import BookedLine, Systems, row_of
from demo.money import major

LEVEL = "SELECT service_level FROM organizations WHERE account_ref = %s"
BOOKED = (
    "SELECT i.state, i.total, l.description, l.amount, l.period_from, l.period_until FROM sales_invoices i"
    " JOIN sales_invoice_lines l ON l.sales_invoice_id = i.id WHERE i.reference = %s"
)


class DemoSystems(Systems):
    """The demo's ERP and support. `erp_url`: where the ERP's service answers."""

    def __init__(self, company: Company, erp_url: str) -> None:
        super().__init__(company)
        self._erp_url = erp_url

    def _open_account(self, customer: Customer, name: str) -> None:
        with self._company.connect("erp") as erp:
            erp.execute(
                "INSERT INTO customers (code, name, currency) VALUES (%s, %s, %s)",
                (customer.number, name, customer.currency),
            )
        with self._company.connect("support") as support:
            support.execute(
                "INSERT INTO organizations (name, account_ref, service_level) VALUES (%s, %s, 'standard')",
                (name, customer.number),
            )

    def open_case(self, customer: Customer) -> None:
        """A row of support's."""
        with self._company.connect("support") as support:
            (case,) = row_of(
                support,
                "INSERT INTO cases (organization_id, subject, status, severity)"
                " SELECT id, 'production is down', 'open', 1 FROM organizations WHERE account_ref = %s RETURNING id",
                customer.number,
            )
        customer.case = f"CASE-{case}"

    def carry_level(self, customer: Customer) -> None:
        """A row of support's."""
        with self._company.connect("support") as support:
            support.execute(
                "UPDATE organizations SET service_level = 'enterprise', version = version + 1 WHERE account_ref = %s",
                (customer.number,),
            )

    def carry_invoice(self, customer: Customer, periods: bool = True, off_minor: int = 0) -> None:
        """Rows of the ERP's, in one transaction."""
        period = (customer.today, customer.ends()) if periods else (None, None)
        (text, charge), unused = customer.lines
        with self._company.connect("erp") as erp:
            (invoice,) = row_of(
                erp,
                "INSERT INTO sales_invoices (customer_id, reference, state, total, posted_on)"
                " SELECT id, %s, 'posted', %s, current_date FROM customers WHERE code = %s RETURNING id",
                customer.invoice, major(customer.total + off_minor, customer.currency), customer.number,
            )  # fmt: skip
            for description, amount in ((text, charge + off_minor), unused):
                erp.execute(
                    "INSERT INTO sales_invoice_lines (sales_invoice_id, description, amount, period_from, period_until)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    (invoice, description, major(amount, customer.currency), *period),
                )

    def close_books(self) -> None:
        """Tomorrow is the first open day."""
        with self._company.connect("erp") as erp:
            (today,) = row_of(erp, "SELECT current_date")
        self._control({"first_open_day": (today + timedelta(days=1)).isoformat()})

    def open_books(self) -> None:
        """Every day is open."""
        self._control({})

    def _control(self, body: dict[str, str]) -> None:
        httpx.post(f"{self._erp_url}/control/period", json=body, trust_env=False).raise_for_status()

    def booked(self, customer: Customer) -> list[BookedLine]:
        """All documents of this reference together: two would show."""
        with self._company.connect("erp", True) as erp:
            return [BookedLine(*row) for row in erp.execute(BOOKED, (customer.invoice,)).fetchall()]

    def level(self, customer: Customer) -> list[str]:
        """One, unless the organization is there twice."""
        with self._company.connect("support", True) as support:
            return [str(level) for (level,) in support.execute(LEVEL, (customer.number,)).fetchall()]

"""The four systems of the scenario: billing and CRM are the demo's wherever it runs, ERP and support desk are what a subclass has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from demo.company import Company, Connection
from demo.mid_cycle.customers import NEW, OLD, Customer
from demo.money import major

BILLED = (
    "SELECT l.description, l.amount_minor FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id"
    " WHERE i.number = %s ORDER BY l.id"
)
SALES = "SELECT plan, recurring_revenue, urgent_case FROM customers WHERE account_number = %s"


class BookedLine(NamedTuple):
    """A line of a document in the ERP, with the document's state and total; days of service, the last one not included."""

    state: str
    total: Decimal
    description: str
    amount: Decimal
    begin: date | None
    end: date | None


class Systems(ABC):
    """What happens to key accounts, what the old integration carries of it, and what SQL says in the end."""

    #: whether a booking takes the ERP so long that the old integration begins it before billing commits
    books_first = False
    #: so long anything may take before the scenario gives up; the report has the seconds that it took
    patience_s = 90.0

    def __init__(self, company: Company) -> None:
        self._company = company

    def move_in(self, customer: Customer) -> None:
        """A customer on the basic plan, the same in all four systems."""
        name = f"Key account {customer.number}"
        with self._company.connect("billing") as billing:
            (customer.today,) = row_of(billing, "SELECT current_date")
            (customer.account,) = row_of(
                billing,
                "INSERT INTO accounts (number, name, currency, region) VALUES (%s, %s, %s, 'eu-west') RETURNING id",
                customer.number, name, customer.currency,
            )  # fmt: skip
            (customer.subscription,) = row_of(
                billing,
                "INSERT INTO subscriptions (account_id, plan_code, status, mrr_minor, started_on)"
                " VALUES (%s, 'basic', 'active', %s, %s) RETURNING id",
                customer.account, OLD, customer.begun,
            )  # fmt: skip
        self._open_account(customer, name)
        with self._company.connect("crm") as crm:
            crm.execute(
                "INSERT INTO customers (account_number, name, plan, currency, recurring_revenue)"
                " VALUES (%s, %s, 'standard', %s, %s)",
                (customer.number, name, customer.currency, major(OLD, customer.currency)),
            )

    def upgrade(self, customer: Customer, state: str = "active") -> None:
        """Billing changes the plan and invoices the rest of the cycle in one transaction."""
        with self._company.connect("billing") as billing:
            billing.execute(
                "UPDATE subscriptions SET plan_code = 'enterprise', mrr_minor = %s, status = %s WHERE id = %s",
                (NEW, state, customer.subscription),
            )
            (invoice,) = row_of(
                billing,
                "INSERT INTO invoices (account_id, number, status, total_minor, issued_on, due_on)"
                " VALUES (%s, %s, 'open', %s, current_date, current_date + 14) RETURNING id",
                customer.account, customer.invoice, customer.total,
            )  # fmt: skip
            for line in customer.lines:
                billing.execute(
                    "INSERT INTO invoice_lines (invoice_id, description, amount_minor, subscription_id, prorated, period_from,"
                    " period_until) VALUES (%s, %s, %s, %s, true, %s, %s)",
                    (invoice, *line, customer.subscription, customer.today, customer.ends()),
                )
            billing.execute(
                "UPDATE accounts SET balance_minor = balance_minor + %s WHERE id = %s",
                (customer.total, customer.account),
            )

    def take_off(self, customer: Customer, off_minor: int) -> None:
        """Billing's people correct the invoice that charged so much too much."""
        (text, charge), unused = customer.lines
        customer.lines = [(text, charge - off_minor), unused]
        with self._company.connect("billing") as billing:
            billing.execute(
                "UPDATE invoice_lines SET amount_minor = %s WHERE description = %s AND subscription_id = %s",
                (charge - off_minor, text, customer.subscription),
            )
            billing.execute(
                "UPDATE invoices SET total_minor = %s WHERE number = %s", (customer.total, customer.invoice)
            )
            billing.execute(
                "UPDATE accounts SET balance_minor = balance_minor - %s WHERE id = %s", (off_minor, customer.account)
            )

    def name_state(self, customer: Customer) -> None:
        """Billing's people give the subscription a state that everybody knows."""
        with self._company.connect("billing") as billing:
            billing.execute("UPDATE subscriptions SET status = 'active' WHERE id = %s", (customer.subscription,))

    def fall_behind(self, customer: Customer) -> None:
        """Collection begins in billing."""
        with self._company.connect("billing") as billing:
            billing.execute("UPDATE accounts SET standing = 'delinquent' WHERE id = %s", (customer.account,))

    def carry_case(self, customer: Customer) -> None:
        """The old integration shows sales the urgent case."""
        with self._company.connect("crm") as crm:
            crm.execute(
                "UPDATE customers SET urgent_case = %s, version = version + 1 WHERE account_number = %s",
                (customer.case, customer.number),
            )

    def carry_customer(self, customer: Customer) -> None:
        """The old integration shows sales the new plan and its revenue."""
        with self._company.connect("crm") as crm:
            crm.execute(
                "UPDATE customers SET plan = 'enterprise', recurring_revenue = %s, version = version + 1"
                " WHERE account_number = %s",
                (major(NEW, customer.currency), customer.number),
            )

    def billed(self, customer: Customer) -> list[tuple[Any, ...]]:
        """Description and amount of each line that billing has invoiced."""
        with self._company.connect("billing", True) as billing:
            return billing.execute(BILLED, (customer.invoice,)).fetchall()

    def sales(self, customer: Customer) -> list[tuple[Any, ...]]:
        """Plan, revenue and urgent case that the CRM shows."""
        with self._company.connect("crm", True) as crm:
            return crm.execute(SALES, (customer.number,)).fetchall()

    @abstractmethod
    def _open_account(self, customer: Customer, name: str) -> None:
        """The customer becomes known in ERP and support."""

    @abstractmethod
    def open_case(self, customer: Customer) -> None:
        """Support takes a case of severity one; fills in its number."""

    @abstractmethod
    def carry_level(self, customer: Customer) -> None:
        """The old integration brings the service level to support."""

    @abstractmethod
    def carry_invoice(self, customer: Customer, periods: bool = True, off_minor: int = 0) -> None:
        """The old integration books the invoice in the ERP, without its periods of service, or for so much more."""

    @abstractmethod
    def close_books(self) -> None:
        """Accounting closes the period of today: the ERP refuses what is to be booked in it."""

    @abstractmethod
    def open_books(self) -> None:
        """Accounting opens it again."""

    @abstractmethod
    def booked(self, customer: Customer) -> list[BookedLine]:
        """The lines of the invoice as the ERP's own tables hold them."""

    @abstractmethod
    def level(self, customer: Customer) -> list[str]:
        """The service level that support's own tables hold."""


def row_of(connection: Connection, statement: str, *values: Any) -> tuple[Any, ...]:
    """The one row of a statement."""
    row = connection.execute(statement.encode(), values).fetchone()
    assert row is not None, statement
    return row

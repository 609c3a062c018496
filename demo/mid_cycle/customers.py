"""Key accounts of the demo company, what happens to them, and what the old integration carries of it: plain SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from demo.company import Company, Connection
from demo.money import major

#: monthly prices in minor units of whatever currency: no share of them is a round sum
OLD, NEW = 2917, 49913
CURRENCIES = ("EUR", "JPY", "KWD", "USD")
#: so long ago the billing cycle began
DAYS_GONE = 12
#: a state of subscriptions that billing has since today, and nobody has told Concord of
UNKNOWN_STATE = "renewing"


@dataclass(slots=True)
class Customer:
    """One key account; `fails` is the step that goes wrong for it, empty for none. Ids are those of billing and support."""

    number: str
    currency: str
    fails: str = ""
    account: int = 0
    subscription: int = 0
    invoice: str = ""
    case: str = ""
    today: date = date.min
    lines: list[tuple[str, int]] = field(default_factory=list)
    #: when the failing step was committed, epoch seconds
    failed_at: float = 0.0

    @property
    def begun(self) -> date:
        """First day of the cycle."""
        return self.today - timedelta(days=DAYS_GONE)

    def ends(self) -> date:
        """First day of the next one: the same day of the next month, or the last of a shorter one."""
        year, month = divmod(self.begun.year * 12 + self.begun.month, 12)
        first = date(year, month + 1, 1)
        following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
        return min(first + timedelta(days=self.begun.day - 1), following - timedelta(days=1))

    def prorated(self) -> list[tuple[str, int]]:
        """What billing must invoice: the new price for the rest of the cycle, less the old one for it. By decimal arithmetic."""
        left, whole = (self.ends() - self.today).days, (self.ends() - self.begun).days
        shares = [(Decimal(price) * left / whole).quantize(Decimal(1), ROUND_HALF_UP) for price in (NEW, OLD)]
        return [(f"enterprise, {left} of {whole} days", int(shares[0])), ("unused time of basic", -int(shares[1]))]

    @property
    def total(self) -> int:
        """What is invoiced, minor units."""
        return sum(amount for _, amount in self.lines)


def move_in(company: Company, customer: Customer) -> None:
    """A customer on the basic plan, the same in all four systems."""
    name = f"Key account {customer.number}"
    with company.connect("billing") as billing:
        (customer.today,) = _row(billing, "SELECT current_date")
        (customer.account,) = _row(
            billing,
            "INSERT INTO accounts (number, name, currency, region) VALUES (%s, %s, %s, 'eu-west') RETURNING id",
            customer.number, name, customer.currency,
        )  # fmt: skip
        (customer.subscription,) = _row(
            billing,
            "INSERT INTO subscriptions (account_id, plan_code, status, mrr_minor, started_on)"
            " VALUES (%s, 'basic', 'active', %s, %s) RETURNING id",
            customer.account, OLD, customer.begun,
        )  # fmt: skip
    with company.connect("erp") as erp:
        erp.execute(
            "INSERT INTO customers (code, name, currency) VALUES (%s, %s, %s)",
            (customer.number, name, customer.currency),
        )
    with company.connect("support") as support:
        support.execute(
            "INSERT INTO organizations (name, account_ref, service_level) VALUES (%s, %s, 'standard')",
            (name, customer.number),
        )
    with company.connect("crm") as crm:
        crm.execute(
            "INSERT INTO customers (account_number, name, plan, currency, recurring_revenue)"
            " VALUES (%s, %s, 'standard', %s, %s)",
            (customer.number, name, customer.currency, major(OLD, customer.currency)),
        )


def open_case(company: Company, customer: Customer) -> None:
    """Support takes a case of severity one."""
    with company.connect("support") as support:
        (case,) = _row(
            support,
            "INSERT INTO cases (organization_id, subject, status, severity)"
            " SELECT id, 'production is down', 'open', 1 FROM organizations WHERE account_ref = %s RETURNING id",
            customer.number,
        )
    customer.case = f"CASE-{case}"


def upgrade(company: Company, customer: Customer, state: str = "active", off_minor: int = 0) -> None:
    """Billing changes the plan and invoices the rest of the cycle in one transaction, `off_minor` too much."""
    (text, charge), unused = customer.prorated()
    customer.lines = [(text, charge + off_minor), unused]
    customer.invoice = f"INV-{customer.number}"
    with company.connect("billing") as billing:
        billing.execute(
            "UPDATE subscriptions SET plan_code = 'enterprise', mrr_minor = %s, status = %s WHERE id = %s",
            (NEW, state, customer.subscription),
        )
        (invoice,) = _row(
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
            "UPDATE accounts SET balance_minor = balance_minor + %s WHERE id = %s", (customer.total, customer.account)
        )


def take_off(company: Company, customer: Customer, off_minor: int) -> None:
    """Billing's people correct the invoice that charged so much too much."""
    (text, charge), unused = customer.lines
    customer.lines = [(text, charge - off_minor), unused]
    with company.connect("billing") as billing:
        billing.execute(
            "UPDATE invoice_lines SET amount_minor = %s WHERE description = %s AND subscription_id = %s",
            (charge - off_minor, text, customer.subscription),
        )
        billing.execute("UPDATE invoices SET total_minor = %s WHERE number = %s", (customer.total, customer.invoice))
        billing.execute(
            "UPDATE accounts SET balance_minor = balance_minor - %s WHERE id = %s", (off_minor, customer.account)
        )


def name_state(company: Company, customer: Customer) -> None:
    """Billing's people give the subscription a state that everybody knows."""
    with company.connect("billing") as billing:
        billing.execute("UPDATE subscriptions SET status = 'active' WHERE id = %s", (customer.subscription,))


def fall_behind(company: Company, customer: Customer) -> None:
    """Collection begins in billing."""
    with company.connect("billing") as billing:
        billing.execute("UPDATE accounts SET standing = 'delinquent' WHERE id = %s", (customer.account,))


def carry_level(company: Company, customer: Customer) -> None:
    """The old integration brings the service level to support."""
    with company.connect("support") as support:
        support.execute(
            "UPDATE organizations SET service_level = 'enterprise', version = version + 1 WHERE account_ref = %s",
            (customer.number,),
        )


def carry_invoice(company: Company, customer: Customer, periods: bool = True, off_minor: int = 0) -> None:
    """The old integration books the invoice in the ERP, without its periods of service, or for so much more."""
    period = (customer.today, customer.ends()) if periods else (None, None)
    (text, charge), unused = customer.lines
    with company.connect("erp") as erp:
        (invoice,) = _row(
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


def carry_case(company: Company, customer: Customer) -> None:
    """The old integration shows sales the urgent case."""
    with company.connect("crm") as crm:
        crm.execute(
            "UPDATE customers SET urgent_case = %s, version = version + 1 WHERE account_number = %s",
            (customer.case, customer.number),
        )


def carry_customer(company: Company, customer: Customer) -> None:
    """The old integration shows sales the new plan and its revenue."""
    with company.connect("crm") as crm:
        crm.execute(
            "UPDATE customers SET plan = 'enterprise', recurring_revenue = %s, version = version + 1"
            " WHERE account_number = %s",
            (major(NEW, customer.currency), customer.number),
        )


def _row(connection: Connection, statement: str, *values: Any) -> tuple[Any, ...]:
    row = connection.execute(statement.encode(), values).fetchone()
    assert row is not None, statement
    return row

"""The six checks, by SQL on the systems themselves: does everything follow the upgrade?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from demo.company import Company
from demo.mid_cycle.customers import NEW, Customer
from demo.money import major

LEVEL = "SELECT service_level FROM organizations WHERE account_ref = %s"
BILLED = (
    "SELECT l.description, l.amount_minor FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id"
    " WHERE i.number = %s ORDER BY l.id"
)
BOOKED = (
    "SELECT i.state, i.total, l.description, l.amount, l.period_from, l.period_until FROM sales_invoices i"
    " JOIN sales_invoice_lines l ON l.sales_invoice_id = i.id WHERE i.reference = %s"
)
SALES = "SELECT plan, recurring_revenue, urgent_case FROM customers WHERE account_number = %s"


def followed(
    company: Company, customers: Sequence[Customer], told_once: Callable[[Customer], bool]
) -> list[dict[str, Any]]:
    """Per check: for how many customers it holds. `told_once`: whether the expansion event was."""
    held = Counter(name for one in customers for name, holds in _checks(company, one, told_once).items() if holds)
    return [{"check": name, "held": held[name], "of": len(customers)} for name in NAMES]


NAMES = (
    "service level at support",
    "proration to the cent",
    "ERP invoice",
    "revenue schedule's input",
    "CRM: plan, revenue, case",
    "expansion event, once",
)


def _checks(company: Company, customer: Customer, told_once: Callable[[Customer], bool]) -> dict[str, bool]:
    with company.connect("support", True) as support, company.connect("billing", True) as billing:
        level = support.execute(LEVEL, (customer.number,)).fetchall()
        billed = billing.execute(BILLED, (customer.invoice,)).fetchall()
    with company.connect("erp", True) as erp, company.connect("crm", True) as crm:
        booked = erp.execute(BOOKED, (customer.invoice,)).fetchall()
        sales = crm.execute(SALES, (customer.number,)).fetchall()
    right = customer.prorated()
    total = major(sum(amount for _, amount in right), customer.currency)
    lines = sorted((text, major(amount, customer.currency)) for text, amount in right)
    period = (customer.today, customer.ends())
    return dict(
        zip(
            NAMES,
            (
                level == [("enterprise",)],
                billed == right,
                bool(booked)
                and {row[:2] for row in booked} == {("posted", total)}
                and sorted(row[2:4] for row in booked) == lines,
                bool(booked) and {row[4:] for row in booked} == {period},
                sales == [("enterprise", major(NEW, customer.currency), customer.case)],
                told_once(customer),
            ),
            strict=True,
        )
    )

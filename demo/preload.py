"""Bulk load: accounts with a history, the same in all three databases, by COPY in chunks of a few hundred accounts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from demo.acts.invoicing import renewal_lines
from demo.acts.scene import REGIONS, Scene, invoice_carry
from demo.acts.subscribing import LADDER, reference_as_typed
from demo.acts.supporting import SUBJECTS
from demo.acts.words import ENTITLEMENT_RULE, Carry
from demo.book import Account, Case, Invoice, Payment, Subscription, price
from demo.company import Company
from demo.money import major
from demo.targets import falsified

CHUNK = 500
COLUMNS = {
    "billing": {
        "accounts": "id, number, name, currency, region, standing, balance_minor",
        "subscriptions": "id, account_id, plan_code, status, mrr_minor, started_on, paid_until",
        "invoices": "id, account_id, number, status, total_minor, issued_on, due_on",
        "invoice_lines": "id, invoice_id, description, amount_minor",
        "payments": "id, invoice_id, amount_minor, status, method",
    },
    "erp": {
        "customers": "id, code, name, currency",
        "sales_invoices": "id, customer_id, reference, state, total, posted_on",
        "sales_invoice_lines": "sales_invoice_id, description, amount",
        "receipts": "sales_invoice_id, reference, amount, received_on",
    },
    "support": {
        "organizations": "id, name, account_ref, service_level, delinquent",
        "cases": "id, organization_id, subject, status, severity",
    },
}
Rows = dict[tuple[str, str], list[tuple[Any, ...]]]


class Wrong(NamedTuple):
    """An object that is loaded wrong on purpose: its target shows `shown`, billing wants `desired`."""

    account: int
    rule: str
    object_id: str
    shown: str | None
    desired: str | None
    kind: str
    at: float


def preload(company: Company, scene: Scene, accounts: int, drifts: int) -> list[Wrong]:
    """Load so many accounts, `drifts` of them with one object wrong at its target; returns those objects."""
    every = max(1, accounts // drifts) if drifts else accounts
    wrong: list[Wrong] = []
    for first in range(0, accounts, CHUNK):
        rows: Rows = defaultdict(list)
        chunk: list[Wrong] = []
        for number in range(first, min(first + CHUNK, accounts)):
            drifts_here = drifts > 0 and number % every == 0 and len(wrong) + len(chunk) < drifts
            chunk += _account(scene, rows, drifts_here)
        _copy(company, rows)
        wrong += [item._replace(at=time.time()) for item in chunk]
    return wrong


def _copy(company: Company, rows: Rows) -> None:
    for system, tables in COLUMNS.items():
        with company.connect(system) as conn, conn.cursor() as cursor:
            for table, columns in tables.items():
                with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                    for row in rows[system, table]:
                        copy.write_row(row)


def _account(scene: Scene, rows: Rows, drift: bool) -> Iterator[Wrong]:
    """Rows of one account in all three systems; yields what is wrong with it."""
    account = scene.book.open_account(scene.rng, scene.company_name())
    _subscriptions(scene, account, rows)
    customer = scene.book.next_id("erp.customers")
    rows["erp", "customers"].append((customer, account.number, account.name, account.currency))
    wrong: Carry | None = None
    missing = False
    for _ in range(scene.rng.randrange(4)):
        lines = renewal_lines(scene, account)
        if not lines:
            break
        invoice = _invoice(scene, account, lines, rows)
        carry = invoice_carry(account, invoice, "draft")
        if drift and wrong is None and scene.rng.random() < 0.5:
            wrong, missing = carry, scene.rng.random() < 0.5
            scene.book.faulted.add(invoice.number)
            if missing:
                continue
            carry = falsified(carry)
        _erp_invoice(scene, customer, invoice, carry, rows)
    if account.balance > 0 and scene.rng.random() < 0.2:
        account.standing = "delinquent"
    if drift and wrong is None:
        wrong = Carry("level", account.number, account.number, ENTITLEMENT_RULE, value=account.level)
    _support(scene, account, wrong, rows)
    rows["billing", "accounts"].append(
        (
            account.id,
            account.number,
            account.name,
            account.currency,
            scene.rng.choice(REGIONS),
            account.standing,
            account.balance,
        )
    )
    if wrong is not None:
        shown = None if missing else falsified(wrong).value
        yield Wrong(account.index, wrong.rule, wrong.object_id, shown, wrong.value, "loaded wrong", 0.0)


def _subscriptions(scene: Scene, account: Account, rows: Rows) -> None:
    for _ in range(scene.rng.choice((0, 1, 1, 1, 1, 2))):
        plan, status = (
            scene.rng.choice(LADDER),
            scene.rng.choice(("active", "active", "active", "past_due", "cancelled")),
        )
        subscription = Subscription(scene.book.next_id("subscriptions"), plan, status, price(plan))
        account.subscriptions.append(subscription)
        paid_until = None if status == "cancelled" else scene.paid_until()
        rows["billing", "subscriptions"].append(
            (subscription.id, account.id, plan, status, subscription.mrr, scene.today, paid_until)
        )


def _invoice(scene: Scene, account: Account, lines: list[tuple[str, int]], rows: Rows) -> Invoice:
    invoice = scene.book.new_invoice(scene.rng.choice(("open", "paid", "paid", "paid")), lines)
    account.invoices.append(invoice)
    rows["billing", "invoices"].append(
        (invoice.id, account.id, invoice.number, invoice.status, invoice.total, scene.today, scene.today)
    )
    rows["billing", "invoice_lines"] += [
        (scene.book.next_id("invoice_lines"), invoice.id, text, amount) for text, amount in lines
    ]
    if invoice.status == "paid":
        payment = Payment(scene.book.next_id("payments"), invoice.total)
        invoice.payments.append(payment)
        rows["billing", "payments"].append((payment.id, invoice.id, payment.amount, "succeeded", "transfer"))
    else:
        account.balance += invoice.total
    return invoice


def _erp_invoice(scene: Scene, customer: int, invoice: Invoice, carry: Carry, rows: Rows) -> None:
    state, _, currency, lines = carry.details
    identity = scene.book.next_id("erp.sales_invoices")
    total = sum(amount for _, amount in lines)
    rows["erp", "sales_invoices"].append((identity, customer, invoice.number, state, total, scene.today))
    rows["erp", "sales_invoice_lines"] += [(identity, text, amount) for text, amount in lines]
    rows["erp", "receipts"] += [
        (identity, f"PAY-{payment.id}", major(payment.amount, currency), scene.today) for payment in invoice.payments
    ]


def _support(scene: Scene, account: Account, wrong: Carry | None, rows: Rows) -> None:
    level, delinquent = account.level, account.standing == "delinquent"
    if wrong is not None and wrong.rule == ENTITLEMENT_RULE:
        level = str(falsified(wrong).value)
    reference = reference_as_typed(scene, account.number)
    rows["support", "organizations"].append((account.organization, account.name, reference, level, delinquent))
    if scene.rng.random() < 0.1:
        case = Case(scene.book.next_id("cases"), account.index, scene.rng.randrange(1, 5))
        scene.book.cases.append(case)
        rows["support", "cases"].append(
            (case.id, account.organization, scene.rng.choice(SUBJECTS), "open", case.severity)
        )

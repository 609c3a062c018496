"""What every act is given: the book, a seeded source of chance and the day that the company lives in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from demo.acts.words import INVOICE_RULE, Act, Carry, Statement, Transaction
from demo.book import Account, Book, Invoice, invoice_value
from demo.money import major

FIRST = ("Nord", "Süd", "Alpha", "Blue", "Grüne", "Kōbe", "Red", "O'Neill", "Zoë", "Très", "Łódź", "Iron")
SECOND = ("Logistics", "Bäckerei", "Systems", "Trading", "Foods", "Motors", "Labs", "Médias", "Textiles", "Energy")
REGIONS = ("eu-west", "eu-north", "us-east", "apac", "mena")
INVOICES_KEPT = 24  # older paid ones are left alone by later acts
BALANCE = "UPDATE accounts SET balance_minor = balance_minor + %s WHERE id = %s"


@dataclass(slots=True)
class Scene:
    """The book, the chance and today's date."""

    book: Book
    rng: Random
    today: date

    def company_name(self) -> str:
        """A name with letters that break careless encodings now and then."""
        return f"{self.rng.choice(FIRST)} {self.rng.choice(SECOND)} {self.rng.randrange(1000)}"

    def paid_until(self) -> datetime:
        """A month ahead, so that no entitlement ends while the demo runs."""
        return datetime.combine(self.today + timedelta(days=31), datetime.min.time(), UTC)


def one(kind: str, account: Account, statements: list[Statement], carries: tuple[Carry, ...] = ()) -> Act:
    """An act of a single billing transaction."""
    return Act(kind, account.index, (Transaction("billing", statements, carries),))


def move_balance(account: Account, delta: int) -> Statement:
    """Change the account's balance by `delta` minor units."""
    account.balance += delta
    return Statement(BALANCE, (delta, account.id))


def insert_invoice(scene: Scene, account: Account, invoice: Invoice) -> list[Statement]:
    """Rows of a new invoice and its lines; an open one also raises the balance."""
    oldest_paid = next((i for i in account.invoices if i.status == "paid"), None)
    if len(account.invoices) >= INVOICES_KEPT and oldest_paid:
        account.invoices.remove(oldest_paid)
    account.invoices.append(invoice)
    statements = [
        Statement(
            "INSERT INTO invoices (id, account_id, number, status, total_minor, issued_on, due_on) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                invoice.id,
                account.id,
                invoice.number,
                invoice.status,
                invoice.total,
                scene.today,
                scene.today + timedelta(days=14),
            ),
        )
    ]
    statements += [
        Statement(
            "INSERT INTO invoice_lines (id, invoice_id, description, amount_minor) VALUES (%s, %s, %s, %s)",
            (scene.book.next_id("invoice_lines"), invoice.id, description, amount),
        )
        for description, amount in invoice.lines
    ]
    if invoice.status == "open":
        statements.append(move_balance(account, invoice.total))
    return statements


def erp_state(status: str) -> str | None:
    """State that the ERP's invoice must have; None for a draft, which the ERP need not know."""
    return {"open": "posted", "paid": "paid", "void": "cancelled"}.get(status)


def invoice_carry(account: Account, invoice: Invoice, was: str) -> Carry:
    """Carry the invoice as it is now; `was` is billing's status before."""
    currency = account.currency
    details = (account.number, currency, tuple((text, major(amount, currency)) for text, amount in invoice.lines))
    return Carry(
        "invoice",
        account.number,
        invoice.number,
        INVOICE_RULE,
        invoice_value(erp_state(was), currency, invoice.lines),
        invoice_value(erp_state(invoice.status), currency, invoice.lines),
        (erp_state(invoice.status), *details),
    )

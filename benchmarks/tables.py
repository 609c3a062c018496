"""The workload's tables and the shapes that its transactions travel in."""

from __future__ import annotations

from typing import NamedTuple

ACCOUNTS, SUBSCRIPTIONS, INVOICES, PAYMENTS, CASES = range(5)
BILLING, SUPPORT = 0, 1
SOURCES = ("billing", "support")
TABLES = ("accounts", "subscriptions", "invoices", "payments", "cases")
TABLE_SOURCE = (BILLING, BILLING, BILLING, BILLING, SUPPORT)
COLUMNS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("id", "long"),
        ("name", "string"),
        ("status", "string"),
        ("currency", "string"),
        ("paid_cents", "long"),
        ("updated_at", "long"),
    ),
    (
        ("id", "long"),
        ("account_id", "long"),
        ("plan", "string"),
        ("status", "string"),
        ("mrr_cents", "long"),
        ("updated_at", "long"),
    ),
    (
        ("id", "long"),
        ("account_id", "long"),
        ("number", "string"),
        ("status", "string"),
        ("total_cents", "long"),
        ("updated_at", "long"),
    ),
    (("id", "long"), ("invoice_id", "long"), ("amount_cents", "long"), ("method", "string"), ("paid_at", "long")),
    (
        ("id", "long"),
        ("account_id", "long"),
        ("subject", "string"),
        ("status", "string"),
        ("severity", "long"),
        ("updated_at", "long"),
    ),
)

Image = tuple[int | str, ...]


class RowChange(NamedTuple):
    """One row change: table index, operation (c, u, d), images before and after in column order."""

    table: int
    op: str
    before: Image | None
    after: Image | None


class Truth(NamedTuple):
    """What the account looks like once the transaction is committed, in its own database."""

    account: int
    paid_reported: int
    paid: int
    payments: int
    invoices: int
    invoiced: int
    subscriptions: int
    mrr: int
    cases: int
    open_cases: int


class SourceTransaction(NamedTuple):
    """One committed source transaction with the truth after it; time in milliseconds.

    `others`: the truth of further accounts, where the transaction is about more than one.
    """

    source: int
    time_ms: int
    changes: list[RowChange]
    truth: Truth
    others: tuple[Truth, ...] = ()

"""The workload 'account view': a seeded run of source transactions over five tables of two databases.

The first transactions create every account with one subscription; then invoices with payments, later payments,
reversals, subscription changes and support cases follow, 1 to 5 rows a transaction, skewed towards low account ids.
Held at every billing commit: `accounts.paid_cents` equals the sum of the payments of the account's invoices.
Other shapes: invoices only, a share of all acts on one account, one transaction of very many rows.
Pure: the same shape gives the same transactions on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.shape import Shape
from benchmarks.tables import (
    ACCOUNTS,
    BILLING,
    CASES,
    INVOICES,
    PAYMENTS,
    SUBSCRIPTIONS,
    SUPPORT,
    TABLES,
    Image,
    RowChange,
    SourceTransaction,
    Truth,
)

PLANS = ("free", "basic", "pro", "scale", "enterprise")
CURRENCIES = ("EUR", "USD", "GBP")
METHODS = ("card", "sepa", "wire")


class _Account:
    """Live rows of one account while the run is generated."""

    __slots__ = ("cases", "invoiced", "invoices", "paid", "payments", "row", "subscriptions")

    def __init__(self, row: Image, subscription: Image) -> None:
        """An account starts with its row and one active subscription."""
        self.row = row
        self.subscriptions: list[Image] = [subscription]
        self.invoices: list[Image] = []
        self.payments: list[Image] = []
        self.cases: list[Image] = []
        self.invoiced = 0
        self.paid = 0


class Workload:
    """Yields source transactions until at least as many row changes as the shape says have been made."""

    def __init__(self, shape: Shape, start_ms: int = 1_760_000_000_000) -> None:
        """A run of this shape; ValueError if it has no changes or no accounts."""
        if shape.changes < 1 or shape.accounts < 1:
            raise ValueError(f"a workload needs at least one change and one account, got {shape}")
        self.shape = shape
        self._random = random.Random(shape.seed)
        self._now_ms = start_ms
        self._last_id = [0] * len(TABLES)
        self._live: list[_Account] = []

    def transactions(self) -> Iterator[SourceTransaction]:
        """All transactions in commit order (of both databases together)."""
        made, shape = 0, self.shape
        while made < shape.changes and len(self._live) < shape.accounts:
            transaction = self._sign_up()
            made += len(transaction.changes)
            yield transaction
        if shape.bulk_rows:
            transaction = self._bulk(shape.bulk_rows)
            made += len(transaction.changes)
            yield transaction
        while made < shape.changes:
            transaction = self._act()
            made += len(transaction.changes)
            yield transaction

    def _bulk(self, rows: int) -> SourceTransaction:
        """One transaction over all accounts in turn, an invoice with its payments each, until it has so many rows."""
        self._now_ms += 2
        changes: list[RowChange] = []
        touched: dict[int, Truth] = {}
        while len(changes) < rows:
            account = self._live[len(touched)] if len(touched) < len(self._live) else self._busy()
            part = self._invoice(account)
            changes += part.changes
            touched[part.truth.account] = part.truth
        truth, *others = touched.values()
        return SourceTransaction(BILLING, self._now_ms, changes, truth, tuple(others))

    def _busy(self) -> _Account:
        """The account of the next act: low account ids are busier."""
        if self.shape.hot and self._random.random() < self.shape.hot:
            return self._live[0]
        return self._live[int(len(self._live) * self._random.random() ** 1.5)]

    def _sign_up(self) -> SourceTransaction:
        """A new account and its first subscription in one transaction."""
        self._now_ms += 2
        number = self._next_id(ACCOUNTS)
        row: Image = (
            number,
            f"Customer {number - 1:06d} GmbH",
            "active",
            self._random.choice(CURRENCIES),
            0,
            self._now_ms * 1000,
        )
        subscription = self._new_subscription(number)
        account = _Account(row, subscription)
        self._live.append(account)
        return self._commit(
            BILLING, account, [RowChange(ACCOUNTS, "c", None, row), RowChange(SUBSCRIPTIONS, "c", None, subscription)]
        )

    def _act(self) -> SourceTransaction:
        """One business act on one account."""
        self._now_ms += 2
        account = self._busy()
        dice = self._random.random()
        if self.shape.invoices_only or dice < 0.50:
            return self._invoice(account)
        if dice < 0.62 and account.invoices:
            return self._late_payment(account)
        if dice < 0.64 and account.payments:
            return self._reversal(account)
        if dice < 0.76:
            return self._subscription(account)
        return self._case(account)

    def _invoice(self, account: _Account) -> SourceTransaction:
        """An invoice with one to three payments: three to five rows."""
        draw = self._random
        amounts = [draw.randrange(100, 99_999) for _ in range(draw.choice((1, 1, 2, 3)))]
        number = self._next_id(INVOICES)
        total = sum(amounts) + draw.choice((0, 0, 5000))
        invoice: Image = (number, account.row[0], f"INV-2026-{number:07d}", "open", total, self._now_ms * 1000)
        payments = [self._new_payment(number, amount) for amount in amounts]
        account.invoices.append(invoice)
        account.invoiced += total
        account.payments += payments
        changes = [
            RowChange(INVOICES, "c", None, invoice),
            *(RowChange(PAYMENTS, "c", None, payment) for payment in payments),
        ]
        return self._commit(BILLING, account, [*changes, self._pay(account, sum(amounts))])

    def _late_payment(self, account: _Account) -> SourceTransaction:
        """A payment on an older invoice, which is then paid."""
        index = self._random.randrange(len(account.invoices))
        before = account.invoices[index]
        after: Image = (*before[:3], "paid", before[4], self._now_ms * 1000)
        payment = self._new_payment(int(before[0]), self._random.randrange(100, 9999))
        account.invoices[index] = after
        account.payments.append(payment)
        changes = [RowChange(PAYMENTS, "c", None, payment), RowChange(INVOICES, "u", before, after)]
        return self._commit(BILLING, account, [*changes, self._pay(account, int(payment[2]))])

    def _reversal(self, account: _Account) -> SourceTransaction:
        """A payment row is deleted."""
        payment = account.payments.pop(self._random.randrange(len(account.payments)))
        return self._commit(
            BILLING, account, [RowChange(PAYMENTS, "d", payment, None), self._pay(account, -int(payment[2]))]
        )

    def _subscription(self, account: _Account) -> SourceTransaction:
        """A new subscription, a cancellation or another price."""
        draw = self._random
        if draw.random() < 0.3:
            created = self._new_subscription(account.row[0])
            account.subscriptions.append(created)
            return self._commit(BILLING, account, [RowChange(SUBSCRIPTIONS, "c", None, created)])
        index = draw.randrange(len(account.subscriptions))
        before = account.subscriptions[index]
        cancelled = draw.random() < 0.3
        status, price = ("cancelled", before[4]) if cancelled else ("active", draw.randrange(10, 999) * 100)
        after: Image = (*before[:3], status, price, self._now_ms * 1000)
        account.subscriptions[index] = after
        return self._commit(BILLING, account, [RowChange(SUBSCRIPTIONS, "u", before, after)])

    def _case(self, account: _Account) -> SourceTransaction:
        """A support case opens, is raised or closes, in the other database."""
        draw = self._random
        live = [index for index, case in enumerate(account.cases) if case[3] == "open"]
        now_us = self._now_ms * 1000
        if not live or draw.random() < 0.55:
            case: Image = (
                self._next_id(CASES),
                account.row[0],
                "Question about invoice",
                "open",
                draw.randrange(1, 5),
                now_us,
            )
            account.cases.append(case)
            return self._commit(SUPPORT, account, [RowChange(CASES, "c", None, case)])
        index = draw.choice(live)
        before = account.cases[index]
        closed = draw.random() < 0.7
        status, severity = ("closed", before[4]) if closed else ("open", draw.randrange(1, 5))
        after: Image = (*before[:3], status, severity, now_us)
        account.cases[index] = after
        return self._commit(SUPPORT, account, [RowChange(CASES, "u", before, after)])

    def _pay(self, account: _Account, amount: int) -> RowChange:
        """The account row's own total follows its payments."""
        account.paid += amount
        before = account.row
        account.row = (*before[:4], int(before[4]) + amount, self._now_ms * 1000)
        return RowChange(ACCOUNTS, "u", before, account.row)

    def _new_payment(self, invoice: int, amount: int) -> Image:
        """A payment row of an invoice."""
        return (self._next_id(PAYMENTS), invoice, amount, self._random.choice(METHODS), self._now_ms * 1000)

    def _new_subscription(self, account: int | str) -> Image:
        """An active subscription row."""
        draw = self._random
        return (
            self._next_id(SUBSCRIPTIONS),
            account,
            draw.choice(PLANS),
            "active",
            draw.randrange(10, 999) * 100,
            self._now_ms * 1000,
        )

    def _next_id(self, table: int) -> int:
        """The next value of the table's sequence."""
        self._last_id[table] += 1
        return self._last_id[table]

    def _commit(self, source: int, account: _Account, changes: list[RowChange]) -> SourceTransaction:
        """The transaction with the truth after it."""
        row = account.row
        if row[4] != account.paid:
            raise AssertionError(
                f"the generator broke its own invariant on account {row[0]}: {row[4]} != {account.paid}"
            )
        mrr = sum(int(item[4]) for item in account.subscriptions if item[3] == "active")
        open_cases = sum(1 for item in account.cases if item[3] == "open")
        truth = Truth(
            int(row[0]), int(row[4]), account.paid, len(account.payments), len(account.invoices), account.invoiced,
            len(account.subscriptions), mrr, len(account.cases), open_cases,
        )  # fmt: skip
        return SourceTransaction(source, self._now_ms, changes, truth)

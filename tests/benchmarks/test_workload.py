"""The benchmark's generator: seeded, within 1 to 5 rows a transaction, and true to its own invariant."""

from __future__ import annotations

from benchmarks.shape import Shape
from benchmarks.tables import ACCOUNTS, BILLING, CASES, INVOICES, PAYMENTS, SUBSCRIPTIONS, TABLE_SOURCE, RowChange
from benchmarks.workload import Workload


def test_same_seed_same_transactions() -> None:
    """Two runs with one seed are equal, another seed gives another run."""
    first, second, other = (list(Workload(Shape(2000, 50, seed)).transactions()) for seed in (7, 7, 8))
    assert first == second
    assert first != other


def test_transactions_have_one_to_five_rows_of_one_source() -> None:
    """Every transaction is small, never empty, and stays within one database."""
    for transaction in Workload(Shape(5000, 100)).transactions():
        assert 1 <= len(transaction.changes) <= 5
        assert {TABLE_SOURCE[change.table] for change in transaction.changes} == {transaction.source}


def test_account_row_equals_sum_of_payments_at_every_billing_commit() -> None:
    """Recomputed from the rows alone: accounts.paid_cents is the sum of the payments found through the invoices."""
    account_of_invoice: dict[object, object] = {}
    payments: dict[object, tuple[object, int]] = {}
    paid: dict[object, int] = {}
    reported: dict[object, int] = {}
    for transaction in Workload(Shape(5000, 100)).transactions():
        for change in transaction.changes:
            _apply(change, account_of_invoice, payments, paid, reported)
        if transaction.source == BILLING:
            account = transaction.truth.account
            assert reported[account] == paid.get(account, 0) == transaction.truth.paid


def _apply(
    change: RowChange,
    account_of_invoice: dict[object, object],
    payments: dict[object, tuple[object, int]],
    paid: dict[object, int],
    reported: dict[object, int],
) -> None:
    """A naive fold of one row."""
    if change.table == ACCOUNTS and change.after:
        reported[change.after[0]] = int(change.after[4])
    if change.table == INVOICES and change.after:
        account_of_invoice[change.after[0]] = change.after[1]
    if change.table == PAYMENTS:
        if change.after:
            payments[change.after[0]] = (account_of_invoice[change.after[1]], int(change.after[2]))
        account, amount = payments[(change.after or change.before or ())[0]]
        paid[account] = paid.get(account, 0) + (amount if change.after else -amount)


def test_every_table_and_operation_occurs() -> None:
    """A short run already shows creates, updates and deletes over all five tables."""
    changes = [change for transaction in Workload(Shape(20_000, 200)).transactions() for change in transaction.changes]
    assert {change.table for change in changes} == {ACCOUNTS, SUBSCRIPTIONS, INVOICES, PAYMENTS, CASES}
    assert {change.op for change in changes} == {"c", "u", "d"}


def test_a_bulk_transaction_is_one_with_the_truth_of_every_account() -> None:
    """All its rows are of one billing transaction, right after the sign-ups, and each account that it is about has its truth."""
    transactions = list(Workload(Shape(400, 20, bulk_rows=300)).transactions())
    bulk = transactions[20]
    assert 300 <= len(bulk.changes) < 306
    truths = {truth.account: truth for truth in (bulk.truth, *bulk.others)}
    reported = {
        change.after[0]: change.after[4] for change in bulk.changes if change.table == ACCOUNTS and change.after
    }
    assert {account: truth.paid for account, truth in truths.items()} == reported
    assert set(truths) == set(range(1, 21))
    assert max(len(t.changes) for t in transactions if t is not bulk) <= 5


def test_a_hot_account_gets_every_act() -> None:
    """With a share of 1 all invoices are of account 1; invoices only means no cases and no changed subscriptions."""
    transactions = list(Workload(Shape(1000, 10, hot=1.0, invoices_only=True)).transactions())
    assert {transaction.truth.account for transaction in transactions[10:]} == {1}
    assert {change.table for transaction in transactions[10:] for change in transaction.changes} == {
        ACCOUNTS,
        INVOICES,
        PAYMENTS,
    }

"""What billing.sql and erp.sql promise holds after every single commit of every act, and rollbacks leave nothing."""

from __future__ import annotations

from collections import Counter
from datetime import date

from demo.acts.words import Act, Transaction
from demo.company import Company, Connection
from demo.planner import Planner

BROKEN = """
SELECT a.id, a.balance_minor,
  (SELECT coalesce(sum(total_minor), 0) FROM invoices i WHERE i.account_id = a.id AND i.status IN ('open', 'paid'))
  - (SELECT coalesce(sum(p.amount_minor), 0) FROM payments p JOIN invoices i ON i.id = p.invoice_id
     WHERE i.account_id = a.id AND p.status = 'succeeded')
  + (SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r JOIN payments p ON p.id = r.payment_id
     JOIN invoices i ON i.id = p.invoice_id WHERE i.account_id = a.id)
  - (SELECT coalesce(sum(amount_minor), 0) FROM credits c WHERE c.account_id = a.id) AS derived
FROM accounts a
"""
LINES = """
SELECT number FROM invoices i
WHERE total_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM invoice_lines l WHERE l.invoice_id = i.id)
"""


def run(conns: dict[str, Connection], transaction: Transaction) -> None:
    """One transaction as the writer runs it."""
    conn = conns[transaction.system]
    for statement in transaction.statements:
        conn.execute(statement.sql, statement.parameters)
    if transaction.commit:
        conn.commit()
    else:
        conn.rollback()


def check(billing: Connection) -> None:
    """The two invariants, over all accounts."""
    assert [row for row in billing.execute(BROKEN.encode()) if row[1] != row[2]] == []
    assert billing.execute(LINES.encode()).fetchall() == []
    billing.rollback()


def test_invariants_hold_at_every_commit(company: Company) -> None:
    """Balance and totals agree with the rows after each of some hundred acts, two-transaction acts in the middle too."""
    planner = Planner(11, date(2026, 7, 1))
    kinds: Counter[str] = Counter()
    with company.connect("billing") as billing, company.connect("support") as support:
        conns = {"billing": billing, "support": support}
        for _ in range(700):
            act = planner.next()
            kinds[act.kind] += 1
            for transaction in act.transactions:
                run(conns, transaction)
                if transaction.system == "billing":
                    check(billing)
    assert len(kinds) > 20


def test_a_change_of_mind_leaves_nothing(company: Company) -> None:
    """Neither the rolled back transaction nor the rolled back savepoint leaves an invoice or moves a balance."""
    planner = Planner(11, date(2026, 7, 1))
    with company.connect("billing") as billing, company.connect("support") as support:
        conns = {"billing": billing, "support": support}
        act = planner.next()
        while act.kind != "change_mind":
            _all(conns, act)
            act = planner.next()
        state = "SELECT (SELECT sum(balance_minor) FROM accounts), (SELECT count(*) FROM invoices)"
        before = billing.execute(state.encode()).fetchone()
        _all(conns, act)
        assert billing.execute(state.encode()).fetchone() == before


def _all(conns: dict[str, Connection], act: Act) -> None:
    for transaction in act.transactions:
        run(conns, transaction)

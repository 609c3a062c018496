"""A row that others hang on is given to another account: what hangs on it goes with it, whole, in the same version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from state.mapping.toast import MARKER
from tests.scenarios.cases.company import TEXT, company, row, topic
from tests.scenarios.cases.wire import Wire

ACCOUNTS, INVOICES, LINES, PAYMENTS = (
    "billing.accounts",
    "billing.invoices",
    "billing.invoice_lines",
    "billing.payments",
)


def world(folder: Path, paid: Any = 3000, **options: Any) -> Wire:
    """A1 has INV-5 of 100.00 with a line, a payment of 30.00 and a refund of it; A2 has nothing."""
    wire = company(folder, **options)
    for number in (1, 2):
        wire.commit(wire.put(topic(ACCOUNTS), "c", **row(ACCOUNTS, number, number=f"A{number}")))
    wire.commit(
        wire.put(topic(INVOICES), "c", **row(INVOICES, 5, account_id=1)),
        wire.put(topic(LINES), "c", **row(LINES, 6, invoice_id=5)),
        wire.put(topic(PAYMENTS), "c", **row(PAYMENTS, 7, invoice_id=5, amount_minor=paid)),
        wire.put(topic("billing.refunds"), "c", **row("billing.refunds", 8, payment_id=7, amount_minor=500)),
    )
    return wire


def sums(wire: Wire, account: str) -> tuple[int, int, int]:
    """Billed, paid and refunded of an account."""
    totals = wire.live("account")[account]["totals"]["EUR"]
    return totals["billed_minor"], totals["paid_minor"], totals["refunded_minor"]


@pytest.mark.parametrize("restart", [False, True])
def test_lines_payments_and_refunds_go_with_their_invoice(tmp_path: Path, restart: bool) -> None:
    """In the version of the move A2 has all of it and A1 nothing; a later restart changes nothing.

    Planted break, seen to fail: not looking at what hangs on a row whose link changes.
    """
    wire = world(tmp_path)
    if restart:
        wire.restart()
    log = wire.commit(wire.put(topic(INVOICES), **row(INVOICES, 5, account_id=2)))
    assert (sums(wire, "A1"), sums(wire, "A2")) == ((0, 0, 0), (10000, 3000, 500))
    assert len([one for one in log if one.kind == "account"]) == 2
    wire.restart()
    wire.commit(wire.put(topic(PAYMENTS), **row(PAYMENTS, 7, invoice_id=5, amount_minor=4000)))
    assert (sums(wire, "A1"), sums(wire, "A2")) == ((0, 0, 0), (10000, 4000, 500))
    counts = wire.counts()
    assert counts["in"] == counts["applied"] + counts["ignored"] + counts["parked"]


def test_an_account_that_is_renumbered_takes_all_with_it(tmp_path: Path) -> None:
    """The account id changes: everything is under the new one, nothing is left under the old."""
    wire = world(tmp_path)
    wire.commit(wire.put(topic(ACCOUNTS), **row(ACCOUNTS, 1, number="A7")))
    assert sums(wire, "A7") == (10000, 3000, 500)
    assert "A1" not in wire.live("account")


def test_a_parked_row_stays_parked_and_keeps_what_it_said(tmp_path: Path) -> None:
    """A payment whose amount cannot be read moves with its invoice: the old 30.00 count at A2, the fault is there, once told."""
    wire = world(tmp_path, "3000", columns={PAYMENTS: {"amount_minor": TEXT}})
    wire.commit(wire.put(topic(PAYMENTS), **row(PAYMENTS, 7, invoice_id=5, amount_minor="thirty")))
    wire.commit(wire.put(topic(INVOICES), **row(INVOICES, 5, account_id=2)))
    for _ in range(2):
        assert (sums(wire, "A2")[1], wire.live("account")["A2"]["parked_rows"]) == (3000, 1)
        assert wire.live("account")["A1"]["parked_rows"] == 0
        assert len(wire.parked()) == 1
        wire.restart()
        wire.commit(wire.put(topic(ACCOUNTS), **row(ACCOUNTS, 2, number="A2", name="Again")))
    wire.commit(wire.put(topic(PAYMENTS), **row(PAYMENTS, 7, invoice_id=5, amount_minor="2000")))
    assert (sums(wire, "A2")[1], wire.live("account")["A2"]["parked_rows"]) == (2000, 0)
    assert not wire.live("exception")


def test_a_large_value_that_a_change_left_out_is_not_lost(tmp_path: Path) -> None:
    """The stored row is the merged image: after the move, and a further change without the value, it is still there."""
    wire = world(tmp_path)
    text = "long " * 500
    wire.commit(wire.put(topic(LINES), **row(LINES, 6, invoice_id=5, description=text)))
    wire.commit(wire.put(topic(LINES), **row(LINES, 6, invoice_id=5, description=MARKER, amount_minor=9000)))
    wire.commit(wire.put(topic(INVOICES), **row(INVOICES, 5, account_id=2)))
    wire.restart()
    wire.commit(wire.put(topic(LINES), **row(LINES, 6, invoice_id=5, description=MARKER, amount_minor=8000)))
    assert wire.live("invoice")["INV-5"]["line_sum_minor"] == 8000
    assert not wire.parked()


def test_what_hangs_on_a_deleted_row_waits_and_inherits_nothing(tmp_path: Path) -> None:
    """Invoice 5 is deleted without its children: they wait, counted; when key 5 is used again for A2 they are A2's, as the
    source's own join says, and nothing of it is A1's.

    Planted break, seen to fail: leaving the children of a deleted row where they were.
    """
    wire = world(tmp_path)
    wire.commit(wire.drop(topic(INVOICES), id=5))
    wire.commit(wire.put(topic(ACCOUNTS), **row(ACCOUNTS, 2, number="A2")), after_ms=5000)
    assert sums(wire, "A1") == (0, 0, 0)
    assert {one["kind"] for one in wire.live("exception").values()} == {"UNKNOWN_ACCOUNT"}
    wire.restart()
    wire.commit(wire.put(topic(INVOICES), "c", **row(INVOICES, 5, account_id=2, total_minor=7000)))
    assert (sums(wire, "A1"), sums(wire, "A2")) == ((0, 0, 0), (7000, 3000, 500))
    assert not wire.live("exception")

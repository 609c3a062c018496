"""Kill Bill, beyond the recordings: one payment whose bookings lie on two invoices, and a refund booked on one of them.

Amounts are hand-made: invoices of 60.00 and 50.00, one charge of 100.00 booked with 60.00 and 40.00, 15.00 given back of
the second. The rows come through the real reading, aligning and resolving, in five transactions as Kill Bill writes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from state.rules import Rules
from tests.scenarios.cases.capture import Event
from tests.scenarios.real.replay import ACCOUNT, TIERS, Replay
from tests.scenarios.real.test_what_the_recordings_lack import UUID, micros, row

FIRST, SECOND, PAYMENT = "aaaaaaaa-0000", "bbbbbbbb-0000", "cccccccc-0000"
AT = micros("2026-02-01T10:00:00")


def billed(real: Replay, number: int, invoice: str, amount: str) -> list[Event]:
    """A committed invoice with one item."""
    return [
        row(real, "killbill.public.invoices", record_id=number, account_record_id=4, id=invoice, status="COMMITTED",
            currency="USD"),
        row(real, "killbill.public.invoice_items", record_id=number, account_record_id=4, id=f"item-{number}",
            invoice_id=invoice, type="RECURRING", amount=amount, created_date=AT),
    ]  # fmt: skip


def booking(real: Replay, number: int, invoice: str, amount: str, **columns: Any) -> Event:
    """A row of invoice_payments."""
    base = {"type": "ATTEMPT", "payment_id": PAYMENT, "payment_cookie_id": "charge-1", "status": "SUCCESS"}
    return row(real, "killbill.public.invoice_payments", record_id=number, account_record_id=4, invoice_id=invoice,
               amount=amount, **(base | columns))  # fmt: skip


def leg(real: Replay, number: int, kind: str, key: str, amount: str, status: str = "SUCCESS") -> Event:
    """A row of payment_transactions."""
    return row(real, "killbill.public.payment_transactions", record_id=number, account_record_id=4, id=f"leg-{number}",
               payment_id=PAYMENT, transaction_external_key=key, transaction_type=kind, transaction_status=status,
               amount=amount, currency="USD", effective_date=AT)  # fmt: skip


def test_each_invoice_is_paid_by_what_is_booked_on_it(tmp_path: Path) -> None:
    """In flight nothing is paid; then 60.00 and 40.00; a refund is that of the invoice it is booked on.

    Planted break, seen to fail: only the first booking taken for the payment's invoice (state/derived/killbill_payments.py).
    """
    real = Replay(tmp_path, Rules(1, TIERS, "finance", ()))
    account = {"id": UUID, "external_key": ACCOUNT, "currency": "USD", "created_date": micros("2026-01-01T00:00:00")}
    real.commit(row(real, "killbill.public.accounts", record_id=4, **account), source="killbill")
    real.commit(*billed(real, 1, FIRST, "60.000000000"), *billed(real, 2, SECOND, "50.000000000"), source="killbill")
    real.commit(
        row(real, "killbill.public.payments", record_id=1, account_record_id=4, id=PAYMENT),
        leg(real, 1, "PURCHASE", "charge-1", "100.000000000", "UNKNOWN"),
        booking(real, 1, FIRST, "60.000000000", status="INIT"),
        booking(real, 2, SECOND, "40.000000000", status="INIT"),
        source="killbill",
    )
    payment = real.live("payment")[PAYMENT]
    assert (payment["in_flight"], payment["allocations"], payment["invoice"]) == (True, [], FIRST)
    assert [real.live("invoice")[key]["paid_minor"] for key in (FIRST, SECOND)] == [0, 0]
    real.commit(
        leg(real, 1, "PURCHASE", "charge-1", "100.000000000"),
        booking(real, 1, FIRST, "60.000000000"),
        booking(real, 2, SECOND, "40.000000000"),
        source="killbill",
    )
    payment = real.live("payment")[PAYMENT]
    shares = [{"invoice": FIRST, "amount_minor": 6000}, {"invoice": SECOND, "amount_minor": 4000}]
    assert (payment["allocations"], payment["unallocated_minor"], payment["invoice"]) == (shares, 0, None)
    invoices = real.live("invoice")
    fields = ("status", "paid_minor", "balance_minor", "in_flight")
    assert [invoices[FIRST][name] for name in fields] == ["paid", 6000, 0, False]
    assert [invoices[SECOND][name] for name in fields] == ["open", 4000, 1000, False]
    given_back = {"type": "REFUND", "payment_cookie_id": "refund-1"}
    real.commit(
        leg(real, 2, "REFUND", "refund-1", "15.000000000"),
        booking(real, 3, SECOND, "-15.000000000", **given_back),
        source="killbill",
    )
    assert real.live("refund")["leg-2"]["invoice"] == SECOND
    invoices = real.live("invoice")
    assert [invoices[SECOND][name] for name in ("refunded_minor", "balance_minor")] == [1500, 2500]
    assert (invoices[FIRST]["balance_minor"], real.live("payment")[PAYMENT]["flags"]) == (0, [])
    totals = real.live("account")[ACCOUNT]["totals"]["USD"]
    assert [totals[f"{name}_minor"] for name in ("billed", "paid", "refunded", "balance")] == [
        11_000,
        10_000,
        1500,
        2500,
    ]

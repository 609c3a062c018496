"""Money is exact: minor and major units, currencies without and with three decimals, sums per currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.values import (
    NANO,
    OPEN_ENDED,
    OPEN_STARTED,
    BadValue,
    day,
    decimal,
    instant,
    instant_from_us,
    major_text,
    major_units,
    minor_units,
)
from tests.state.company import ACCOUNT, at, put, record, shard


@pytest.mark.parametrize(
    ("currency", "minor", "major", "text"),
    [
        ("JPY", 500, "500", "500"),
        ("USD", 500, "5.00", "5.00"),
        ("KWD", 18600, "18.600", "18.600"),
        ("JPY", 500, "500.0", "500"),
        ("USD", 500, "5", "5.00"),
        ("KWD", 18600, "18.6", "18.600"),
    ],
)
def test_minor_and_major_units_compare_by_currency(currency: str, minor: int, major: str, text: str) -> None:
    """Equal amounts are no difference in any currency; a correction carries the currency's own decimals (case G23)."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1, currency=currency), put("billing.credits", 1, amount_minor=minor))
    at(target, 1001, put("erp.customers", 1, currency=currency))
    out = at(target, 1002, put("erp.credit_notes", 1, amount=major))
    assert record(out, "credit", "CR-1")["erp"]["amount_minor"] == minor
    assert not [i for _, i in at(target, 9000).intents if i]
    at(target, 10_000, put("erp.credit_notes", 1, amount="7"))
    (intent,) = [i for _, i in at(target, 20_000).intents if i]
    assert intent["desired"]["amount"] == text


def test_too_many_decimals_are_refused_by_name() -> None:
    """500.5 JPY is parked under its account, shown as unknown, and nothing is corrected from it; a good image ends it."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1, currency="JPY"), put("billing.credits", 1, amount_minor=500))
    at(target, 1001, put("erp.customers", 1, currency="JPY"))
    out = at(target, 1002, put("erp.credit_notes", 1, amount="500.5"))
    assert [(p.change.account, p.code) for p in out.parked] == [(ACCOUNT, "INVALID_PRECISION")]
    assert "500.5" in out.parked[0].reason
    assert out.applied == 0
    credit = record(out, "credit", "CR-1")
    assert (credit["erp"]["amount_minor"], credit["flags"]) == (None, ["PARKED"])
    (problem,) = out.exceptions
    assert problem[1] is not None
    assert problem[1]["kind"] == "INVALID_PRECISION"
    assert not [i for _, i in at(target, 60_000).intents if i]
    out = at(target, 61_000, put("erp.credit_notes", 1, amount="500"))
    assert record(out, "credit", "CR-1")["flags"] == []
    assert out.exceptions == [(problem[0], None)]


def test_currency_that_comes_late_or_changes() -> None:
    """Rows that came before the row that names the currency count once it is there, and anew when it changes."""
    target = shard()
    at(target, 1000, put("billing.invoices", 1), put("billing.payments", 1, amount_minor=2500))
    out = at(target, 1001, put("billing.accounts", 1, currency="EUR"))
    assert record(out, "account")["totals"]["EUR"]["balance_minor"] == 7500
    assert record(out, "invoice", "INV-1")["open_minor"] == 7500
    out = at(target, 1002, put("billing.accounts", 1, currency="USD"))
    assert record(out, "account")["totals"].keys() == {"USD"}
    assert record(out, "payment", "PAY-1")["currency"] == "USD"


def test_two_ledgers_in_two_currencies_are_a_problem_not_a_correction() -> None:
    """An ERP customer in another currency: CURRENCY_MISMATCH names both, nothing is corrected."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1), put("billing.credits", 1))
    at(target, 1001, put("erp.customers", 1, currency="USD"))
    out = at(target, 1002, put("erp.credit_notes", 1, amount="99"))
    (problem,) = [p for _, p in out.exceptions if p]
    assert problem["kind"] == "CURRENCY_MISMATCH"
    assert "EUR" in problem["text"]
    assert "USD" in problem["text"]
    assert not [i for _, i in at(target, 60_000).intents if i]


def test_refund_of_a_credit_note_counts_once() -> None:
    """Both cases of G26, events in any order: net amounts, open and account credit."""
    first = [
        put("billing.accounts", 1),
        put("billing.invoices", 1, total_minor=23990, status="paid"),
        put("billing.payments", 1, amount_minor=23990),
        put("billing.credits", 1, amount_minor=22018),
        put("billing.refunds", 1, amount_minor=22018),
    ]
    second = [
        put("billing.accounts", 1),
        put("billing.invoices", 1, status="paid"),
        put("billing.payments", 1),
        put("billing.credits", 1, amount_minor=3000),
        put("billing.refunds", 1, amount_minor=1000),
    ]
    for changes, billed, cash, credit in ((first, 1972, 1972, 0), (second, 7000, 9000, 2000)):
        for order in (changes, changes[::-1]):
            total = record(at(shard(), 1000, *order), "account")["totals"]["EUR"]
            assert total["billed_minor"] - total["credited_minor"] == billed
            assert total["paid_minor"] - total["refunded_minor"] == cash
            assert (total["open_minor"], total["account_credit_minor"]) == (0, credit)


def test_a_returned_payment_opens_the_invoice_again() -> None:
    """Pending never pays; succeeded does; failed after that opens it again (case G31)."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1), put("billing.invoices", 1, total_minor=134000))
    opened = [
        record(at(target, 1001 + n, put("billing.payments", 1, amount_minor=134000, status=s)), "invoice", "INV-1")[
            "open_minor"
        ]
        for n, s in enumerate(("pending", "succeeded", "failed"))
    ]
    assert opened == [134000, 0, 134000]


def test_void_zero_and_deleted_are_three_things() -> None:
    """Void: open 0, what was paid becomes credit. Zero: settled, not void. Deleted: retired (case G35)."""
    target = shard()
    at(
        target,
        1000,
        put("billing.accounts", 1),
        put("billing.invoices", 1, total_minor=8000),
        put("billing.payments", 1, amount_minor=3000),
    )
    out = at(target, 1001, put("billing.invoices", 1, total_minor=8000, status="void"))
    assert (record(out, "invoice", "INV-1")["status"], record(out, "invoice", "INV-1")["open_minor"]) == ("void", 0)
    assert record(out, "account")["totals"]["EUR"]["account_credit_minor"] == 3000
    out = at(target, 1002, put("billing.invoices", 2, total_minor=0, status="paid"))
    assert (record(out, "invoice", "INV-2")["status"], record(out, "invoice", "INV-2")["open_minor"]) == ("paid", 0)


def test_numbers_without_declared_scale() -> None:
    """5 = 5.00; Debezium's {scale, value} is read exactly; null stays unknown (case G01)."""
    assert (
        decimal({"scale": 2, "value": b"\x01\xf4"}) == decimal("5.00") == decimal("5") == decimal(Decimal("5.0")) == "5"
    )
    assert decimal({"scale": 3, "value": b"\xff\x38"}) == "-0.2"
    assert decimal(None) is None


@given(st.integers(-(10**15), 10**15), st.integers(0, 4))
def test_major_text_and_back(minor: int, exponent: int) -> None:
    """Minor units to text in major units and back is the same amount."""
    text = major_text(minor, exponent)
    assert Decimal(text).scaleb(exponent) == minor
    assert major_units(text) == minor * NANO // 10**exponent == major_units(Decimal(text))


@pytest.mark.parametrize(
    ("convert", "value", "code"),
    [
        (minor_units, b"\x00\xa0", "NOT_AN_AMOUNT"),
        (minor_units, 5.0, "NOT_AN_AMOUNT"),
        (minor_units, True, "NOT_AN_AMOUNT"),
        (minor_units, "5.5", "INVALID_PRECISION"),
        (major_units, "NaN", "NON_FINITE"),
        (major_units, "Infinity", "NON_FINITE"),
        (major_units, "1e-10", "INVALID_PRECISION"),
        (major_units, "5,0", "NOT_AN_AMOUNT"),
        (decimal, 0.1, "NOT_A_NUMBER"),
        (day, -719163, "OUT_OF_RANGE_DATE"),
        (day, 2932897, "OUT_OF_RANGE_DATE"),
        (day, -622191234, "OUT_OF_RANGE_DATE"),
        (instant, "2026-01-01T00:00:00", "ZONE_NOT_DECLARED"),
        (instant, "-0001-01-01T00:00:00Z", "OUT_OF_RANGE_TIMESTAMP"),
        (instant_from_us, 9000000000000000000, "OUT_OF_RANGE_TIMESTAMP"),
    ],
)
def test_values_that_are_refused_by_name(convert: Any, value: Any, code: str) -> None:
    """What cannot be exact, finite and in range is refused, never rounded or guessed."""
    with pytest.raises(BadValue) as refused:
        convert(value)
    assert refused.value.code == code


def test_dates_and_instants_in_one_form() -> None:
    """The edges of what Python holds, infinity in both encodings, offsets and fractions (cases G02, G15)."""
    assert [day(n) for n in (-719162, 2932896, 20000)] == ["0001-01-01", "9999-12-31", "2024-10-04"]
    assert instant("infinity") == instant_from_us(9223372036825200000) == OPEN_ENDED
    assert instant("-infinity") == OPEN_STARTED
    assert instant("2026-01-30T12:34:56-05:00") == "2026-01-30T17:34:56Z"
    assert instant("2026-01-30T12:34:56.120000Z") == instant("2026-01-30T12:34:56.12Z")
    assert instant_from_us(1769776496000000) == "2026-01-30T12:34:56Z"

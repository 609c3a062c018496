"""Amounts convert exactly between billing's minor and the ERP's major units, in every currency of the company."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.money import CURRENCIES, major, minor, text


@given(st.integers(-(10**15), 10**15), st.sampled_from(CURRENCIES))
def test_major_and_back_is_the_same_amount(amount: int, currency: str) -> None:
    """No amount is rounded on the way."""
    assert minor(major(amount, currency), currency) == amount


def test_each_currency_has_its_own_fraction() -> None:
    """Two decimals, none for yen, three for dinars."""
    assert [text(major(1999, currency)) for currency in ("EUR", "JPY", "KWD")] == ["19.990", "1999.000", "1.999"]


def test_a_fraction_of_a_minor_unit_is_refused() -> None:
    """Half a yen does not exist."""
    with pytest.raises(ValueError, match=r"500\.5 JPY"):
        minor(Decimal("500.5"), "JPY")

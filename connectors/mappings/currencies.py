"""Decimals of each currency by ISO 4217: JPY 0, USD 2, KWD 3."""

from __future__ import annotations

from iso4217 import Currency


def exponents() -> dict[str, int]:
    """{currency code: decimals}, without the codes that have none (XXX, gold and the like)."""
    return {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}

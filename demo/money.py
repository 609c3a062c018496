"""Exact amounts: billing's integer minor units to the ERP's decimal major units."""

from __future__ import annotations

from decimal import Decimal

EXPONENTS = {"EUR": 2, "USD": 2, "GBP": 2, "JPY": 0, "KWD": 3}
CURRENCIES = tuple(EXPONENTS)


def major(minor: int, currency: str) -> Decimal:
    """`minor` units of the currency as a decimal in major units: 1999 EUR is 19.99, 1999 JPY is 1999, 1999 KWD is 1.999."""
    return Decimal(minor).scaleb(-EXPONENTS[currency])


def minor(amount: Decimal, currency: str) -> int:
    """Inverse of `major`; raises ValueError if the amount has a fraction of a minor unit."""
    scaled = amount.scaleb(EXPONENTS[currency])
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} {currency} has a fraction of a minor unit")
    return int(scaled)


def text(amount: Decimal) -> str:
    """The amount as the ERP's numeric(18,3) prints it."""
    return f"{amount:.3f}"

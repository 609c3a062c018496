"""The arithmetic of proration: the cycle that a day lies in, and a price's share of it, exact to the minor unit."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import Final

from state.rules import Rounding

_MONTHS: Final = 12


def cycle_of(anchor: date, months: int, day: date) -> tuple[date, date]:
    """First day of the billing cycle that a day lies in, and that of the next one. Cycles are counted from the anchor, so
    that one from the 31st begins on the last day of a shorter month and on the 31st again after it.

    Raises ValueError outside the years 1 to 9999.
    """
    number = ((day.year - anchor.year) * _MONTHS + day.month - anchor.month) // months
    if _begin(anchor, number * months) > day:
        number -= 1
    return _begin(anchor, number * months), _begin(anchor, (number + 1) * months)


def _begin(anchor: date, months: int) -> date:
    year, month = divmod(anchor.year * _MONTHS + anchor.month - 1 + months, _MONTHS)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def share(price: int, part: int, whole: int, rounding: Rounding) -> int:
    """price * part / whole in minor units; `half_up` and `down` are those of the amount, whatever its sign."""
    number, rest = divmod(abs(price * part), whole)
    up = 2 * rest > whole or (2 * rest == whole and (rounding == "half_up" or number % 2 == 1))
    number += 1 if up and rounding != "down" else 0
    return number if price * part >= 0 else -number

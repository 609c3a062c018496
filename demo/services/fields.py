"""Reading fields of a request body: money as exact text, no float, limits on everything."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from demo.services.answers import invalid

#: numeric(18,3) of the demo ERP.
SCALE_MAX = 3
LINES_MAX = 1000


def text(body: Mapping[str, Any], field: str, allowed: tuple[str, ...] = ()) -> str:
    """A non-empty text of at most 500 characters, one of `allowed` if given."""
    value = body.get(field)
    if not isinstance(value, str) or not value.strip() or len(value) > 500:
        raise invalid(field, "must be a text of 1 to 500 characters")
    if allowed and value not in allowed:
        raise invalid(field, f"must be one of {', '.join(allowed)}")
    return value


def money(value: Any, field: str) -> Decimal:
    """Exact decimal text in major units with at most three decimals; a JSON number with a point is refused."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise invalid(field, "must be decimal text such as '12.340', never a JSON float")
    try:
        amount = Decimal(value)
    except InvalidOperation as error:
        raise invalid(field, "is not a decimal number") from error
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount != round(amount, SCALE_MAX) or abs(amount) >= Decimal(10) ** 15:
        raise invalid(field, f"must have at most {SCALE_MAX} decimals and 15 digits before them")
    return amount


def flag(body: Mapping[str, Any], field: str) -> bool:
    """A JSON boolean."""
    value = body.get(field)
    if not isinstance(value, bool):
        raise invalid(field, "must be true or false")
    return value


def day(value: Any, field: str) -> datetime.date:
    """An ISO date."""
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise invalid(field, "must be a date such as 2026-03-01") from error


class Line(NamedTuple):
    """An invoice line; the period of service, if it has one."""

    description: str
    amount: Decimal
    period_from: datetime.date | None = None
    period_until: datetime.date | None = None


def lines(body: Mapping[str, Any]) -> list[Line]:
    """Invoice lines."""
    value = body.get("lines")
    if not isinstance(value, list) or len(value) > LINES_MAX:
        raise invalid("lines", f"must be a list of at most {LINES_MAX} lines")
    found = []
    for line in value:
        if not isinstance(line, dict):
            raise invalid("lines", "must hold objects with description and amount")
        period = [day(line[name], name) if line.get(name) else None for name in ("period_from", "period_until")]
        found.append(Line(text(line, "description"), money(line.get("amount"), "lines.amount"), *period))
    return found


def only(body: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse fields that the resource does not have: nothing is ignored in silence."""
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise invalid(unknown[0], "is not a field of this resource")

"""What an account used, per metric: exact sums of quantities, unknown as soon as one quantity is."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from state.values import EXACT, decimal

if TYPE_CHECKING:
    from state.folding.account import Account

_ZERO = Decimal(0)
#: metric -> (sum of the known quantities, records, records without a quantity)
UsageSums = Mapping[str, tuple[Decimal, int, int]]


def add(account: Account, metric: str | None, quantity: str | None, sign: int) -> None:
    """Add a record's canonical quantity (sign 1) or take it back (-1). A metric without usage is forgotten."""
    name = metric or ""
    total, records, unknown = account.usage.get(name, (_ZERO, 0, 0))
    if quantity is None:
        unknown += sign
    else:
        total = (EXACT.add if sign > 0 else EXACT.subtract)(total, Decimal(quantity))
    if records + sign:
        account.own("usage")[name] = (total, records + sign, unknown)
    else:
        account.drop("usage", name)


def texts(usage: UsageSums) -> dict[str, str | None]:
    """Metric -> plain decimal text, None where a quantity is unknown."""
    if not usage:
        return {}
    return {name: None if unknown else decimal(total) for name, (total, _, unknown) in sorted(usage.items())}

"""What an account used, per metric: exact sums of quantities, unknown as soon as one quantity is."""

from __future__ import annotations

from decimal import Decimal

from state.values import EXACT, decimal

_ZERO = Decimal(0)


class UsageSums:
    """Running sums. A metric without usage is forgotten."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        """Nothing used yet."""
        #: metric -> [sum of the known quantities, records, records without a quantity]
        self._of: dict[str, tuple[Decimal, int, int]] = {}

    def add(self, metric: str | None, quantity: str | None, sign: int) -> None:
        """Add a record's canonical quantity (sign 1) or take it back (-1)."""
        name = metric or ""
        total, records, unknown = self._of.get(name, (_ZERO, 0, 0))
        if quantity is None:
            unknown += sign
        else:
            total = (EXACT.add if sign > 0 else EXACT.subtract)(total, Decimal(quantity))
        if records + sign:
            self._of[name] = (total, records + sign, unknown)
        else:
            del self._of[name]

    def texts(self) -> dict[str, str | None]:
        """Metric -> plain decimal text, None where a quantity is unknown."""
        if not self._of:
            return {}
        return {name: None if unknown else decimal(total) for name, (total, _, unknown) in sorted(self._of.items())}

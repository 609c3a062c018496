"""Amounts of facts in minor units of their currency, refused where the currency cannot hold them."""

from __future__ import annotations

from decimal import Decimal

from state.folding.account import Account, Fault
from state.folding.life import life_of
from state.model import TableSpec
from state.roles import POSITION, TIME_MS, Fact, Ref
from state.values import NANO_DIGITS

INVALID_PRECISION = "INVALID_PRECISION"


def amount_of(account: Account, minor: bool, amount: int | None, currency: str | None) -> int | None:
    """An amount of a fact in minor units; None if it or its currency is unknown, or if it has too many decimals."""
    if amount is None or minor:
        return amount
    step = account.steps.get(currency) if currency else None
    if step is None:
        return None
    whole, rest = divmod(amount, step)
    return None if rest else whole


def checked(
    account: Account, spec: TableSpec, ref: Ref, fact: Fact, amount: int | None, currency: str | None
) -> int | None:
    """As `amount_of`, and note a row whose amount its currency cannot hold (500.5 JPY)."""
    assert spec.object is not None
    if amount is None or spec.object.minor:
        return amount
    found = amount_of(account, False, amount, currency)
    if found is None and currency in account.steps:
        plain = format((Decimal(amount) / 10**NANO_DIGITS).normalize(), "f")
        reason = f"{plain} is no whole number of minor units of {currency}"
        kind = spec.object.role.object
        account.own("faults")[ref] = Fault(INVALID_PRECISION, reason, kind, fact[POSITION], fact[TIME_MS])
    return found


class Units:
    """Which tables give money in minor units: amounts of any row's fact at hand."""

    def __init__(self, tables: tuple[TableSpec, ...]) -> None:
        """`tables` of the model."""
        self._minor = [table.object is not None and table.object.minor for table in tables]
        #: per table what its rows go through, where the history is kept
        self.kept = [life if (life := life_of(table, {})) is not None and life.kept else None for table in tables]

    def amount(self, account: Account, ref: Ref, amount: int | None, currency: str | None) -> int | None:
        """An amount of a fact in minor units; None if unknown."""
        if amount is None or self._minor[ref[0]]:
            return amount
        return amount_of(account, False, amount, currency)

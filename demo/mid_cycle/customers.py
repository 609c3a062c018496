"""Key accounts of the demo company: who they are, and what billing must invoice them for the rest of a cycle."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

#: monthly prices in minor units of whatever currency: no share of them is a round sum
OLD, NEW = 2917, 49913
CURRENCIES = ("EUR", "JPY", "KWD", "USD")
#: so long ago the billing cycle began
DAYS_GONE = 12
#: a state of subscriptions that billing has since today, and nobody has told Concord of
UNKNOWN_STATE = "renewing"


@dataclass(slots=True)
class Customer:
    """One key account; `fails` is the step that goes wrong for it, empty for none. Ids are those of billing and support."""

    number: str
    currency: str
    fails: str = ""
    account: int = 0
    subscription: int = 0
    invoice: str = ""
    case: str = ""
    today: date = date.min
    lines: list[tuple[str, int]] = field(default_factory=list)
    #: when the failing step was committed, epoch seconds
    failed_at: float = 0.0

    @property
    def begun(self) -> date:
        """First day of the cycle."""
        return self.today - timedelta(days=DAYS_GONE)

    def ends(self) -> date:
        """First day of the next one: the same day of the next month, or the last of a shorter one."""
        year, month = divmod(self.begun.year * 12 + self.begun.month, 12)
        first = date(year, month + 1, 1)
        following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
        return min(first + timedelta(days=self.begun.day - 1), following - timedelta(days=1))

    def prorated(self) -> list[tuple[str, int]]:
        """What billing must invoice: the new price for the rest of the cycle, less the old one for it. By decimal arithmetic."""
        left, whole = (self.ends() - self.today).days, (self.ends() - self.begun).days
        shares = [(Decimal(price) * left / whole).quantize(Decimal(1), ROUND_HALF_UP) for price in (NEW, OLD)]
        return [(f"enterprise, {left} of {whole} days", int(shares[0])), ("unused time of basic", -int(shares[1]))]

    def bill(self, off_minor: int = 0) -> None:
        """What billing is about to invoice, `off_minor` too much."""
        (text, charge), unused = self.prorated()
        self.lines = [(text, charge + off_minor), unused]
        self.invoice = f"INV-{self.number}"

    @property
    def total(self) -> int:
        """What is invoiced, minor units."""
        return sum(amount for _, amount in self.lines)

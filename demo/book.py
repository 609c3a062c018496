"""The generator's own mirror of the company: what exists, so that an act can be planned without asking a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from demo.acts.words import ENTITLEMENT_RULE, STANDING_RULE, Carry
from demo.money import CURRENCIES, major, text

PLANS = {"basic": 2900, "pro": 9900, "enterprise": 49900}
LEVELS = {"basic": "standard", "pro": "premium", "enterprise": "enterprise"}
RANKS = ("none", "standard", "premium", "enterprise")
Lines = Sequence[tuple[str, Decimal]]
LIVE = frozenset({"trial", "active", "past_due"})


@dataclass(slots=True)
class Subscription:
    """A row of billing.subscriptions."""

    id: int
    plan: str
    status: str
    mrr: int


@dataclass(slots=True)
class Payment:
    """A succeeded payment, or what of it is for one invoice, and what of that was given back.

    `part_of`: the invoice, where the payment is for several.
    """

    id: int
    amount: int
    refunded: int = 0
    part_of: int | None = None


@dataclass(slots=True)
class Invoice:
    """A row of billing.invoices with its lines (description, amount in minor units)."""

    id: int
    number: str
    status: str
    lines: list[tuple[str, int]]
    payments: list[Payment] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Sum of the lines, which is what billing stores as the total."""
        return sum(amount for _, amount in self.lines)

    @property
    def open_amount(self) -> int:
        """What is still to be paid."""
        return self.total - sum(payment.amount for payment in self.payments)


@dataclass(slots=True)
class Account:
    """A customer, with what the acts need to know of it."""

    index: int
    id: int
    number: str
    name: str
    currency: str
    organization: int
    standing: str = "good"
    balance: int = 0
    subscriptions: list[Subscription] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)

    @property
    def level(self) -> str:
        """Service level that support must show: the tier of the best live subscription."""
        return level_of(self.subscriptions)


@dataclass(slots=True)
class Case:
    """An unresolved support case."""

    id: int
    account: int
    severity: int


def level_of(subscriptions: Iterable[Subscription]) -> str:
    """Service level of the best live subscription, 'none' without one."""
    live = [LEVELS[subscription.plan] for subscription in subscriptions if subscription.status in LIVE]
    return max(live, key=RANKS.index, default="none")


def price(plan: str) -> int:
    """Monthly price of the plan in minor units, the same number in every currency."""
    return PLANS[plan]


def invoice_value(state: str | None, currency: str, lines: Iterable[tuple[str, int]]) -> str | None:
    """Canonical text of the ERP invoice that billing's lines ask for; None if there need not be one."""
    if state is None:
        return None
    return erp_invoice_value(state, [(description, major(amount, currency)) for description, amount in lines])


def erp_invoice_value(state: str, lines: Lines) -> str:
    """Canonical text of an ERP invoice: state, total and lines in major units."""
    total = sum((amount for _, amount in lines), start=Decimal(0))
    return json.dumps([state, text(total), sorted([description, text(amount)] for description, amount in lines)])


class Book:
    """All accounts, open cases and id counters. Ids are given here, so the same seed gives the same rows."""

    def __init__(self) -> None:
        """An empty company."""
        self.accounts: list[Account] = []
        self.gone: set[int] = set()
        self.bare: list[int] = []
        self.drafts: list[tuple[int, Invoice]] = []
        self.cases: list[Case] = []
        self.faulted: set[str] = set()
        self._ids: dict[str, int] = {}

    def next_id(self, table: str) -> int:
        """The next primary key of the table."""
        self._ids[table] = self._ids.get(table, 0) + 1
        return self._ids[table]

    def start_after(self, table: str, last_id: int) -> None:
        """Leave the ids up to `last_id` to rows that are already there."""
        self._ids[table] = max(last_id, self._ids.get(table, 0))

    def open_account(self, rng: Random, name: str) -> Account:
        """Add an account with a number of its own and a currency by chance."""
        identity = self.next_id("accounts")
        account = Account(
            len(self.accounts),
            identity,
            f"A-{identity:06d}",
            name,
            rng.choice(CURRENCIES),
            self.next_id("organizations"),
        )
        self.accounts.append(account)
        return account

    def some_account(self, rng: Random, tries: int = 1) -> Account | None:
        """An account that still exists, or None after so many tries."""
        for _ in range(tries if self.accounts else 0):
            index = rng.randrange(len(self.accounts))
            if index not in self.gone:
                return self.accounts[index]
        return None

    def new_invoice(self, status: str, lines: list[tuple[str, int]]) -> Invoice:
        """An invoice with the next number, not yet on any account."""
        identity = self.next_id("invoices")
        return Invoice(identity, f"INV-{identity:07d}", status, lines)


def level_carry(account: Account, was: str) -> tuple[Carry, ...]:
    """Carry the account's service level if it changed."""
    now = account.level
    return () if now == was else (Carry("level", account.number, account.number, ENTITLEMENT_RULE, was, now),)


def standing_carry(account: Account, was: str) -> tuple[Carry, ...]:
    """Carry the delinquency flag if it changed."""
    before, now = (str(standing == "delinquent").lower() for standing in (was, account.standing))
    return () if now == before else (Carry("standing", account.number, account.number, STANDING_RULE, before, now),)

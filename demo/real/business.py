"""Business acts in billing, and what each of them asks of the ERP and of support. Same seed, same acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from demo.acts.words import CREDIT_RULE, ENTITLEMENT_RULE, INVOICE_RULE, STANDING_RULE, Statement
from demo.book import LEVELS, PLANS, price

#: billing keeps what it reports as the balance in the same transaction as what makes it
BALANCE = (
    "UPDATE accounts a SET balance_minor = coalesce((SELECT sum(total_minor) FROM invoices WHERE account_id = a.id "
    "AND status IN ('open', 'paid')), 0) - coalesce((SELECT sum(amount_minor) FROM credits WHERE account_id = a.id), 0) "
    "WHERE id = %s"
)
LADDER = tuple(PLANS)


class Asked(NamedTuple):
    """What an act asks of a target. `fresh`: nothing is there yet, so the old integration can carry it, or get it wrong."""

    rule: str
    object_id: str
    account: str
    value: str
    lines: tuple[tuple[str, int], ...] = ()
    fresh: bool = True


class Done(NamedTuple):
    """One act: a transaction of billing, and what follows from it."""

    kind: str
    statements: tuple[Statement, ...]
    asked: tuple[Asked, ...]


@dataclass
class Customer:
    """One account of billing, as far as acts need to know it."""

    id: int
    code: str
    plan: str
    standing: str = "good"
    invoices: list[int] = field(default_factory=list)


class Business:
    """Plans acts over so many customers."""

    def __init__(self, tag: str, seed: int, accounts: int) -> None:
        self.tag = tag
        self._random = Random(seed)
        self._invoices = self._credits = 0
        self.customers = [
            Customer(number, f"R{tag}-{number:03d}", self._random.choice(LADDER[:2]))
            for number in range(1, accounts + 1)
        ]

    def opening(self) -> Iterator[Done]:
        """Every customer with a subscription and a first invoice."""
        for one in self.customers:
            rows = (
                Statement(
                    "INSERT INTO accounts (id, number, name, currency, region) VALUES (%s, %s, %s, 'USD', 'eu-west')",
                    (one.id, one.code, f"Customer {one.code}"),
                ),
                Statement(
                    "INSERT INTO subscriptions (id, account_id, plan_code, status, mrr_minor, started_on, paid_until) "
                    "VALUES (%s, %s, %s, 'active', %s, current_date, now() + interval '31 days')",
                    (one.id, one.id, one.plan, price(one.plan)),
                ),
            )
            invoice, asked = self._invoice(one, ((f"{one.plan} plan, first month", price(one.plan)),))
            yield Done("sign_up", (*rows, *invoice, Statement(BALANCE, (one.id,))), (asked,))

    def next(self) -> Done:
        """The next act; always finds one."""
        acts = (self._issue, self._upgrade, self._credit, self._dun, self._amend, self._void)
        while True:
            (act,) = self._random.choices(acts, (5, 4, 4, 3, 2, 1))
            done = act(self._random.choice(self.customers))
            if done is not None:
                return done

    def level(self, customer: Customer) -> str:
        """The service level that the customer's plan gives."""
        return LEVELS[customer.plan]

    def _invoice(self, one: Customer, lines: tuple[tuple[str, int], ...]) -> tuple[tuple[Statement, ...], Asked]:
        self._invoices += 1
        identity, number = self._invoices, f"INV-{self.tag}-{self._invoices:04d}"
        one.invoices.append(identity)
        total = sum(amount for _, amount in lines)
        rows = [
            Statement(
                "INSERT INTO invoices (id, account_id, number, status, total_minor, issued_on, due_on) "
                "VALUES (%s, %s, %s, 'open', %s, current_date, current_date + 14)",
                (identity, one.id, number, total),
            )
        ]
        add = "INSERT INTO invoice_lines (invoice_id, description, amount_minor) VALUES (%s, %s, %s)"
        rows += [Statement(add, (identity, *line)) for line in lines]
        return tuple(rows), Asked(INVOICE_RULE, number, one.code, "posted", lines)

    def _issue(self, one: Customer) -> Done:
        """A monthly invoice with usage."""
        lines = ((f"{one.plan} plan, monthly", price(one.plan)), ("usage", self._random.randrange(1, 2900)))
        rows, asked = self._invoice(one, lines)
        return Done("issue", (*rows, Statement(BALANCE, (one.id,))), (asked,))

    def _upgrade(self, one: Customer) -> Done | None:
        """A dearer plan in mid-cycle: an invoice of the difference, and another service level."""
        if one.plan == LADDER[-1]:
            return None
        old, days = one.plan, self._random.randrange(1, 30)
        one.plan = self._random.choice(LADDER[LADDER.index(old) + 1 :])
        new = Statement(
            "UPDATE subscriptions SET plan_code = %s, mrr_minor = %s WHERE id = %s",
            (one.plan, price(one.plan), one.id),
        )
        lines = (
            (f"{one.plan} plan, {days} of 30 days", price(one.plan) * days // 30),
            (f"unused time of {old} plan", -(price(old) * days // 30)),
        )
        rows, asked = self._invoice(one, lines)
        level = Asked(ENTITLEMENT_RULE, one.code, one.code, self.level(one))
        return Done("upgrade", (new, *rows, Statement(BALANCE, (one.id,))), (asked, level))

    def _credit(self, one: Customer) -> Done:
        """A credit for goodwill."""
        self._credits += 1
        number, amount = f"CR-{self.tag}-{self._credits:04d}", self._random.randrange(1, 2900)
        row = Statement(
            "INSERT INTO credits (id, account_id, number, amount_minor, reason) VALUES (%s, %s, %s, %s, 'goodwill')",
            (self._credits, one.id, number, amount),
        )
        asked = Asked(CREDIT_RULE, number, one.code, "posted", ((f"Credit {number}", -amount),))
        return Done("credit", (row, Statement(BALANCE, (one.id,))), (asked,))

    def _dun(self, one: Customer) -> Done:
        """In arrears, or no longer."""
        one.standing = "good" if one.standing == "delinquent" else "delinquent"
        row = Statement("UPDATE accounts SET standing = %s WHERE id = %s", (one.standing, one.id))
        value = str(one.standing == "delinquent").lower()
        return Done("dun", (row,), (Asked(STANDING_RULE, one.code, one.code, value),))

    def _amend(self, one: Customer) -> Done | None:
        """Billing corrects an invoice that is booked already; the old integration has never been able to carry that."""
        if not one.invoices:
            return None
        identity = self._random.choice(one.invoices)
        number, more = f"INV-{self.tag}-{identity:04d}", self._random.randrange(100, 900)
        rows = (
            Statement(
                "UPDATE invoice_lines SET amount_minor = amount_minor + %s "
                "WHERE id = (SELECT min(id) FROM invoice_lines WHERE invoice_id = %s)",
                (more, identity),
            ),
            Statement("UPDATE invoices SET total_minor = total_minor + %s WHERE id = %s", (more, identity)),
            Statement(BALANCE, (one.id,)),
        )
        return Done("amend", rows, (Asked(INVOICE_RULE, number, one.code, "posted", fresh=False),))

    def _void(self, one: Customer) -> Done | None:
        """Billing voids an invoice; the old integration does not carry that either."""
        if len(one.invoices) < 2:
            return None
        identity = one.invoices.pop()
        rows = (
            Statement("UPDATE invoices SET status = 'void' WHERE id = %s", (identity,)),
            Statement(BALANCE, (one.id,)),
        )
        number = f"INV-{self.tag}-{identity:04d}"
        return Done("void", rows, (Asked(INVOICE_RULE, number, one.code, "cancelled", fresh=False),))

"""What happens in a business, in no product's words: the same facts for whoever keeps them."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

CURRENCIES = {"EUR": 2, "JPY": 0, "KWD": 3}
PLANS = ("basic", "pro", "enterprise")
#: 2026-01-01, the day after 1970-01-01 that it is, and its first millisecond
DAY, NOON_MS = 20_454, 1_767_268_800_000


class Fact(NamedTuple):
    """One thing that is so now, or (`gone`) no longer. Amounts are minor units; `at` is ms since 1970; days are counted from it."""

    kind: str
    number: int
    values: dict[str, Any]
    gone: bool = False


Transaction = list[Fact]


class Business:
    """Writes a history by chance; what it writes is a function of the seed."""

    def __init__(self, seed: int) -> None:
        """Nothing has happened yet."""
        self._random = Random(seed)
        self._now: dict[tuple[str, int], dict[str, Any]] = {}
        self._last = 0
        self._out: Transaction = []

    def history(self, transactions: int) -> list[Transaction]:
        """So many transactions; the first ones sign customers up."""
        found: list[Transaction] = []
        acts = (self._invoice, self._invoice, self._pay, self._refund, self._credit, self._use, self._change, self._end)
        for number in range(transactions):
            self._sign_up() if number < 3 else self._random.choice(acts)()
            if self._out:
                found.append(self._out)
            self._out = []
        return found

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _at(self) -> int:
        return NOON_MS + self._random.randint(0, 90) * 86_400_000 + self._random.randint(0, 40_000_000)

    def _put(self, kind: str, number: int, **values: Any) -> dict[str, Any]:
        now = self._now[kind, number] = {**self._now.get((kind, number), {}), **values}
        self._out.append(Fact(kind, number, dict(now)))
        return now

    def _drop(self, kind: str, number: int) -> None:
        self._out.append(Fact(kind, number, self._now.pop((kind, number)), gone=True))

    def _any(self, kind: str, **with_values: Any) -> tuple[int, dict[str, Any]] | None:
        found = [
            (number, values)
            for (of, number), values in self._now.items()
            if of == kind and all(values[name] == value for name, value in with_values.items())
        ]
        return self._random.choice(found) if found else None

    def _sign_up(self) -> None:
        number, currency = self._number(), self._random.choice(list(CURRENCIES))
        self._put("account", number, id=f"A-{number:06d}", name=f"Customer {number}", currency=currency, region="eu",
                  standing="good", balance=0, at=self._at())  # fmt: skip
        self._put("subscription", number, account=number, currency=currency, plan=self._random.choice(PLANS),
                  status="active", mrr=self._random.randint(1, 99_999), day=DAY, until=self._at())  # fmt: skip

    def _invoice(self) -> None:
        account, values = self._any("account") or (0, {})
        number, amounts = self._number(), [self._random.randint(1, 99_999) for _ in range(self._random.randint(1, 3))]
        self._put("invoice", number, account=account, currency=values["currency"], status="open", total=sum(amounts),
                  day=DAY + number, due=DAY + number + 14)  # fmt: skip
        for place, amount in enumerate(amounts, 1):
            self._put("line", number * 10 + place, invoice=number, place=place, amount=amount, text=f"item {place}",
                      currency=values["currency"])  # fmt: skip
        self._put("account", account, balance=values["balance"] + sum(amounts))

    def _pay(self) -> None:
        if (invoice := self._any("invoice", status="open")) is not None:
            number, values = invoice
            status = self._random.choice(("succeeded", "succeeded", "failed"))
            self._put("payment", self._number(), invoice=number, amount=values["total"], status=status, method="card",
                      at=self._at(), currency=values["currency"])  # fmt: skip
            if status == "succeeded":
                self._put("invoice", number, status="paid")

    def _refund(self) -> None:
        if (payment := self._any("payment", status="succeeded")) is not None:
            number, values = payment
            self._put("refund", self._number(), payment=number, amount=1 + values["amount"] // 3, reason="goodwill",
                      at=self._at(), currency=values["currency"])  # fmt: skip

    def _credit(self) -> None:
        account, values = self._any("account") or (0, {})
        self._put("credit", self._number(), account=account, amount=self._random.randint(1, 999), reason=None,
                  at=self._at(), currency=values["currency"])  # fmt: skip

    def _use(self) -> None:
        number, _ = self._any("subscription") or (0, {})
        quantity = f"{self._random.randint(0, 99)}.{self._random.randint(10, 99)}"
        self._put("usage", self._number(), subscription=number, metric="api", quantity=quantity, at=self._at())

    def _change(self) -> None:
        number, values = self._any("account") or (0, {})
        if self._random.random() < 0.5:
            self._put(
                "account", number, standing=self._random.choice(("good", "delinquent")), name=values["name"] + "!"
            )
        else:
            status = self._random.choice(("active", "past_due", "cancelled"))
            self._put("subscription", number, plan=self._random.choice(PLANS), status=status)

    def _end(self) -> None:
        for kind in self._random.sample(("usage", "credit", "refund"), 3):
            if (found := self._any(kind)) is not None:
                self._drop(kind, found[0])
                return
        if (invoice := self._any("invoice", status="open")) is not None:
            self._put("invoice", invoice[0], status="void")

"""Changes of a subscription's price, out of its remembered states, and the billing cycle that each of them cuts in two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, tzinfo
from itertools import pairwise
from typing import Any, Final, NamedTuple

from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.billing import RECURRING
from state.folding.life import TRANSITIONS, Step
from state.folding.milestones import midnight_ms
from state.model import Model
from state.roles import ROLES, Fact, Ref
from state.rules import Proration
from state.values import NOT_SET, instant_ms, major_text
from state.viewing.proration import cycle_of, share

_SUBSCRIPTION = ROLES["billing", "subscription"]
_CURRENCY, _STARTED, _ANCHOR, _MONTHS, _ZONE = (
    _SUBSCRIPTION.index(name) for name in ("currency", "started_on", "cycle_anchor", "cycle_months", "zone")
)
_ACCOUNT_ZONE: Final = ROLES["billing", "account"].index("zone")
_AMOUNT: Final = ROLES["billing", "invoice_line"].index("amount")
_STATES: Final = TRANSITIONS["billing.subscription"]


class Change(NamedTuple):
    """A subscription's price for a whole cycle before and after, in minor units, when it changed, and the local day."""

    old: int
    new: int
    at_ms: int
    position: int
    day: date


class Terms(NamedTuple):
    """How a subscription is billed: in which currency, on whose days, from which day on, in cycles of how many months."""

    currency: str
    zone: tzinfo
    anchor: date
    months: int

    def cycle(self, day: date) -> tuple[date, date]:
        """First day of the cycle that a day lies in, and that of the next one."""
        return cycle_of(self.anchor, self.months, day)


class PlanChanges:
    """Looks them up, and shares them out by the rule."""

    def __init__(self, model: Model, rule: Proration) -> None:
        """`rule`: how billing prorates."""
        self.rule = rule
        self._units = Units(model.folded)
        self._exponents = model.exponents
        self._find_zone = model.find_zone

    def terms(self, account: Account, sub: Fact | None) -> Terms | None:
        """None where a currency or a first day is not known."""
        if sub is None:
            return None
        currency = sub[_CURRENCY] or account.currency.get("billing")
        anchor = sub[_ANCHOR] if sub[_ANCHOR] not in (None, NOT_SET) else sub[_STARTED]
        if currency is None or currency not in self._exponents or anchor in (None, NOT_SET):
            return None
        return Terms(currency, self._zone(account, sub), date.fromisoformat(anchor), sub[_MONTHS] or 1)

    def amount(self, account: Account, line: Ref, terms: Terms) -> int | None:
        """What an invoice line charges, in minor units."""
        return self._units.amount(account, line, account.rows[line][_AMOUNT], terms.currency)

    def of(self, account: Account, ref: Ref, terms: Terms) -> Iterator[Change]:
        """Every known change of the price, the oldest first; a state that does not bill has the price 0."""

        def price(step: Step) -> int | None:
            if step.state not in RECURRING:
                return 0
            amount = self._units.amount(account, ref, step.amount, terms.currency)
            return None if amount is None else amount * terms.months

        for before, after in pairwise(_known(account.trails.get(ref, ()))):
            old, new, at_ms = price(before), price(after), instant_ms(after.at)
            if old is not None and new is not None and old != new and at_ms is not None:
                day = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(terms.zone).date()
                yield Change(old, new, at_ms, after.position, day)

    def parts(self, change: Change, terms: Terms) -> tuple[int, int]:
        """How much of the cycle was left, and the whole of it: days (that of the change counts for the new plan), or seconds."""
        start, end = terms.cycle(change.day)
        if self.rule.per == "day":
            return (end - change.day).days, (end - start).days
        first, last = (midnight_ms(one.isoformat(), 0, terms.zone) or 0 for one in (start, end))
        return (last - change.at_ms) // 1000, (last - first) // 1000

    def shares(self, change: Change, terms: Terms) -> tuple[int, int]:
        """What the rest of the cycle costs by the new price, and what is given back of the old one (negative)."""
        part, whole = self.parts(change, terms)
        rounding = self.rule.rounding
        return share(change.new, part, whole, rounding), -share(change.old, part, whole, rounding)

    def net(self, change: Change, terms: Terms) -> int:
        """The same as one amount, rounded once."""
        return share(change.new - change.old, *self.parts(change, terms), self.rule.rounding)

    def money(self, minor: int, terms: Terms) -> str:
        """An amount in words."""
        return f"{major_text(minor, self._exponents[terms.currency])} {terms.currency}"

    def words(self, change: Change, terms: Terms) -> str:
        """A change in words: the prices, the day, and what was left of the cycle."""
        part, whole = self.parts(change, terms)
        unit = "days" if self.rule.per == "day" else "seconds"
        old, new = self.money(change.old, terms), self.money(change.new, terms)
        until = terms.cycle(change.day)[1]
        return f"{old} to {new} a cycle, changed on {change.day}, {part} of {whole} {unit} left until {until}"

    def _zone(self, account: Account, sub: Any) -> tzinfo:
        item = account.items.get(("account", account.id))
        own = account.rows[item.billing][_ACCOUNT_ZONE] if item is not None and item.billing is not None else None
        name = sub[_ZONE] or own
        return (self._find_zone(name) if name else None) or UTC


def _known(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps without those in a state that nobody knows, which says nothing of the price; one that has the same amount in a
    known state afterwards had it since then."""
    since: Step | None = None
    for step in steps:
        if step.state not in _STATES:
            since = step if since is None or since.amount != step.amount else since
            continue
        same = since is not None and since.amount == step.amount
        yield step._replace(at=since.at, position=since.position) if since is not None and same else step
        since = None

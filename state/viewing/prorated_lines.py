"""Recomputes what billing prorates: a plan changes in mid-cycle, and the invoice takes the unused part of the old price off
the rest of the new one. Billing owns the amounts, so nothing is corrected: a wrong one is told.

Recomputed from the subscription's own history (price before and after, and since when) and the cycle that its anchor makes;
from the lines only their amounts, and which change they are about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, tzinfo
from itertools import pairwise
from typing import Any, Final, NamedTuple

from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.billing import RECURRING
from state.folding.life import Step
from state.folding.milestones import midnight_ms
from state.model import Model, TableSpec
from state.roles import FIRST, ID, POSITION, ROLES, TIME_MS, Ref
from state.rules import Proration
from state.values import NOT_SET, instant_ms, major_text
from state.viewing.proration import cycle_of, share

PRORATION_MISMATCH: Final = "PRORATION_MISMATCH"
_LINE, _SUBSCRIPTION = ROLES["billing", "invoice_line"], ROLES["billing", "subscription"]
_AMOUNT, _OF, _PRORATED, _FROM = (_LINE.index(name) for name in ("amount", "subscription", "prorated", "period_from"))
_CURRENCY, _STARTED, _ANCHOR, _MONTHS, _ZONE = (
    _SUBSCRIPTION.index(name) for name in ("currency", "started_on", "cycle_anchor", "cycle_months", "zone")
)
_ACCOUNT_ZONE = ROLES["billing", "account"].index("zone")


class Misprorated(NamedTuple):
    """An invoice whose prorated lines are not what they must be: in words, since when (commit, ms), by how much."""

    invoice: str
    text: str
    since_ms: int
    gap_minor: int
    currency: str


class _Change(NamedTuple):
    """A subscription's price for a whole cycle before and after, in minor units, and when it changed."""

    old: int
    new: int
    at_ms: int
    position: int


class ProratedLines:
    """Holds the invoices of accounts against their subscriptions."""

    def __init__(self, model: Model, rule: Proration | None) -> None:
        self._rule = rule
        self._units = Units(model.folded)
        self._exponents = model.exponents
        self._find_zone = model.find_zone
        #: whether any mapping says which lines are prorated, and of what
        self.used = rule is not None and any(_says(table) for table in model.folded)

    def touch(self, account: Account) -> None:
        """A subscription changed: invoices with prorated lines of it are looked at again."""
        if not any(kind == "subscription" for kind, _ in account.dirty):
            return
        for (kind, identity), item in account.items.items():
            if kind == "invoice" and item.billing is not None and self._by_subscription(account, item.billing):
                account.dirty.setdefault((kind, identity), account.touched_ms)

    def check(self, account: Account, touched: Iterable[tuple[str, str]]) -> Iterator[Misprorated]:
        """What is wrong with the invoices among these objects."""
        for kind, identity in touched:
            item = account.items.get((kind, identity)) if kind == "invoice" else None
            if item is None or item.billing is None:
                continue
            for ref, lines in self._by_subscription(account, item.billing).items():
                if (found := self._check(account, identity, ref, lines)) is not None:
                    yield found

    @staticmethod
    def _by_subscription(account: Account, invoice: Ref) -> dict[Ref, list[Ref]]:
        found: dict[Ref, list[Ref]] = {}
        tally = account.tallies.get(invoice)
        for line in sorted(tally.lines) if tally is not None else ():
            fact = account.rows[line]
            if fact[_PRORATED] and fact[_OF] in account.trails:
                found.setdefault(fact[_OF], []).append(line)
        return found

    def _check(self, account: Account, invoice: str, ref: Ref, lines: list[Ref]) -> Misprorated | None:
        sub = account.rows.get(ref)
        currency = (sub[_CURRENCY] if sub else None) or account.currency.get("billing")
        amounts = [self._units.amount(account, line, account.rows[line][_AMOUNT], currency) for line in lines]
        if sub is None or currency is None or currency not in self._exponents or None in amounts or self._rule is None:
            return None
        zone, months = self._zone(account, sub), sub[_MONTHS] or 1
        change = self._change(account, ref, months, currency, zone, [account.rows[line] for line in lines])
        anchor = sub[_ANCHOR] if sub[_ANCHOR] not in (None, NOT_SET) else sub[_STARTED]
        if change is None or anchor in (None, NOT_SET):
            return None
        day = _day(change.at_ms, zone)
        start, end = cycle_of(date.fromisoformat(anchor), months, day)
        if (begun := account.rows[lines[0]][_FROM]) is not None and not start.isoformat() <= begun < end.isoformat():
            return None  # about another cycle than the change that is known
        part, whole = self._parts(change.at_ms, day, start, end, zone)
        known = [amount for amount in amounts if amount is not None]
        expected, gap = self._expected(change, part, whole, known)
        if not gap:
            return None

        def money(minor: int) -> str:
            return f"{major_text(minor, self._exponents[currency])} {currency}"

        unit = "days" if self._rule.per == "day" else "seconds"
        text = (
            f"invoice {invoice} prorates {sub[ID]} by {money(sum(known))}; by billing's own dates it is {money(expected)}: "
            f"{money(change.old)} to {money(change.new)} a cycle, changed on {day}, {part} of {whole} {unit} left until "
            f"{end}, each amount rounded {self._rule.rounding}. Next step: correct the invoice in billing"
        )
        since = max(account.rows[one][TIME_MS] for one in lines)
        return Misprorated(invoice, text, since, gap, currency)

    def _expected(self, change: _Change, part: int, whole: int, amounts: list[int]) -> tuple[int, int]:
        """What the lines must add up to, and by how much they differ: charge and unused time each, where both are there."""
        assert self._rule is not None
        rounding = self._rule.rounding
        charge, unused = share(change.new, part, whole, rounding), -share(change.old, part, whole, rounding)
        charged, taken = sum(one for one in amounts if one > 0), sum(one for one in amounts if one < 0)
        if (charged and taken) or not change.old or not change.new:
            return charge + unused, abs(charge - charged) + abs(unused - taken)
        net = share(change.new - change.old, part, whole, rounding)
        return net, abs(net - charged - taken)

    def _parts(self, at_ms: int, day: date, start: date, end: date, zone: tzinfo) -> tuple[int, int]:
        """How much of the cycle was left, and the whole of it: days (that of the change counts for the new plan), or seconds."""
        assert self._rule is not None
        if self._rule.per == "day":
            return (end - day).days, (end - start).days
        first, last = (midnight_ms(one.isoformat(), 0, zone) or 0 for one in (start, end))
        return (last - at_ms) // 1000, (last - first) // 1000

    def _change(
        self, account: Account, ref: Ref, months: int, currency: str, zone: tzinfo, lines: list[Any]
    ) -> _Change | None:
        """The change that lines are about: the one on the day that they begin on, else the newest before they were written."""
        changes = list(self._changes(account, ref, months, currency))
        days = {line[_FROM] for line in lines}
        written = max(line[POSITION] for line in lines)
        same = [one for one in changes if _day(one.at_ms, zone).isoformat() in days]
        before = same or [one for one in changes if one.position <= written]
        return before[-1] if before else None

    def _changes(self, account: Account, ref: Ref, months: int, currency: str) -> Iterator[_Change]:
        def price(step: Step) -> int | None:
            if step.state not in RECURRING:
                return 0
            amount = self._units.amount(account, ref, step.amount, currency)
            return None if amount is None else amount * months

        steps = account.trails.get(ref, ())
        for before, after in pairwise(steps):
            old, new, at_ms = price(before), price(after), instant_ms(after.at)
            if old is not None and new is not None and old != new and at_ms is not None:
                yield _Change(old, new, at_ms, after.position)

    def _zone(self, account: Account, sub: Any) -> tzinfo:
        item = account.items.get(("account", account.id))
        own = account.rows[item.billing][_ACCOUNT_ZONE] if item is not None and item.billing is not None else None
        name = sub[_ZONE] or own
        return (self._find_zone(name) if name else None) or UTC


def _day(at_ms: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def _says(table: TableSpec) -> bool:
    spec = table.object
    if spec is None or (spec.role.system, spec.role.object) != ("billing", "invoice_line"):
        return False
    return all(spec.fields[place - FIRST] is not None for place in (_PRORATED, _OF))

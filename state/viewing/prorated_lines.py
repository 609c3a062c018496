"""Recomputes what billing prorates: a plan changes in mid-cycle, and the invoice takes the unused part of the old price off
the rest of the new one. Billing owns the amounts, so nothing is corrected: what is wrong, or missing, is told.

Recomputed from the subscription's own history (price before and after, and since when) and the cycle that its anchor makes;
from the lines only their amounts, and which change they are about. `unprorated.py` looks for what no line prorates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from state.folding.account import Account
from state.model import Model, TableSpec
from state.roles import FIRST, ID, POSITION, ROLES, TIME_MS, Ref
from state.rules import Proration
from state.viewing.plan_changes import Change, PlanChanges, Terms
from state.viewing.unprorated import PRORATION_MISSING, Misprorated, Unprorated

PRORATION_MISMATCH: Final = "PRORATION_MISMATCH"
_LINE = ROLES["billing", "invoice_line"]
_OF, _PRORATED, _FROM = (_LINE.index(name) for name in ("subscription", "prorated", "period_from"))
#: what may end a missing proration
_ENDS: Final = frozenset(("invoice", "subscription", "credit"))


class ProratedLines:
    """Holds the invoices of accounts against their subscriptions."""

    def __init__(self, model: Model, rule: Proration | None) -> None:
        #: whether any mapping says which lines are prorated, and of what
        self.used = rule is not None and any(_says(table) for table in model.folded)
        self._changes = PlanChanges(model, rule or Proration("day", "half_up"))
        self._unprorated = Unprorated(self._changes)

    def touch(self, account: Account) -> None:
        """What has changed makes other invoices be looked at again: a subscription those with prorated lines of it, and
        whatever may prorate a change those that are told to miss it."""
        if any(kind == "subscription" for kind, _ in account.dirty):
            for (kind, identity), item in account.items.items():
                if kind == "invoice" and item.billing is not None and self._by_subscription(account, item.billing)[0]:
                    account.dirty.setdefault((kind, identity), account.touched_ms)
        missing = [about for name, (about, _) in account.exceptions.items() if name.startswith(PRORATION_MISSING)]
        if missing and any(kind in _ENDS for kind, _ in account.dirty):
            for about in missing:
                account.dirty.setdefault(about, account.touched_ms)

    def check(self, account: Account, touched: Iterable[tuple[str, str]]) -> Iterator[Misprorated]:
        """What is wrong with the invoices among these objects: of each invoice one of a kind."""
        for kind, identity in touched:
            item = account.items.get((kind, identity)) if kind == "invoice" else None
            if item is None or item.billing is None:
                continue
            prorated, others = self._by_subscription(account, item.billing)
            wrong = (self._check(account, identity, ref, lines) for ref, lines in prorated.items())
            if (found := _together(one for one in wrong if one is not None)) is not None:
                yield found
            missing = (
                one for ref, lines in others.items() for one in self._unprorated.check(account, identity, ref, lines)
            )
            if (found := _together(missing)) is not None:
                yield found

    @staticmethod
    def _by_subscription(account: Account, invoice: Ref) -> tuple[dict[Ref, list[Ref]], dict[Ref, list[Ref]]]:
        """An invoice's lines of subscriptions that ever changed: those that are prorated, and the others."""
        prorated: dict[Ref, list[Ref]] = {}
        others: dict[Ref, list[Ref]] = {}
        tally = account.tallies.get(invoice)
        for line in sorted(tally.lines) if tally is not None else ():
            fact = account.rows[line]
            if fact[_OF] in account.trails:
                (prorated if fact[_PRORATED] else others).setdefault(fact[_OF], []).append(line)
        return prorated, others

    def _check(self, account: Account, invoice: str, ref: Ref, lines: list[Ref]) -> Misprorated | None:
        sub, changes = account.rows.get(ref), self._changes
        if (terms := changes.terms(account, sub)) is None or sub is None:
            return None
        amounts = [changes.amount(account, line, terms) for line in lines]
        change = self._change(account, ref, terms, [account.rows[line] for line in lines])
        if change is None or None in amounts:
            return None
        start, end = terms.cycle(change.day)
        if (begun := account.rows[lines[0]][_FROM]) is not None and not start.isoformat() <= begun < end.isoformat():
            return None  # about another cycle than the change that is known
        known = [amount for amount in amounts if amount is not None]
        expected, gap = self._expected(change, terms, known)
        if not gap:
            return None
        text = (
            f"invoice {invoice} prorates {sub[ID]} by {changes.money(sum(known), terms)}; by billing's own dates it is "
            f"{changes.money(expected, terms)}: {changes.words(change, terms)}, each amount rounded {changes.rule.rounding}. "
            f"Next step: correct the invoice in billing"
        )
        since = max(account.rows[one][TIME_MS] for one in lines)
        return Misprorated(PRORATION_MISMATCH, invoice, text, since, gap, terms.currency)

    def _expected(self, change: Change, terms: Terms, amounts: list[int]) -> tuple[int, int]:
        """What the lines must add up to, and by how much they differ: charge and unused time each where both are there, else
        whichever is nearer, as one of both may be nothing after rounding."""
        charge, unused = self._changes.shares(change, terms)
        charged, taken = sum(one for one in amounts if one > 0), sum(one for one in amounts if one < 0)
        apart = charge + unused, abs(charge - charged) + abs(unused - taken)
        if (charged and taken) or not change.old or not change.new:
            return apart
        net = self._changes.net(change, terms)
        together = net, abs(net - charged - taken)
        return min(together, apart, key=lambda one: one[1])

    def _change(self, account: Account, ref: Ref, terms: Terms, lines: list[Any]) -> Change | None:
        """The change that lines are about: the one on the day that they begin on, else the newest before they were written."""
        changes = list(self._changes.of(account, ref, terms))
        days = {line[_FROM] for line in lines}
        written = max(line[POSITION] for line in lines)
        same = [one for one in changes if one.day.isoformat() in days]
        before = same or [one for one in changes if one.position <= written]
        return before[-1] if before else None


def _together(found: Iterable[Misprorated]) -> Misprorated | None:
    """What is found of several subscriptions of one invoice, which have one currency, as one."""
    every = list(found)
    if len(every) < 2:
        return every[0] if every else None
    text, since_ms = "; ".join(one.text for one in every), max(one.since_ms for one in every)
    return every[0]._replace(text=text, since_ms=since_ms, gap_minor=sum(one.gap_minor for one in every))


def _says(table: TableSpec) -> bool:
    spec = table.object
    if spec is None or (spec.role.system, spec.role.object) != ("billing", "invoice_line"):
        return False
    return all(spec.fields[place - FIRST] is not None for place in (_PRORATED, _OF))

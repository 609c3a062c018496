"""Finds changes of plan in mid-cycle that billing, which prorates, has charged and given back nothing for.

Told of the invoice that bills the cycle after the change, once it is issued: up to then the proration may still come. Billed
in advance, the change falls between two lines that name the subscription for whole cycles: one for the cycle that was cut,
written before the change, and one for a later cycle, written after it. Whatever else may stand for the proration keeps it
from being told: a prorated line of that cycle or of an unknown subscription, a cycle that is divided by lines that are not
marked, a credit since a change to a lower price. So do dates and prices that are not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

from state.folding.account import Account
from state.folding.billing import OWED
from state.roles import ID, POSITION, ROLES, TIME_MS, Ref
from state.viewing.plan_changes import Change, PlanChanges, Terms

PRORATION_MISSING: Final = "PRORATION_MISSING"
_LINE, _INVOICE = ROLES["billing", "invoice_line"], ROLES["billing", "invoice"]
_OF, _PRORATED, _FROM, _UNTIL = (
    _LINE.index(name) for name in ("subscription", "prorated", "period_from", "period_until")
)
_STATUS, _ISSUED = _INVOICE.index("status"), _INVOICE.index("issued_on")
#: how many cycles after the one that was cut are looked at: the next may be billed before the change already
_CYCLES: Final = 2


class Misprorated(NamedTuple):
    """An invoice whose prorated lines are not what they must be: how, in words, since when (ms), by how much."""

    code: str
    invoice: str
    text: str
    since_ms: int
    gap_minor: int
    currency: str


class _Line(NamedTuple):
    """A line of a subscription; `billed`: on an invoice that is owed."""

    invoice: str
    begins: str | None
    ends: str | None
    prorated: bool
    position: int
    issued: str | None
    billed: bool


class Unprorated:
    """Looks for them with an invoice that has lines for whole cycles."""

    def __init__(self, changes: PlanChanges) -> None:
        self._changes = changes

    def check(self, account: Account, invoice: str, ref: Ref, lines: list[Ref]) -> Iterator[Misprorated]:
        """Changes of a subscription that the invoice comes too late for; `lines` are its own of it that are not prorated."""
        sub = account.rows.get(ref)
        begins = max((begun for line in lines if (begun := account.rows[line][_FROM]) is not None), default=None)
        if not self._changes.rule.always or begins is None or sub is None:
            return
        if (terms := self._changes.terms(account, sub)) is None:
            return
        cut = self._cut(account, ref, terms, begins)
        if not cut or (found := self._lines(account, ref)) is None:
            return
        for (start, end), changes in cut.items():
            if not self._is_told(found, invoice, (start.isoformat(), end.isoformat()), changes):
                continue
            expected = sum(sum(self._changes.shares(one, terms)) for one in changes)
            net = sum(self._changes.net(one, terms) for one in changes)
            if not expected or not net or (expected < 0 and _credited(account, changes[0])):
                continue
            money = self._changes.money(expected, terms)
            text = (
                f"no line prorates {sub[ID]} in the cycle from {start} to {end}, and invoice {invoice} bills a later one "
                f"already; by billing's own dates it is {money}: "
                f"{', then '.join(self._changes.words(one, terms) for one in changes)}, each amount rounded "
                f"{self._changes.rule.rounding}. Next step: invoice or credit it in billing with a prorated line"
            )
            since = max(account.rows[one][TIME_MS] for one in lines)
            yield Misprorated(PRORATION_MISSING, invoice, text, since, abs(expected), terms.currency)

    def _cut(self, account: Account, ref: Ref, terms: Terms, begins: str) -> dict[tuple[date, date], list[Change]]:
        """The changes from one price to another within the cycles shortly before the day that an invoice bills from."""
        found: dict[tuple[date, date], list[Change]] = {}
        for change in self._changes.of(account, ref, terms):
            start, end = terms.cycle(change.day)
            last = end
            for _ in range(_CYCLES):
                _, last = terms.cycle(last)
            if end.isoformat() <= begins < last.isoformat():
                found.setdefault((start, end), []).append(change)
        # what begins, pauses or ends within the cycle, or changes with it, is no change of plan in the midst of it
        return {
            cycle: changes
            for cycle, changes in found.items()
            if all(one.old and one.new and one.day > cycle[0] for one in changes)
        }

    @staticmethod
    def _lines(account: Account, ref: Ref) -> list[_Line] | None:
        """Every line of a subscription; None if any prorated line of the account does not say of which one it is."""
        found = []
        for (kind, identity), item in account.items.items():
            tally = account.tallies.get(item.billing) if kind == "invoice" and item.billing is not None else None
            if tally is None or item.billing is None:
                continue
            fact = account.rows[item.billing]
            for one in tally.lines:
                line = account.rows[one]
                if line[_PRORATED] and line[_OF] is None:
                    return None
                if line[_OF] == ref:
                    billed = fact[_STATUS] in OWED
                    dates, prorated = (line[_FROM], line[_UNTIL]), bool(line[_PRORATED])
                    found.append(_Line(identity, *dates, prorated, line[POSITION], fact[_ISSUED], billed))
        return found

    @staticmethod
    def _is_told(lines: list[_Line], invoice: str, cycle: tuple[str, str], changes: list[Change]) -> bool:
        """Whether it is missing by these lines, and this invoice is the first one that shows it."""
        start, end = cycle
        inside = [one for one in lines if one.begins is None or start <= one.begins < end]
        if any(
            one.prorated or one.begins is None or one.begins != start or one.ends not in (None, end) for one in inside
        ):
            return False
        if not any(one.billed and one.position < changes[0].position for one in inside):
            return False
        last = changes[-1]
        later = [
            (one.begins, one.invoice)
            for one in lines
            if one.billed and not one.prorated and one.begins is not None and one.begins >= end
            if one.position > last.position and (one.issued is None or one.issued >= last.day.isoformat())
        ]
        return min(later, default=("", ""))[1] == invoice


def _credited(account: Account, change: Change) -> bool:
    """Whether billing has credited anything since."""
    credits_ = (item.billing for (kind, _), item in account.items.items() if kind == "credit")
    return any(ref is not None and account.rows[ref][POSITION] >= change.position for ref in credits_)

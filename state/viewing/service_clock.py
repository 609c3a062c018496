"""Service clocks of open cases: when each is due, at the tier that its account has now, and which have passed.

A case is due at its own `due_at` where the support system keeps one; else `resolve_within_ms` of the account's tier after
it was opened, plus the time on hold. On hold the clock stands still and nothing is due. A closed case has no clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import NamedTuple

from state.folding.account import Account
from state.model import Model
from state.roles import FIRST, ID, ROLES, Ref
from state.values import NOT_SET, OPEN_STARTED, instant_ms

_OPENED, _HELD_MS, _HELD_SINCE, _DUE = (
    ROLES["support", "case"].index(name) for name in ("opened_at", "held_ms", "held_since", "due_at")
)


class Passed(NamedTuple):
    """A case that is past its deadline, since when, and the clock at which that is told."""

    case: str
    ref: Ref
    due_ms: int
    seen_ms: int


def keeps_clocks(model: Model, within_ms: Mapping[str, int]) -> bool:
    """Whether cases have deadlines at all: a mapped column (a derived case may have one), or times per tier."""
    cases = [t for t in model.folded if t.object is not None and t.object.role.object == "case"]
    mapped = any(t.derived or t.object.fields[_DUE - FIRST] is not None for t in cases if t.object is not None)
    return bool(within_ms) or mapped


class ServiceClocks:
    """Keeps the deadlines of accounts; `timers` is the shard's heap of (time, account)."""

    def __init__(self, within_ms: Mapping[str, int], timers: list[tuple[int, str]]) -> None:
        """`within_ms`: time to resolve a case, per tier."""
        self._within_ms = within_ms
        self._timers = timers

    def update(self, account: Account, tier: str | None, clock_ms: int) -> None:
        """Bring deadlines up to date; cases whose deadline moved are touched, those still to come set a timer."""
        for ref in [ref for ref in account.deadlines if ref not in account.clocks]:
            account.drop("deadlines", ref)
        for ref in account.clocks:
            due_ms = self._due_ms(account, ref, tier)
            if due_ms == account.deadlines.get(ref):
                continue
            account.dirty["case", account.rows[ref][ID]] = account.touched_ms or clock_ms
            if due_ms is None:
                account.drop("deadlines", ref)
                continue
            account.own("deadlines")[ref] = due_ms
            if due_ms > clock_ms:
                heapq.heappush(self._timers, (due_ms, account.id))

    def _due_ms(self, account: Account, ref: Ref, tier: str | None) -> int | None:
        fact = account.rows[ref]
        if fact[_DUE] not in (None, NOT_SET, OPEN_STARTED):
            return instant_ms(fact[_DUE])
        within_ms = self._within_ms.get(tier) if tier is not None else None
        if within_ms is None or fact[_OPENED] is None or fact[_HELD_SINCE] not in (None, NOT_SET):
            return None
        opened_ms = instant_ms(fact[_OPENED])
        return None if opened_ms is None else opened_ms + within_ms + int(fact[_HELD_MS] or 0)

    @staticmethod
    def passed(account: Account, clock_ms: int) -> list[Passed]:
        """Open cases past their deadline."""
        return [
            Passed(account.rows[ref][ID], ref, due_ms, clock_ms)
            for ref, due_ms in account.deadlines.items()
            if due_ms <= clock_ms
        ]

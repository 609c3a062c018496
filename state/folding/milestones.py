"""Milestones of subscriptions: so many days before a renewal or end, and the end of the paid period. Each is told once.

A milestone belongs to a date, and starts with the customer's local day. It is told in the cut whose clock reaches it; one
that lies behind already when its date becomes known (by the commit that says so) is never told. Moving to another time zone
moves those that are still to come and repeats none; another date begins anew, unless its own transaction takes that back.

After a restart the clock of the last cut says what is done with: everything up to it, and nothing behind it. What was told
and may lie behind the clock again (in another zone, to which its account or its row may move) is kept in a note until it
cannot any more.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from state.folding.account import Account
from state.folding.notes import TOLD, Note, place_of, row_of
from state.folding.term import PAID_UNTIL, RENEWAL, Term, dates, may_have_dates
from state.model import Model
from state.output import Output
from state.roles import ID, POSITION, ROLES, Fact, Ref
from state.sparse import NOTHING
from state.values import instant_from_us, instant_ms

_SUBSCRIPTION, _ACCOUNT = ROLES["billing", "subscription"], ROLES["billing", "account"]
_ZONE, _ACCOUNT_ZONE = _SUBSCRIPTION.index("zone"), _ACCOUNT.index("zone")
#: how far the local day may lie from that of UTC, either way: zones go from -12 to +14 hours
ZONES_MS: Final = 14 * 3_600_000
FindZone = Callable[[str], tzinfo | None]


def midnight_ms(day: str, days_before: int, zone: tzinfo) -> int | None:
    """When the local day so many days before a date begins, ms since 1970; None outside the calendar."""
    try:
        local = datetime.combine(date.fromisoformat(day) - timedelta(days=days_before), datetime.min.time(), zone)
        return int(local.astimezone(UTC).timestamp() * 1000)
    except OverflowError:
        return None


def earliest(fact: Fact, days: Sequence[int]) -> list[int]:
    """For a row whose account is not decoded yet: times before which none of its milestones can be, wherever it lives."""
    (_, renewal), (_, until) = dates(fact)
    found = [midnight_ms(renewal, before, UTC) for before in days] if renewal is not None else []
    out = [at - ZONES_MS for at in found if at is not None]
    if until is not None and (at := instant_ms(until)) is not None:
        out.append(at)
    return out


def _latest_ms(term: Term, name: str) -> int | None:
    """Up to when a milestone that was told might lie ahead again, if its account moves to another zone."""
    if term.kind == PAID_UNTIL:
        return None
    at = midnight_ms(term.value, int(name.rpartition("-")[2]), UTC)
    return None if at is None else at + ZONES_MS


class Milestones:
    """Follows the terms of accounts; `timers` is the shard's heap of (time, account)."""

    def __init__(self, model: Model, renewal_days: Sequence[int], timers: list[tuple[int, str]]) -> None:
        """`renewal_days`: days before a subscription's renewal or end."""
        self._tables = model.folded
        self._days = tuple(renewal_days)
        self._find_zone: FindZone = model.find_zone
        self._timers = timers
        self._index = {table.topic: table.index for table in model.folded}
        self._loaded: dict[str, dict[Ref, Any]] = {}
        #: whether any subscription has a date at all
        self.used = any(table.object is not None and may_have_dates(table) for table in model.folded)

    def load(self, account: str, place: str, body: Any) -> None:
        """Restore what was told although its instant lies behind the clock."""
        topic, key = row_of(place)
        if (index := self._index.get(topic)) is not None:
            self._loaded.setdefault(account, {})[index, key] = body

    def know(self, account: Account) -> None:
        """A transaction is over that brought new dates: what lies behind its commit is not told any more.

        Nor is what was due when a row left the account that it came from: that was told there.
        """
        account.fresh = False
        account.passed = NOTHING
        for (ref, kind), term in account.terms.items():
            if term.done is None and ref in account.rows:
                told_ms, told = account.brought.get(account.stands.get(ref, ref), (0, {}))
                until_ms = max(term.known_ms, told_ms)
                instants = self._instants(account, ref, term)
                term.done = {name for name, at in instants.items() if at <= until_ms}
                value, names = told.get(kind, (None, ()))
                term.done |= set(names) if value == term.value else set()

    def adopt(self, account: Account, clock_ms: int) -> None:
        """The account has just been decoded: everything up to the clock of the last cut is done with."""
        account.fresh = False
        account.passed = NOTHING
        owners = {own: ref for ref, own in account.stands.items()}
        loaded = self._loaded.pop(account.id, {})
        account.noted = {owners.get(ref, ref): body for ref, body in loaded.items()} or NOTHING
        for (ref, kind), term in account.terms.items():
            value, names = account.noted.get(ref, {}).get(kind, (None, ()))
            term.done = set(names) if value == term.value else set()
        self._settle(account, clock_ms)  # what is due by then was told

    def fire(self, account: Account, clock_ms: int, out: Output, events: bool) -> None:
        """Tell what the clock has reached. Without `events` it is only done with."""
        if account.fresh:
            self.know(account)
        for at, ref, term, name in self._settle(account, clock_ms, out):
            if events:
                event = self._event(account, ref, account.rows[ref], term, name, at)
                out.records.append(("change", account.id, account.id, event))

    def _settle(self, account: Account, clock_ms: int, out: Output | None = None) -> list[tuple[int, Ref, Term, str]]:
        """What is due, in order; sets the timer of the next, and notes what is done with and lies behind the clock."""
        due: list[tuple[int, Ref, Term, str]] = []
        next_ms: int | None = None
        ahead: dict[Ref, dict[str, Any]] = {}
        for (ref, kind), term in list(account.terms.items()):
            if ref not in account.rows:
                account.drop("terms", (ref, kind))
                continue
            assert term.done is not None
            done = term.done
            for name, at in self._instants(account, ref, term).items():
                if at <= clock_ms and name not in done:
                    done.add(name)
                    due.append((at, ref, term, name))
                if (until_ms := max(at, _latest_ms(term, name) or at)) > clock_ms and name in done:
                    ahead.setdefault(ref, {}).setdefault(kind, [term.value, []])[1].append(name)
                else:
                    until_ms = at
                if until_ms > clock_ms and (next_ms is None or until_ms < next_ms):
                    next_ms = until_ms
        if next_ms is not None and next_ms != account.next_milestone_ms:
            heapq.heappush(self._timers, (next_ms, account.id))
        account.next_milestone_ms = next_ms
        if out is not None and ahead != account.noted:
            out.notes += self._notes(account, ahead)
            account.noted = ahead or NOTHING
        due.sort(key=lambda one: one[:2])
        return due

    def _notes(self, account: Account, ahead: dict[Ref, dict[str, Any]]) -> Iterator[Note]:
        for ref in sorted(ahead.keys() | account.noted.keys()):
            if ahead.get(ref) != account.noted.get(ref):
                table, key = account.stands.get(ref, ref)
                yield Note(account.id, TOLD, place_of(self._tables[table].topic, key), ahead.get(ref))

    def _instants(self, account: Account, ref: Ref, term: Term) -> dict[str, int]:
        """When each milestone of a term is, ms since 1970."""
        zone = self._zone(account, account.rows[ref])
        if term.instants is None or term.zone != zone:
            term.zone, term.instants = zone, self._computed(term, zone)
        return term.instants

    def _computed(self, term: Term, zone: str | None) -> dict[str, int]:
        if term.kind == PAID_UNTIL:
            at = instant_ms(term.value)
            return {} if at is None else {PAID_UNTIL: at}
        where = (self._find_zone(zone) if zone else None) or UTC
        found = {f"{RENEWAL}-{days}": midnight_ms(term.value, days, where) for days in self._days}
        return {name: at for name, at in found.items() if at is not None}

    @staticmethod
    def _zone(account: Account, fact: Fact) -> str | None:
        """The subscription's own zone, else that of its account; None is UTC."""
        own: str | None = fact[_ZONE]
        item = account.items.get(("account", account.id)) if own is None else None
        if item is not None and item.billing is not None:
            own = account.rows[item.billing][_ACCOUNT_ZONE]
        return own

    def _event(self, account: Account, ref: Ref, fact: Fact, term: Term, name: str, at: int) -> dict[str, Any]:
        days = int(name.rpartition("-")[2]) if term.kind == RENEWAL else None
        return {
            "account": account.id,
            "source": self._tables[ref[0]].source,
            "position": fact[POSITION],
            "time_ms": at,
            "cause": "milestone",
            "milestone": {
                "name": term.kind,
                "object": "subscription",
                "id": fact[ID],
                "date": term.value,
                "days_before": days,
                "due_at": instant_from_us(at * 1000),
                "zone": term.zone if term.kind == RENEWAL else None,
            },
            "movement": None,
            "changes": [],
        }

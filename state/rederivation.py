"""Accounts derived anew from their stored rows, some at a time, and what of it is news to those who read the last cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from state.accounts import StoredRow
from state.folding.account import Fault
from state.folding.notes import Note
from state.output import Output, Record
from state.row import Release
from state.shard import Shard

#: accounts that are in memory at once
ACCOUNTS_AT_ONCE = 200
_SETTLING, _WITHDRAWN = "settling", "withdrawn"
#: what an exception says of the moment when it was raised: no news by itself
_OF_THE_MOMENT = frozenset({"since_ms", "risk_minor", "risk_currency", "invoice", "case"})
_DEADLINE_PASSED = "DEADLINE_PASSED"


class Derived(NamedTuple):
    """Everything that the view says of some accounts, and (account, fault) of the rows that the mapping cannot use."""

    output: Output
    faults: list[tuple[str, Fault]]


class Opened(NamedTuple):
    """What no row says, by account: intents that are settling or wanted, open exceptions, notes."""

    intents: Mapping[str, list[Record]]
    exceptions: Mapping[str, list[Record]]
    notes: Mapping[str, list[Note]]


def derive(
    open_shard: Callable[[], Shard], accounts: Mapping[str, list[StoredRow]], opened: Opened, clock_ms: int
) -> Iterator[Derived]:
    """The accounts as they are at the clock of the last cut, in portions.

    Every record and exception comes out. Of open intents only what changes does, since their lives go on.
    """
    names = iter(dict.fromkeys([*accounts, *opened.notes]))
    while portion := list(islice(names, ACCOUNTS_AT_ONCE)):
        shard = open_shard()
        shard.load_clock(clock_ms)
        for name in portion:
            for row in accounts.get(name, ()):
                shard.load(name, *row)
            for note in opened.notes.get(name, ()):
                shard.load_note(note)
            for intent in opened.intents.get(name, ()):
                shard.load_intent(intent)
            for exception in opened.exceptions.get(name, ()):
                shard.load_exception(exception)
        output = shard.apply(Release(clock_ms, {}, [], True, True))
        yield Derived(output, [(account.id, f) for account in shard.accounts() for f in account.faults.values()])


def orphaned(accounts: Iterable[str], intents: Mapping[str, list[Record]]) -> Iterator[tuple[str, Record | None]]:
    """How the open intents of accounts that have no row any more end."""
    known = set(accounts)
    for name, records in intents.items():
        for intent in records if name not in known else ():
            yield intent["id"], None if intent["state"] == _SETTLING else {**intent, "state": _WITHDRAWN}


def same_exception(told: Record | None, found: Record) -> bool:
    """Whether an exception says nothing new: since when, when it was noticed and the money at risk then stay as told."""
    if told is None:
        return False
    differing = {name for name in found if found[name] != told.get(name)} - _OF_THE_MOMENT
    if found["kind"] == _DEADLINE_PASSED and found["since_ms"] == told.get("since_ms"):
        differing.discard("text")  # it says when it was noticed; since_ms is the deadline itself
    return not differing

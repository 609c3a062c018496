"""Accounts derived anew from their stored rows, one at a time: all that the view says under a mapping and its rules.

What differs from what was published is for the caller to find. Of intents and exceptions that are open only the changes
come out, since their lives go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from state.account import Account, Fault
from state.entitlement import entitled
from state.fold import refold
from state.model import Model
from state.output import Output, Record
from state.publication import Publication
from state.rows import Decode, Rows
from state.rules import Rules
from state.service_clock import keeps_clocks

#: no kind of object: what is blocked is compared with it, and so everything is looked at
_NOT_KNOWN = frozenset({""})


class StoredRow(NamedTuple):
    """A live row as `concord.facts` holds it."""

    table: int
    key: str
    position: int
    time_ms: int
    frame: bytes


class Derived(NamedTuple):
    """What one account is: every record in `output`, and the rows that the mapping cannot use."""

    output: Output
    faults: tuple[Fault, ...]


class Rederivation:
    """Derives accounts; nothing of one is kept when the next one comes."""

    def __init__(self, model: Model, decode: Decode, rules: Rules, mapped: Decode | None = None) -> None:
        """`decode` and `mapped` as for a shard."""
        self._model = model
        self._rules = rules
        self._rows = Rows(model, decode, None, mapped, keeps_clocks(model, rules.resolve_within_ms))
        self._timers: list[tuple[int, str]] = []
        self._publication = Publication(model, rules, self._timers)
        self._modes = {rule.name: {"mode": rule.mode, "team": rule.team} for rule in rules.rules}

    def derive(
        self,
        name: str,
        rows: Iterable[StoredRow],
        clock_ms: int,
        intents: Iterable[Record] = (),
        told: Mapping[str, str] | None = None,
    ) -> Derived:
        """The account at the clock of the last cut. `intents` are open; `told`: open exceptions, id -> text."""
        account = Account(name, self._model.steps)
        for row in rows:
            self._rows.restore(account, (row.table, row.key), row.position, row.time_ms, row.frame)
        if account.stale:
            refold(account, self._model.folded)
        if self._model.derivations:
            self._rows.deriver.settle(account, clock_ms)
        for intent in intents:
            self._publication.intents.load(intent)
        self._publication.intents.adopt(account)
        account.blocked = _NOT_KNOWN
        account.exceptions = {key: (("row", ""), text) for key, text in (told or {}).items()}
        account.mark_all()
        account.changed = True
        out = Output()
        self._publication.publish(account, entitled(account, self._rules.tiers, clock_ms), clock_ms, out)
        self._adopt_modes(account, out)
        self._timers.clear()
        return Derived(out, tuple(account.faults.values()))

    def _adopt_modes(self, account: Account, out: Output) -> None:
        """An intent that stays open is handled as its rule says now."""
        said = {key for key, _ in out.intents}
        for intent in account.intents.values():
            now: dict[str, Any] = self._modes.get(intent["rule"], {})
            if intent["id"] not in said and any(intent[field] != value for field, value in now.items()):
                out.intents.append((intent["id"], {**intent, **now}))

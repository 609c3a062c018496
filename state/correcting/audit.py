"""The audit chain: decisions, writes and how they ended, each entry hashed over the one before it. Pure.

What was written is named by its binding (a hash of before, after and frontier): the chain is kept for ever, values are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from state.correcting.correction import Correction, State
from state.correcting.decision import Decision, binding, key_of
from state.correcting.hold import Hold

#: hash before the first entry
BEGINNING = "0" * 64
#: states of a correction that are told
_TOLD = frozenset({State.SENDING, State.REFUSED, State.VERIFIED, State.REJECTED})


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the topic `audit`. `hash` is over all other fields, `previous` being the hash of number - 1."""

    number: int
    previous: str
    hash: str
    at_ms: int
    kind: str
    subject: str
    account_id: str
    by: str
    body: Mapping[str, str]


def entry_record(entry: Entry) -> dict[str, Any]:
    """The record of the topic `audit` (`avro/audit.avsc`)."""
    return {name: getattr(entry, name) for name in Entry.__slots__}


def entry_from(record: Mapping[str, Any]) -> Entry:
    """An entry from a decoded record."""
    return Entry(**record)


def _hash(number: int, previous: str, at_ms: int, what: tuple[str, str, str, str], body: Mapping[str, str]) -> str:
    text = json.dumps([number, previous, at_ms, *what, dict(body)], sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def sound(entry: Entry, previous: Entry | None) -> bool:
    """Whether an entry is what its hash says, and follows this one (None: it is the first)."""
    number, before = (1, BEGINNING) if previous is None else (previous.number + 1, previous.hash)
    what = entry.kind, entry.subject, entry.account_id, entry.by
    computed = _hash(entry.number, entry.previous, entry.at_ms, what, entry.body)
    return (entry.number, entry.previous, entry.hash) == (number, before, computed)


class Check:
    """Reads a chain from its first entry on. `broken_at`: the number that should stand where it is first broken."""

    def __init__(self) -> None:
        self.total = 0
        self.newest: Entry | None = None
        self.broken_at: int | None = None

    def add(self, entry: Entry) -> None:
        """The next entry: changed, missing, repeated or out of order, it breaks the chain."""
        self.total += 1
        if self.broken_at is None and not sound(entry, self.newest):
            self.broken_at = 1 if self.newest is None else self.newest.number + 1
        self.newest = entry


class Chain:
    """Goes on from the newest entry."""

    def __init__(self, newest: Entry | None = None) -> None:
        self._number = 0 if newest is None else newest.number
        self._hash = BEGINNING if newest is None else newest.hash

    def decision(self, decision: Decision, now_ms: int) -> Entry:
        """A person decided; `now_ms` is when dispatch took it."""
        body = {
            "decision": decision.id,
            "decided_ms": str(decision.at_ms),
            "bindings": ",".join(sorted(decision.bindings)),
            "reason": decision.reason,
        }
        return self._append(f"decision:{decision.verb}", decision.subject, "", decision.by, now_ms, body)

    def hold(self, name: str, hold: Hold | None, now_ms: int) -> Entry:
        """A hold began or ended."""
        body = {} if hold is None else {"kind": hold.kind, "text": hold.text, "rules": ",".join(hold.rules)}
        return self._append(
            "hold:ended" if hold is None else "hold:began", name, "", hold.by if hold else "", now_ms, body
        )

    def correction(self, one: Correction) -> Entry | None:
        """A write began or ended; None for a state that is not told."""
        if one.state not in _TOLD:
            return None
        intent = one.intent
        body = {
            "target": intent.target,
            "object": intent.object,
            "object_id": intent.object_id,
            "rule": f"{intent.rule}@{intent.rule_version}",
            "frontier": ",".join(f"{source}={at}" for source, at in sorted(intent.positions.items())),
            "binding": binding(one),
            "key": key_of(one),
            "attempt": str(one.attempt),
            "code": one.code or "",
            "proof": one.proof or "",
        }
        name = f"correction:{one.state.value.lower()}"
        return self._append(name, one.id, intent.account_id, one.approved_by or "", one.updated_ms, body)

    def _append(self, kind: str, subject: str, account_id: str, by: str, at_ms: int, body: Mapping[str, str]) -> Entry:
        number, previous = self._number + 1, self._hash
        self._number, self._hash = number, _hash(number, previous, at_ms, (kind, subject, account_id, by), body)
        return Entry(number, previous, self._hash, at_ms, kind, subject, account_id, by, body)

"""Judges the account records of a system that says nothing about positions, as kindly as possible.

A record is right if its billing side and its support side are each a state that some commit made of that account; it need
not be the newest one, and the two need not belong together. Pure: records in, counts out.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.oracle import Billing, Expected, Oracle


@dataclass
class Findings:
    """`never_committed` includes `invariant_broken`: paid by the account row is not the sum of its payments."""

    records: int = 0
    invariant_broken: int = 0
    never_committed: int = 0
    went_back: int = 0
    repeated: int = 0
    lost: int = 0
    wrong_at_end: int = 0

    def as_json(self) -> dict[str, int]:
        """Every count."""
        return asdict(self)


class _Known:
    """The states that commits made of one account, and how far the records have come."""

    __slots__ = ("billing", "reached", "support")

    def __init__(self, oracle: Oracle, account: int) -> None:
        billing, support = oracle.history(account)
        self.billing: dict[Billing, list[int]] = {}
        for number, state in enumerate(billing):
            self.billing.setdefault(state, []).append(number)
        self.support = {(0, 0), *support}
        self.reached = -1


class ViewCheck:
    """Takes the published records in the order of their partition."""

    def __init__(self, oracle: Oracle) -> None:
        self.findings = Findings()
        self._oracle = oracle
        self._known: dict[int, _Known] = {}
        self._last: dict[int, Expected | None] = {}

    def add(self, value: bytes | None, key: bytes) -> None:
        """One record; None is a delete."""
        account = int(json.loads(key)["id"])
        if value is None:
            self._last[account] = None
            return
        found, shown = self.findings, _shown(json.loads(value))
        found.records += 1
        found.invariant_broken += shown.reported != shown.paid
        found.repeated += self._last.get(account) == shown
        self._last[account] = shown
        known = self._known.get(account)
        if known is None:
            known = self._known[account] = _Known(self._oracle, account)
        numbers = known.billing.get(tuple(shown[:7]))
        if numbers is None or tuple(shown[7:]) not in known.support:
            found.never_committed += 1
            return
        ahead = next((number for number in numbers if number >= known.reached), None)
        if ahead is None:
            found.went_back += 1
        else:
            known.reached = ahead

    def end(self) -> Findings:
        """The last record of each account against the end of the oracle."""
        last = 1 << 62
        for account in self._oracle.accounts():
            shown = self._last.get(account)
            self.findings.lost += shown is None
            self.findings.wrong_at_end += shown is not None and shown != self._oracle.at(account, last, last)
        self.findings.wrong_at_end += len(self._last.keys() - self._oracle.accounts())
        return self.findings


def _shown(body: dict[str, Any]) -> Expected:
    """A record in the oracle's terms."""
    return Expected._make(int(body[name] or 0) for name in Expected._fields)

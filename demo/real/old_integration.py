"""The old integration on the real systems: carries what billing commits by their own interfaces, and gets a share wrong."""

from __future__ import annotations

import time
from random import Random
from typing import Protocol

from connectors.targets.protocol import TargetError
from demo.acts.words import CREDIT_RULE, ENTITLEMENT_RULE, INVOICE_RULE, STANDING_RULE
from demo.book import RANKS
from demo.money import major
from demo.real.business import Asked

Key = tuple[str, str]


class Writable(Protocol):
    """What it needs of the ERP and of the support desk."""

    def book(self, code: str, reference: str, lines: list[tuple[str, str]], post: bool = True) -> None:
        """Make a document of these lines, and post it."""
        ...

    def set_group(self, code: str, field: str, value: str) -> None:
        """Set one field of the account's group."""
        ...


class OldIntegration:
    """Knows afterwards what it got wrong. `patience_s`: what it is late with by more than this it leaves undone.

    It must not carry what Concord may be correcting already: nobody could say who has booked twice.
    """

    def __init__(self, systems: Writable, seed: int, drift: float, patience_s: float) -> None:
        self._systems, self._random = systems, Random(seed)
        self._drift, self._patience_s = drift, patience_s
        self._asked: dict[Key, int] = {}
        #: object -> what went wrong with it: dropped, falsified, too late, or never carried at all
        self.wrong: dict[Key, str] = {}
        self._moved_on: set[Key] = set()

    @property
    def must(self) -> set[Key]:
        """What has been wrong ever since, so that Concord has to find it."""
        return self.wrong.keys() - self._moved_on

    @property
    def may(self) -> set[Key]:
        """What was wrong until something else was asked of the object."""
        return self.wrong.keys() & self._moved_on

    def carry(self, asked: Asked, committed_s: float) -> None:
        """Carry one thing, or get it wrong."""
        key = (asked.rule, asked.object_id)
        if key in self.wrong:
            self._moved_on.add(key)
        fault = self._fault(asked, committed_s)
        if fault:
            self.wrong[key] = fault
        if fault in ("", "falsified"):
            late = self._try(asked, fault == "falsified") or time.time() - committed_s > self._patience_s * 2
            if late and not fault:
                self.wrong[key] = "late or broken off"
                self._moved_on.add(key)

    def _try(self, asked: Asked, falsify: bool) -> bool:
        """Whether the target did not take it, or nobody knows: it does not try twice."""
        try:
            self._write(asked, falsify)
        except TargetError:
            return True
        return False

    def _fault(self, asked: Asked, committed_s: float) -> str:
        if not asked.fresh:
            return "never carried"
        if time.time() - committed_s > self._patience_s:
            return "too late"
        if self._random.random() >= self._drift:
            return ""
        return "dropped" if asked.rule == STANDING_RULE else self._random.choice(("dropped", "falsified"))

    def _write(self, asked: Asked, falsify: bool) -> None:
        if asked.rule in (INVOICE_RULE, CREDIT_RULE):
            lines = [(text, f"{major(amount + (7 if falsify else 0), 'USD')}") for text, amount in asked.lines]
            only_drafted = falsify and self._random.random() < 0.3
            self._systems.book(asked.account, asked.object_id, lines, post=not only_drafted)
        elif asked.rule == ENTITLEMENT_RULE:
            others = [level for level in RANKS if level != asked.value]
            level = self._random.choice(others) if falsify else asked.value
            self._systems.set_group(asked.account, "Org Entitlement", f"support:{level}")
        else:
            self._systems.set_group(asked.account, "Org Delinquent", {"true": "yes", "false": "no"}[asked.value])

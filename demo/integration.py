"""The old integration as a whole: a few carrier threads, each with its share of the accounts."""

from __future__ import annotations

import time
from collections.abc import Iterable

from demo.acts.words import Carry
from demo.carrier import Carrier, Job, Timing
from demo.company import Company
from demo.ledger import Ledger


class IntegrationError(Exception):
    """A carrier thread ended early or did not come to an end in time; the cause is attached."""


class Integration:
    """Carries what billing commits; per account in order."""

    def __init__(self, company: Company, ledger: Ledger, timing: Timing, threads: int = 2) -> None:
        """Nothing runs before `start`."""
        self._carriers = [Carrier(company, ledger, timing, f"integration-{n}") for n in range(threads)]

    def mark(self, account: int, rule: str, object_id: str, shown: str | None) -> None:
        """Before the start: this object is wrong from the beginning, its target shows `shown`."""
        self._carriers[account % len(self._carriers)].marks[(rule, object_id)] = shown

    def start(self) -> None:
        """Start carrying."""
        for carrier in self._carriers:
            carrier.start()

    def submit(self, account: int, carries: Iterable[Carry], before: float, after: float) -> None:
        """Carry these, of one transaction that committed between `before` and `after` (epoch seconds)."""
        self._carriers[account % len(self._carriers)].jobs.put(Job(tuple(carries), before, after))

    def drain(self, timeout_s: float = 120.0) -> None:
        """Wait until everything is carried, the delayed things too; raises IntegrationError."""
        deadline = time.monotonic() + timeout_s
        while not all(carrier.idle for carrier in self._carriers):
            self._raise_error()
            if time.monotonic() > deadline:
                raise IntegrationError(
                    f"the old integration still has work after {timeout_s:.0f} s. Next step: lower the rate"
                )
            time.sleep(0.02)
        self._raise_error()

    def close(self) -> int:
        """End the threads; returns how many receipts never found their invoice in the ERP."""
        for carrier in self._carriers:
            carrier.jobs.put(None)
        for carrier in self._carriers:
            carrier.join()
        self._raise_error()
        return sum(len(carrier.receipts) for carrier in self._carriers)

    @property
    def carried(self) -> int:
        """Things carried, the wrong ones too."""
        return sum(carrier.carried for carrier in self._carriers)

    @property
    def faults(self) -> int:
        """Things got wrong on purpose."""
        return sum(carrier.faults for carrier in self._carriers)

    def _raise_error(self) -> None:
        for carrier in self._carriers:
            if carrier.error is not None:
                raise IntegrationError(
                    f"{carrier.name} ended early: {carrier.error}. Next step: see the cause"
                ) from carrier.error

"""Verifies a run record by record: an independent read_committed reader against the generator's oracle, at every commit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from benchmarks.dataset import Dataset
from benchmarks.oracle import Expected, Oracle
from connectors.registry import Registry
from demo.cuts import Cut, CutReader, CutRecord
from demo.frames import FrameDecoder

OBJECTS = ("account", "invoice", "payment")
_EXAMPLES_MAX = 5


@dataclass
class Verdict:
    """What the reader found. `wrong_records`: accounts that differ from the oracle at their commit's frontier."""

    cuts: int = 0
    records: int = 0
    account_records: int = 0
    wrong_records: int = 0
    partial_states: int = 0
    duplicates: int = 0
    regressions: int = 0
    lost: int = 0
    wrong_at_end: int = 0
    reader_problems: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether nothing at all was wrong."""
        found = (
            self.wrong_records,
            self.partial_states,
            self.duplicates,
            self.regressions,
            self.lost,
            self.wrong_at_end,
        )
        return self.cuts > 0 and not any(found) and not self.reader_problems

    def as_json(self) -> dict[str, Any]:
        """Every count, and the verdict."""
        counts = {name: value for name, value in vars(self).items() if name not in ("reader_problems", "examples")}
        return {**counts, "reader_problems": dict(self.reader_problems), "examples": self.examples, "right": self.right}


class Verifier:
    """Folds the published records of a run, one cut after the other, and holds each against the oracle."""

    def __init__(self, oracle: Oracle, decoder: FrameDecoder, names: tuple[str, ...]) -> None:
        """`names` are the sources' names in the order of `tables.SOURCES`."""
        self.verdict = Verdict()
        self._oracle = oracle
        self._decoder = decoder
        self._names = names
        self._content: dict[tuple[str, str], int] = {}
        self._shown: dict[int, Expected] = {}
        self._positions: dict[str, tuple[int, int]] = {}
        self._amounts: dict[tuple[str, str], tuple[int, int]] = {}
        self._sums: tuple[Counter[int], Counter[int]] = (Counter(), Counter())

    def add(self, cut: Cut) -> None:
        """One cut: each record by itself, then every account that it touched."""
        verdict = self.verdict
        verdict.cuts += 1
        touched: set[int] = set()
        for record in cut.records:
            verdict.records += 1
            touched.add(self._take(cut, record))
        billing, support = (cut.progress["frontier"].get(name, 0) for name in self._names)
        for account in touched:
            shown = self._shown.get(account)
            if shown != self._oracle.at(account, billing, support):
                verdict.wrong_records += 1
                self._example(
                    f"commit {cut.number}: account {account} is {shown}, not {self._oracle.at(account, billing, support)}"
                )
            elif shown and (self._sums[0][account], self._sums[1][account]) != (shown.billed, shown.paid):
                verdict.partial_states += 1
                self._example(
                    f"commit {cut.number}: account {account} does not equal the sum of its invoices or payments"
                )

    def _take(self, cut: Cut, record: CutRecord) -> int:
        """Fold one record; the account that it belongs to."""
        place, verdict = (record.object, record.key), self.verdict
        content = hash(record.frame)
        if self._content.get(place) == content:
            verdict.duplicates += 1
            self._example(f"commit {cut.number}: {record.object} {record.key} says what it said before")
        self._content[place] = content
        if record.object != "account":
            return self._move(record, place)
        verdict.account_records += 1
        account = int(record.key)
        if record.frame is None:
            self._shown.pop(account, None)
            return account
        body = self._decoder.decode(record.frame)
        shown = self._shown[account] = _shown(body)
        if shown.reported != shown.paid:
            verdict.partial_states += 1
            self._example(
                f"commit {cut.number}: account {account} reports {shown.reported}, its payments are {shown.paid}"
            )
        found = body["positions"]
        positions = (found.get(self._names[0], 0), found.get(self._names[1], 0))
        before = self._positions.get(record.key, (0, 0))
        if positions[0] < before[0] or positions[1] < before[1]:
            verdict.regressions += 1
        self._positions[record.key] = positions
        return account

    def _move(self, record: CutRecord, place: tuple[str, str]) -> int:
        """An invoice or payment adds to the sum of its account, or no longer does."""
        sums = self._sums[0 if record.object == "invoice" else 1]
        before = self._amounts.pop(place, None)
        if before is not None:
            sums[before[0]] -= before[1]
        if record.frame is None:
            return before[0] if before else 0
        body = self._decoder.decode(record.frame)
        account, amount = int(body["account"]), body["total_minor" if record.object == "invoice" else "amount_minor"]
        self._amounts[place] = (account, amount)
        sums[account] += amount
        return account

    def end(self) -> None:
        """The state after the last cut against the end of the oracle."""
        verdict, last = self.verdict, 1 << 62
        for account in self._oracle.accounts():
            if account not in self._shown:
                verdict.lost += 1
            elif self._shown[account] != self._oracle.at(account, last, last):
                verdict.wrong_at_end += 1
        verdict.wrong_at_end += len(self._shown.keys() - self._oracle.accounts())

    def _example(self, text: str) -> None:
        """Keep the first few."""
        if len(self.verdict.examples) < _EXAMPLES_MAX:
            self.verdict.examples.append(text)


def _shown(body: dict[str, Any]) -> Expected:
    """The account record in the oracle's terms."""
    totals = body["totals"].get(body["currency"], {})
    return Expected(
        body["reported_balance_minor"],
        totals.get("paid_minor", 0),
        body["payments"],
        body["invoices"],
        totals.get("billed_minor", 0),
        body["subscriptions"],
        totals.get("mrr_minor", 0),
        body["cases"],
        body["cases_open"],
    )


def verify(
    kafka: str, registry: Registry, prefix: str, dataset: Dataset, names: tuple[str, ...], timeout_s: float = 300.0
) -> Verdict:
    """Read everything that was published below `prefix` and judge it."""
    decoder = FrameDecoder(registry)
    verifier = Verifier(Oracle(dataset), decoder, names)
    reader = CutReader(kafka, prefix, decoder.decode, OBJECTS)
    try:
        for cut in reader.follow(timeout_s):
            verifier.add(cut)
    finally:
        reader.close()
    verifier.end()
    verifier.verdict.reader_problems = reader.problems
    return verifier.verdict

"""Audits what a canonical flow published about the bank: every cut, every record, and the end against SQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from connectors.registry import Registry
from demo.cuts import Cut, CutReader, CutRecord
from demo.frames import FrameDecoder
from tests.chaos.bank import SOURCE, Amounts

CURRENCY = "EUR"


@dataclass
class BankAudit:
    """The state at the newest cut, folded from published records alone, and everything that was wrong on the way."""

    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    cuts: int = 0
    records: int = 0
    live_cuts: int = 0
    frontier: dict[str, int] = field(default_factory=dict)
    debits: Amounts = field(default_factory=dict)
    credited: Amounts = field(default_factory=dict)
    credits: Amounts = field(default_factory=dict)
    _snapshot_position: int = 0
    _total: int = 0
    _objects_total: int = 0
    _contents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _positions: dict[tuple[str, str], int] = field(default_factory=dict)
    _offsets: dict[str, int] = field(default_factory=dict)

    def add(self, cut: Cut, decoder: FrameDecoder) -> None:
        """Apply one cut and check it."""
        self.cuts += 1
        self.live_cuts += bool(cut.progress["live"])
        self._check_progress(cut)
        if cut.records and not cut.progress["live"]:
            self._blame("published before the first snapshot was complete", cut, None)
        for record in cut.records:
            self.records += 1
            self._take(cut, record, decoder)
        if self._total or self._objects_total:
            self._blame("total is not zero", cut, None)
        if sum(self.credited.values()) != sum(self.credits.values()):
            self._blame("accounts and credits disagree", cut, None)

    def _check_progress(self, cut: Cut) -> None:
        """Frontiers and input offsets only rise, so no input was processed twice."""
        for source, position in cut.progress["frontier"].items():
            if position < self.frontier.get(source, 0):
                self._blame("frontier went back", cut, None)
        self.frontier = cut.progress["frontier"]
        for place, offset in cut.progress["offsets"].items():
            if offset < self._offsets.get(place, 0):
                self._blame("input offset went back", cut, None)
            self._offsets[place] = offset

    def _take(self, cut: Cut, record: CutRecord, decoder: FrameDecoder) -> None:
        """Fold one record; the same content again, or an older position, is wrong."""
        place = (record.object, record.key)
        if record.frame is None:
            self._blame("tombstone without a delete", cut, record)
            return
        body = decoder.decode(record.frame)
        if self._contents.get(place) == record.frame:
            self._blame("same content published twice", cut, record)
        self._contents[place] = record.frame
        position = int(body["billing"]["position"]) if body.get("billing") else 0
        if position < self._positions.get(place, 0):
            self._blame("version went back", cut, record)
        if self.live_cuts == 1:
            self._snapshot_position = max(self._snapshot_position, position)
        if position > max(cut.progress["frontier"].get(SOURCE, 0), self._snapshot_position):
            self._blame("record from beyond the frontier", cut, record)
        self._positions[place] = position
        self._fold(record, body)

    def _fold(self, record: CutRecord, body: dict[str, Any]) -> None:
        """Keep what an account or a credit says, and the totals over all."""
        if record.object == "account":
            holder = record.key
            credited = body["totals"].get(CURRENCY, {}).get("credited_minor", 0)
            reported = body["reported_balance_minor"] or 0
            self._total += (reported - self.debits.get(holder, 0)) - (credited - self.credited.get(holder, 0))
            self._objects_total += reported - self.debits.get(holder, 0)
            self.debits[holder], self.credited[holder] = reported, credited
        elif record.object == "credit":
            holder, amount = body["account"], body["amount_minor"]
            self._objects_total -= amount - self.credits.get(holder, 0)
            self.credits[holder] = amount

    def _blame(self, what: str, cut: Cut, record: CutRecord | None) -> None:
        """Count it and keep the first examples."""
        self.wrong[what] += 1
        if self.wrong[what] == 1:
            where = (
                ""
                if record is None
                else f", {record.object} {record.key} at partition {record.partition} offset {record.offset}"
            )
            self.examples.append(f"{what}: commit {cut.number}{where}")

    def agrees_with(self, debits: Amounts, received: Amounts) -> bool:
        """Whether the state at the newest cut is what SQL has."""
        return self.debits == debits and self.credits == received and self.credited == received


def audit(kafka: str, registry_url: str, prefix: str) -> BankAudit:
    """Read everything that the flow of this prefix published, from the start to the end."""
    decoder = FrameDecoder(Registry(registry_url))
    reader = CutReader(kafka, prefix, decoder.decode, ("account", "credit"))
    found = BankAudit()
    try:
        for cut in reader.finish():
            found.add(cut, decoder)
    finally:
        reader.close()
    found.wrong.update(reader.problems)
    return found

"""The stored rows of `concord.facts`, by account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from connectors.facts import (
    Fact,
    is_waiting,
    read_fact,
    read_note,
)
from state.accounts import StoredRow
from state.folding.notes import Note
from state.model import Model

#: (partition, key, value) of one facts record
FactRecord = tuple[int, bytes, bytes | None]


class Rows(NamedTuple):
    """Of one partition's accounts: their rows, and what was noted about them."""

    accounts: dict[str, list[StoredRow]]
    notes: dict[str, list[Note]]


class ReadFacts(Protocol):
    """Reads the facts of some partitions, from their beginning to their end."""

    def __call__(self, partitions: list[int]) -> Iterable[FactRecord]:
        """Records in the order of each partition."""


class AsStored:
    """The rows where they lie."""

    def __init__(self, model: Model, read: ReadFacts) -> None:
        self._tables = {table.topic: table.index for table in model.tables if not table.ignore}
        self._read = read

    def rows(self, number: int) -> Rows:
        """Those of one partition."""
        live: dict[bytes, Fact] = {}
        for _partition, key, value in self._read([number]):
            if is_waiting(key):
                continue
            if value is None:
                live.pop(key, None)
            else:
                live[key] = read_fact(key, value)
        out = Rows({}, {})
        for fact in live.values():
            if (note := read_note(fact)) is not None:
                out.notes.setdefault(note.account, []).append(note)
            elif (table := self._tables.get(fact.topic)) is not None:
                row = StoredRow(table, fact.key, fact.position, fact.time_ms, fact.frame)
                out.accounts.setdefault(fact.account, []).append(row)
        return out

"""Every stored row, where it lies, and its link as the mapping reads it today."""

from __future__ import annotations

from sys import intern
from typing import NamedTuple

from connectors.capturing.debezium import BadFrameError, Peek
from connectors.facts import Fact, read_fact, read_note, split_key
from dataflows.stored import ReadFacts
from state.folding.notes import MERGED, Note
from state.mapping.parked import unpack
from state.model import Model
from state.resolving.carried import bare
from state.resolving.placement import RowPlace
from state.row import KEY, LINK


class CannotPlace(Exception):
    """Stored rows do not fit the mapping: which account they belong to cannot be found out from what was captured."""


class Lies(NamedTuple):
    """Where a row is stored, under which account (empty: none) and link.

    `again` is its link as the mapping reads it, `problem` why it cannot be read.
    """

    partition: int
    account: str
    link: str
    position: int
    time_ms: int
    again: str | None
    problem: str | None


class Survey:
    """All partitions, read once.

    `lies`: the rows. `unmapped`: partition and record key of rows whose table is not mapped any more. `ghosts`: rows that
    are gone while others hang on them, with their account. `merges`: notes of merges that are in force, by record key.
    """

    def __init__(self, model: Model, peek: Peek, partitions: int, read: ReadFacts) -> None:
        """Raises CannotPlace."""
        self._peek = peek
        self._tables = {table.topic: table for table in model.tables if not table.ignore}
        self._sources = {source.name for source in model.sources}
        self.unmapped: list[tuple[int, bytes]] = []
        self.ghosts: dict[RowPlace, str] = {}
        self.merges: dict[bytes, Note] = {}
        self.lies = self._look(read, partitions)

    def _look(self, read: ReadFacts, partitions: int) -> dict[RowPlace, Lies]:
        """Order holds within a partition only: see `dataflows/identity_restore.py`."""
        live: dict[tuple[int, bytes], Lies] = {}
        unmapped: dict[tuple[int, bytes], None] = {}
        for partition, key, value in read(list(range(partitions))):
            place = self.place_of(key)
            if place is None:
                self._aside(partition, key, value, unmapped)
            elif value is None:
                live.pop((partition, key), None)
                self.ghosts.pop(place, None)
            elif (fact := read_fact(key, value)).frame:
                again = self._read_again(place, fact)
                account = intern(fact.account)
                live[partition, key] = Lies(partition, account, fact.link, fact.position, fact.time_ms, *again)
            else:
                self.ghosts[place] = fact.link
        self.unmapped = list(unmapped)
        found: dict[RowPlace, Lies] = {}
        for (_partition, key), lies in live.items():
            topic, row = split_key(key)
            found[self._tables[topic].index, row] = lies
            if lies.problem is not None:
                raise CannotPlace(lies.problem)
        return found

    def _aside(self, partition: int, key: bytes, value: bytes | None, unmapped: dict[tuple[int, bytes], None]) -> None:
        """A record of no mapped table: a note, or a row of a table that is not mapped any more."""
        if value is None:
            unmapped.pop((partition, key), None)
            self.merges.pop(key, None)
        elif (note := read_note(read_fact(key, value))) is not None:
            if note.kind == MERGED:
                self.merges[key] = note
        elif split_key(key)[0].partition(".")[0] in self._sources:
            unmapped[partition, key] = None

    def _read_again(self, place: RowPlace, fact: Fact) -> tuple[str | None, str | None]:
        """The row's link under the mapping, or why there is none."""
        parked = unpack(bare(fact.frame))
        try:
            row = self._peek.peek(place[0], None, bare(fact.frame) if parked is None else parked.frame)
        except BadFrameError as error:
            return None, (
                f"row {fact.key} of {fact.topic} cannot be placed by the mapping: {error.reason}. Next step: correct "
                f"`key` and `account` of the table; or start anew under another CONCORD_PREFIX (docs/operations.md)"
            )
        if row[KEY] != fact.key:
            return None, (
                f"row {fact.key} of {fact.topic} would have the key {row[KEY]} under the mapping: a changed `key` cannot be "
                f"taken over. Next step: restore it, or start anew under another CONCORD_PREFIX (docs/operations.md)"
            )
        return row[LINK], None

    def place_of(self, key: bytes) -> RowPlace | None:
        """The row that a record key names; None for one that is not mapped, and for a note."""
        return self.named(*split_key(key))

    def named(self, topic: str, key: str) -> RowPlace | None:
        """The same by topic and primary key text."""
        table = self._tables.get(topic)
        return None if table is None else (table.index, key)

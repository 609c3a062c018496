"""Where each stored row belongs after the ways to the account have changed, and what of that has to be stored anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from sys import intern
from typing import NamedTuple

from connectors.capturing.debezium import BadFrameError, Peek
from connectors.facts import (
    Fact,
    fact_key,
    fact_value,
    is_waiting,
    read_fact,
    read_note,
    split_key,
    waiting_key,
    waiting_value,
)
from connectors.kafka.transactor import Record
from dataflows.stored import AsStored, ReadFacts, Rows
from state.accounts import StoredRow
from state.folding.notes import MERGED, Note
from state.mapping.parked import unpack
from state.model import Model
from state.resolving.carried import bare
from state.resolving.placement import Known, Placed, RowPlace, place_anew
from state.routing import partition_of
from state.row import KEY, LINK, Row


class CannotPlace(Exception):
    """Stored rows do not fit the mapping: which account they belong to cannot be found out from what was captured."""


class _Lies(NamedTuple):
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


class Replaced:
    """The rows of all partitions where they belong now; frames are read again, partition by partition, when needed."""

    def __init__(self, model: Model, peek: Peek, partitions: int, topic: str, read: ReadFacts) -> None:
        """Reads everything once. Raises CannotPlace."""
        self._model, self._peek, self._partitions, self._topic, self._read = model, peek, partitions, topic, read
        self._tables = {table.topic: table for table in model.tables if not table.ignore}
        self._sources = {source.name for source in model.sources}
        self.unmapped: list[tuple[int, bytes]] = []
        self._ghosts: dict[RowPlace, str] = {}
        self._merges: dict[bytes, Note] = {}
        self._lies = self._survey()
        self._wanted = self._place()
        self.moved = {place for place, lies in self._lies.items() if self._now(lies) != self._wanted.get(place)}

    def _survey(self) -> dict[RowPlace, _Lies]:
        """Order holds within a partition only: see `dataflows/identity_restore.py`."""
        live: dict[tuple[int, bytes], _Lies] = {}
        unmapped: dict[tuple[int, bytes], None] = {}
        for partition, key, value in self._read(list(range(self._partitions))):
            place = self._place_of(key)
            if place is None:
                self._aside(partition, key, value, unmapped)
            elif value is None:
                live.pop((partition, key), None)
                self._ghosts.pop(place, None)
            elif (fact := read_fact(key, value)).frame:
                again = self._read_again(place, fact)
                account = intern(fact.account)
                live[partition, key] = _Lies(partition, account, fact.link, fact.position, fact.time_ms, *again)
            else:
                self._ghosts[place] = fact.link
        self.unmapped = list(unmapped)
        found: dict[RowPlace, _Lies] = {}
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
            self._merges.pop(key, None)
        elif (note := read_note(read_fact(key, value))) is not None:
            if note.kind == MERGED:
                self._merges[key] = note
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

    def _place(self) -> dict[RowPlace, Placed]:
        tables = self._model.tables

        def rows() -> Iterator[tuple[Row, str, int, int]]:
            for (table, key), lies in self._lies.items():
                row = (table, "r", key, 0, 0, 0, lies.again, -1, -1, b"", "", lies.time_ms)
                yield row, tables[table].source, lies.position, lies.time_ms

        links = {place: lies.again or "" for place, lies in self._lies.items()}
        merges = {note.account: str(note.body["direct"]) for note in self._merges.values()}
        return place_anew(tables, rows(), links, Known(self._defined_by_none(), merges, self._ghosts))

    def _defined_by_none(self) -> set[str]:
        """Accounts that rows belong to although the row that defined them is gone: they stay known, as in the flow."""
        rules = {table.index: table.account for table in self._model.tables}
        defining = {
            i for i, rule in rules.items() if rule and (rule.kind == "defines" or any(w.defines for w in rule.ways))
        }
        defined = {lies.account for (table, _), lies in self._lies.items() if table in defining}
        return {lies.account for lies in self._lies.values() if lies.account} - defined

    @property
    def waiting(self) -> tuple[int, int]:
        """Rows without an account: as stored, and now (rows that only make links known are among them)."""
        now = sum(wanted.account is None for wanted in self._wanted.values())
        return sum(not lies.account for lies in self._lies.values()), now

    def counts(self) -> Counter[str]:
        """How many rows are applied and ignored more (or fewer) than were counted: `<source>.<what>`."""
        out: Counter[str] = Counter()
        for place in self.moved:
            source, wanted = self._model.tables[place[0]].source, self._wanted.get(place)
            out[f"{source}.applied"] += bool(wanted and wanted.account) - bool(self._lies[place].account)
            out[f"{source}.ignored"] += wanted is None
        for _partition, key in self.unmapped:
            source = split_key(key)[0].partition(".")[0]
            out[f"{source}.applied"] -= not is_waiting(key)
            out[f"{source}.ignored"] += 1
        return out

    def rows(self, number: int) -> Rows:
        """Those of one partition, as they belong now."""
        stored = AsStored(self._model, self._read).rows(number)
        out = Rows({}, stored.notes)
        for account, rows in stored.accounts.items():
            staying = [row for row in rows if self._stays((row.table, row.key), number)]
            if staying:
                out.accounts[account] = staying
        for fact in self._moved_to(number):
            place = self._tables[fact.topic].index, fact.key
            if (now := self._wanted[place].account) is not None:
                out.accounts.setdefault(now, []).append(StoredRow(*place, fact.position, fact.time_ms, fact.frame))
        return out

    def _stays(self, place: RowPlace, number: int) -> bool:
        return place not in self.moved and self._lies[place].partition == number

    def changes(self) -> Iterator[Record]:
        """What has to be stored differently: rows that moved, and rows of tables that are not mapped any more."""
        for partition, record_key in self.unmapped:
            yield self._topic, partition, record_key, None
        if not self.moved:
            return
        for place in self.moved:
            lies, wanted, (table, key) = self._lies[place], self._wanted.get(place), place
            topic = self._model.tables[table].topic
            old = fact_key(topic, key) if lies.account else waiting_key(topic, key)
            if wanted is None or self._home(place) != lies.partition or bool(wanted.account) != bool(lies.account):
                yield self._topic, lies.partition, old, None
        for fact in (fact for number in range(self._partitions) for fact in self._moved_to(number)):
            place = self._tables[fact.topic].index, fact.key
            account, link = self._wanted[place]
            if account:
                value = fact_value(account, link, fact.position, fact.time_ms, fact.frame)
                yield self._topic, self._home(place), fact_key(fact.topic, fact.key), value
            else:
                value = waiting_value((fact.partition, fact.offset), link, fact.position, fact.time_ms, fact.frame)
                yield self._topic, self._home(place), waiting_key(fact.topic, fact.key), value

    def found(self) -> Iterator[tuple[str, str]]:
        """(topic, key) of the rows that waited for an account and wait no more."""
        for place in self.moved:
            wanted = self._wanted.get(place)
            if not self._lies[place].account and (wanted is None or wanted.account):
                yield self._model.tables[place[0]].topic, place[1]

    def _moved_to(self, number: int) -> list[Fact]:
        """The facts of rows that moved and belong into this partition now; nothing is read if there are none."""
        arriving = {place for place in self.moved if self._home(place) == number}
        live: dict[RowPlace, Fact] = {}
        for partition, key, value in self._read(list(range(self._partitions))) if arriving else ():
            place = self._place_of(key)
            if place is None or place not in arriving or not _is_at(self._lies[place], partition, key):
                continue
            if value is None:
                live.pop(place, None)
            else:
                live[place] = read_fact(key, value)
        return list(live.values())

    def _home(self, place: RowPlace) -> int:
        """Partition in which the row belongs, -1 for none."""
        wanted = self._wanted.get(place)
        if wanted is None:
            return -1
        topic = self._model.tables[place[0]].topic
        return partition_of(wanted.account or f"{topic}\x1f{place[1]}", self._partitions)

    @staticmethod
    def _now(lies: _Lies) -> Placed:
        return Placed(lies.account or None, lies.link)

    def _place_of(self, key: bytes) -> RowPlace | None:
        topic, row = split_key(key)
        table = self._tables.get(topic)
        return None if table is None else (table.index, row)


def _is_at(lies: _Lies, partition: int, key: bytes) -> bool:
    """Whether a record is the one that the row is stored in: a row that has waited lies under two keys for a moment."""
    return lies.partition == partition and is_waiting(key) != bool(lies.account)

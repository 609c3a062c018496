"""Where each stored row belongs after the ways to the account have changed, and what of that has to be stored anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from connectors.capturing.debezium import Peek
from connectors.facts import Fact, fact_key, fact_value, is_waiting, read_fact, split_key, waiting_key, waiting_value
from connectors.kafka.transactor import Record
from dataflows.replaced_notes import ReplacedNotes
from dataflows.stored import AsStored, ReadFacts, Rows
from dataflows.survey import Lies, Survey
from state.accounts import StoredRow
from state.model import Model
from state.resolving.carried import bare
from state.resolving.placement import Known, Placed, RowPlace, place_anew
from state.routing import partition_of
from state.row import Row


class Replaced:
    """The rows of all partitions where they belong now; frames are read again, partition by partition, when needed."""

    def __init__(self, model: Model, peek: Peek, partitions: int, topic: str, read: ReadFacts) -> None:
        """Reads everything once. Raises CannotPlace."""
        self._model, self._partitions, self._topic, self._read = model, partitions, topic, read
        self._survey = Survey(model, peek, partitions, read)
        self._lies = self._survey.lies
        self._wanted = self._place()
        self.moved = {place for place, lies in self._lies.items() if self._now(lies) != self._wanted.get(place)}
        self._notes = ReplacedNotes(read(list(range(partitions))) if self.moved else (), self._survey.named, self.moved)

    def _place(self) -> dict[RowPlace, Placed]:
        tables = self._model.tables

        def rows() -> Iterator[tuple[Row, str, int, int]]:
            for (table, key), lies in self._lies.items():
                row = (table, "r", key, 0, 0, 0, lies.again, -1, -1, b"", "", lies.time_ms)
                yield row, tables[table].source, lies.position, lies.time_ms

        links = {place: lies.again or "" for place, lies in self._lies.items()}
        merges = {note.account: str(note.body["direct"]) for note in self._survey.merges.values()}
        return place_anew(tables, rows(), links, Known(self._defined_by_none(), merges, self._survey.ghosts))

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
        for _partition, key in self._survey.unmapped:
            source = split_key(key)[0].partition(".")[0]
            out[f"{source}.applied"] -= not is_waiting(key)
            out[f"{source}.ignored"] += 1
        return out

    def rows(self, number: int) -> Rows:
        """Those of one partition, as they belong now."""
        stored = AsStored(self._model, self._read).rows(number)
        out = Rows({}, self._notes.staying(stored.notes))
        for account, rows in stored.accounts.items():
            staying = [row for row in rows if self._stays((row.table, row.key), number)]
            if staying:
                out.accounts[account] = staying
        for place, fact in self._moved_to(number):
            if (now := self._wanted[place].account) is not None:
                row = StoredRow(*place, fact.position, fact.time_ms, bare(fact.frame))
                out.accounts.setdefault(now, []).append(row)
                if notes := self._notes.of(place, now):
                    out.notes.setdefault(now, []).extend(notes)
        return out

    def _stays(self, place: RowPlace, number: int) -> bool:
        return place not in self.moved and self._lies[place].partition == number

    def notes(self) -> Iterator[Record]:
        """What is noted of rows that moved and has to be stored differently: comes before what the derivation notes."""
        return self._notes.changes(self._topic, lambda place: (self._account(place), self._home(place)))

    def changes(self, told_ms: int) -> Iterator[Record]:
        """What has to be stored differently: rows that moved, and rows of tables that are not mapped any more.

        `told_ms`: the clock that accounts have seen.
        """
        for partition, record_key in self._survey.unmapped:
            yield self._topic, partition, record_key, None
        if not self.moved:
            return
        for place in self.moved:
            lies, wanted, (table, key) = self._lies[place], self._wanted.get(place), place
            topic = self._model.tables[table].topic
            old = fact_key(topic, key) if lies.account else waiting_key(topic, key)
            if wanted is None or self._home(place) != lies.partition or bool(wanted.account) != bool(lies.account):
                yield self._topic, lies.partition, old, None
        for place, fact in (one for number in range(self._partitions) for one in self._moved_to(number)):
            account, link = self._wanted[place]
            if account:
                value = fact_value(account, link, fact.position, fact.time_ms, bare(fact.frame))
                yield self._topic, self._home(place), fact_key(fact.topic, fact.key), value
            else:
                frame = fact.frame
                if fact.account:
                    frame = self._notes.carried(place, fact.time_ms, told_ms, frame)
                value = waiting_value((fact.partition, fact.offset), link, fact.position, fact.time_ms, frame)
                yield self._topic, self._home(place), waiting_key(fact.topic, fact.key), value

    def found(self) -> Iterator[tuple[str, str]]:
        """(topic, key) of the rows that waited for an account and wait no more."""
        for place in self.moved:
            wanted = self._wanted.get(place)
            if not self._lies[place].account and (wanted is None or wanted.account):
                yield self._model.tables[place[0]].topic, place[1]

    def _moved_to(self, number: int) -> Iterable[tuple[RowPlace, Fact]]:
        """Places and facts of the rows that moved and belong into this partition now; nothing is read if there are none."""
        arriving = {place for place in self.moved if self._home(place) == number}
        live: dict[RowPlace, Fact] = {}
        for partition, key, value in self._read(list(range(self._partitions))) if arriving else ():
            place = self._survey.place_of(key)
            if place is None or place not in arriving or not _is_at(self._lies[place], partition, key):
                continue
            if value is None:
                live.pop(place, None)
            else:
                live[place] = read_fact(key, value)
        return live.items()

    def _account(self, place: RowPlace) -> str | None:
        wanted = self._wanted.get(place)
        return None if wanted is None else wanted.account

    def _home(self, place: RowPlace) -> int:
        """Partition in which the row belongs, -1 for none."""
        wanted = self._wanted.get(place)
        if wanted is None:
            return -1
        topic = self._model.tables[place[0]].topic
        return partition_of(wanted.account or f"{topic}\x1f{place[1]}", self._partitions)

    @staticmethod
    def _now(lies: Lies) -> Placed:
        return Placed(lies.account or None, lies.link)


def _is_at(lies: Lies, partition: int, key: bytes) -> bool:
    """Whether a record is the one that the row is stored in: a row that has waited lies under two keys for a moment."""
    return lies.partition == partition and is_waiting(key) != bool(lies.account)

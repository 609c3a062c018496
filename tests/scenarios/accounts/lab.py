"""Runs a history through the real serial step and shards, with facts as the encoder writes them, and restarts from those."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from connectors.contracts import Contracts
from connectors.facts import is_waiting, read_fact, read_note, split_key, waiting_record
from connectors.registry import Registry
from dataflows.encode import Encoder
from dataflows.identity_restore import index_of
from dataflows.read_back import stored_rows, stored_under
from state.model import Model
from state.overflow import InMemory
from state.process import Outputs, State, process
from state.resolving.moves import Moves, StoredRow
from state.resolving.resolved import Moved
from state.routing import partition_of
from state.row import End, Row
from state.rules import Rules
from state.shard import Shard
from state.slicing import SlicingSequencer
from state.step import Batch, Position, ticked
from tests.scenarios.accounts.world import TABLES, Columns, Op
from tests.scenarios.cases.capture import Subjects

AVRO = Path(__file__).parents[3] / "avro"
SHARDS = 3
RULES = Rules(1, ("none", "standard"), "finance", (), renewal_days=(2, 1, 0))
#: what a position is in time: histories take weeks
HOUR_MS = 3_600_000


class Lab:
    """One flow over its whole life. `cuts` forgets what was released every so many transactions, as a commit does.

    `hot_max` accounts of a shard stay objects, the others are bytes between two transactions. Transactions of more than
    `slice_rows` rows come in slices.
    """

    def __init__(self, model: Model, cuts: int, hot_max: int | None = None, slice_rows: int | None = None) -> None:
        self.model = model
        self._hot_max = hot_max
        self._slice_rows = slice_rows
        self._cuts = cuts
        self._tables = {name: f"public.{name}" for name in TABLES}
        self._index = {table.name: table.index for table in model.tables}
        self._frames: dict[bytes, Columns] = {}
        self._before: dict[bytes, int] = {}
        self._commits = {"billing": 0, "erp": 0}
        self._lsn, self._txid, self._since = 100, 0, 0
        self._last: tuple[list[Row], int, End] | None = None
        self.time_ms = 0
        self._position = Position(live=True)
        self.facts: dict[tuple[int, bytes], bytes] = {}
        self.stored: dict[tuple[int, bytes], bytes] = {}
        self.published: dict[tuple[str, int, str], Any] = {}
        self.told: list[tuple[str, str, int]] = []
        self.counts: dict[str, int] = {}
        contracts = Contracts(cast("Registry", Subjects()), AVRO, "concord.")
        self._encoder = Encoder(contracts, model, "facts", "canonical")
        self.restart()

    def restart(self) -> None:
        """Another process: it knows what is stored, and where it stood."""
        self.stored = dict(self.facts)
        self._since = 0
        identity = index_of(self.model, ((n, key, value) for (n, key), value in self.stored.items()))
        moves = Moves(self._read_back)
        sequencer = SlicingSequencer(
            self.model, identity, SHARDS, self._position, lambda frame: self._before[frame], None, moves
        )
        if self._slice_rows is not None:
            sequencer.turn_rows = 1
            sequencer.slice(self._slice_rows, InMemory)
        self.identity = identity
        self.state = State(sequencer, self._open)

    def _open(self, number: int) -> Shard:
        shard = Shard(
            self.model,
            lambda _table, frame: cast("dict[str, Any]", self._frames[frame]),
            RULES,
            hot_max=self._hot_max,
        )
        topics = {table.topic: table.index for table in self.model.tables}
        for (partition, key), value in self.stored.items():
            fact = read_fact(key, value)
            if partition != number or not fact.account:
                continue
            if fact.topic in topics:
                shard.load(fact.account, topics[fact.topic], fact.key, fact.position, fact.time_ms, fact.frame)
            elif (note := read_note(fact)) is not None:
                shard.load_note(note)
        shard.load_clock(ticked(self._position.clock_ms))
        return shard

    def _read_back(self, moved: Sequence[Moved]) -> dict[tuple[int, str], StoredRow]:
        found: list[tuple[tuple[int, str], bytes, bytes]] = []
        for row in moved:
            partition = partition_of(row.was, SHARDS)
            for key in stored_under(self.model.tables[row.table].topic, row.key):
                if (value := self.stored.get((partition, key))) is not None:
                    found.append(((row.table, row.key), key, value))
        return stored_rows(found)

    def commit(self, source: str, ops: list[Op]) -> None:
        """One transaction of a source."""
        self._txid += 1
        rows = [self._row(source, op, order) for order, op in enumerate(ops)]
        self._lsn += 10
        counts: dict[str, int] = {}
        for op in ops:
            counts[self._tables[op.table]] = counts.get(self._tables[op.table], 0) + 1
        self.time_ms = self._lsn * HOUR_MS
        end = End(self._txid, self._lsn, counts, self.time_ms, self._txid)
        self._commits[source] = self._lsn
        number = ("billing", "erp").index(source)
        self._feed([], 1 - number, End(self._txid, self._lsn, {}, self.time_ms, self._txid))  # the other one is quiet
        self._last = rows, number, end
        self._feed(*self._last)

    def repeat(self) -> None:
        """The newest transaction comes again, as after a kill of the connector."""
        if self._last is not None:
            self._feed(*self._last)

    def _row(self, source: str, op: Op, order: int) -> Row:
        self._lsn += 10
        frame = f"{self._txid}/{order}".encode()
        self._before[frame] = self._commits[source]
        table = self._index[self._tables[op.table]]
        link = None
        if op.columns is not None:
            self._frames[frame] = op.columns | {"id": op.key}
            rule = self.model.tables[table].account
            assert rule is not None
            texts = [op.columns[name] for name in rule.columns or (rule.column,)]
            link = "\x1f".join("\0" if text is None else text for text in texts)
        kind = "d" if op.columns is None else "u"
        return (table, kind, op.key, self._txid, self._lsn, order, link, 0, self._lsn, frame, "", self._lsn)

    def _feed(self, rows: list[Row], number: int, end: End) -> None:
        taken = self._take(process(Batch(rows, [(number, end)], [], []), self.state))
        while self.state.sequencer.busy:
            taken = self._take(process(Batch([], [], [], []), self.state)) or taken
        self._since += taken
        if self._since >= self._cuts:
            self._since = 0
            self.stored = dict(self.facts)
            self.state.sequencer.moves.committed()

    def _take(self, outputs: Outputs) -> bool:
        if outputs.step is None:
            return False
        if outputs.step.whole:
            self._position = outputs.step.position
        for partition, table, key, waiting in outputs.step.facts:
            self._store(partition, *waiting_record(self.model.tables[table].topic, key, waiting))
        for shard, output in outputs.shards.items():
            for _topic, place, name, image in self._encoder.facts(shard, outputs.step.releases[shard], output):
                self._store(place, name or b"", image)
            for kind, identity, _account, body in output.records:
                if kind != "change":
                    self.published[kind, shard, identity] = body
                elif body is not None and (one := body["milestone"]) is not None:
                    self.told.append((one["id"], one["date"], one["days_before"]))
        return True

    def _store(self, partition: int, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.facts.pop((partition, key), None)
        else:
            self.facts[partition, key] = value

    def placed(self) -> list[tuple[tuple[str, str], str | None]]:
        """(row, account) of every stored row, None for one that waits; a row that is stored twice is there twice."""
        topics = {table.topic: table.name.removeprefix("public.") for table in self.model.tables}
        out: list[tuple[tuple[str, str], str | None]] = []
        for (_, key), value in self.facts.items():
            topic, row = split_key(key)
            fact = read_fact(key, value)
            if topic in topics and fact.frame:
                out.append(((topics[topic], row), None if is_waiting(key) else fact.account))
        return out

    def live(self, kind: str) -> dict[str, Any]:
        """What a reader of the compacted topic has; that no key is live in two partitions is checked."""
        found: dict[str, Any] = {}
        for (name, _shard, key), body in self.published.items():
            if name == kind and body is not None:
                assert key not in found, f"{kind} {key} is live under two accounts"
                found[key] = body
        return found

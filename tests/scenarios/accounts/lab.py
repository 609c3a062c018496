"""Runs a history through the real serial step and shards, with facts as the encoder writes them, and restarts from those."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from connectors.contracts import Contracts
from connectors.facts import fact_key, is_waiting, read_fact, read_note, split_key, waiting_record
from connectors.registry import Registry
from dataflows.encode import Encoder
from dataflows.identity_restore import index_of
from state.model import Model
from state.process import State, process
from state.resolving.moves import Moves, StoredRow
from state.resolving.resolved import Moved
from state.routing import partition_of
from state.row import End, Row
from state.rules import Rules
from state.sequencer import Sequencer
from state.shard import Shard
from state.step import Batch, Position
from tests.scenarios.accounts.world import TABLES, Columns, Op
from tests.scenarios.cases.capture import Subjects

AVRO = Path(__file__).parents[3] / "avro"
SHARDS = 3
RULES = Rules(1, ("none", "standard"), "finance", ())


class Lab:
    """One flow over its whole life. `cuts` forgets what was released every so many transactions, as a commit does.

    `hot_max` accounts of a shard stay objects, the others are bytes between two transactions.
    """

    def __init__(self, model: Model, cuts: int, hot_max: int | None = None) -> None:
        self.model = model
        self._hot_max = hot_max
        self._cuts = cuts
        self._tables = {name: f"public.{name}" for name in TABLES}
        self._index = {table.name: table.index for table in model.tables}
        self._frames: dict[bytes, Columns] = {}
        self._before: dict[bytes, int] = {}
        self._commits = {"billing": 0, "erp": 0}
        self._lsn, self._txid, self._since = 100, 0, 0
        self._last: tuple[list[Row], int, End] | None = None
        self._position = Position(live=True)
        self.facts: dict[tuple[int, bytes], bytes] = {}
        self.stored: dict[tuple[int, bytes], bytes] = {}
        self.published: dict[tuple[str, int, str], Any] = {}
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
        sequencer = Sequencer(
            self.model, identity, SHARDS, self._position, lambda frame: self._before[frame], None, moves
        )
        self.identity = identity
        self.state = State(sequencer, self._open)

    def _open(self, number: int) -> Shard:
        shard = Shard(
            self.model,
            lambda _table, frame: cast("dict[str, Any]", self._frames[frame]),
            RULES,
            changes=False,
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
        return shard

    def _read_back(self, moved: Sequence[Moved]) -> dict[tuple[int, str], StoredRow]:
        found: dict[tuple[int, str], StoredRow] = {}
        for row in moved:
            key = fact_key(self.model.tables[row.table].topic, row.key)
            if (value := self.stored.get((partition_of(row.was, SHARDS), key))) is not None:
                fact = read_fact(key, value)
                found[row.table, row.key] = StoredRow(fact.position, fact.time_ms, fact.link, fact.frame)
        return found

    def commit(self, source: str, ops: list[Op]) -> None:
        """One transaction of a source."""
        self._txid += 1
        rows = [self._row(source, op, order) for order, op in enumerate(ops)]
        self._lsn += 10
        counts: dict[str, int] = {}
        for op in ops:
            counts[self._tables[op.table]] = counts.get(self._tables[op.table], 0) + 1
        end = End(self._txid, self._lsn, counts, self._lsn, self._txid)
        self._commits[source] = self._lsn
        self._last = rows, ("billing", "erp").index(source), end
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
        outputs = process(Batch(rows, [(number, end)], [], []), self.state)
        if outputs.step is None:
            return
        self._position = outputs.step.position
        for partition, table, key, waiting in outputs.step.facts:
            self._store(partition, *waiting_record(self.model.tables[table].topic, key, waiting))
        for shard, output in outputs.shards.items():
            for _topic, place, name, image in self._encoder.facts(shard, outputs.step.releases[shard], output):
                self._store(place, name or b"", image)
            for kind, identity, _account, body in output.records:
                self.published[kind, shard, identity] = body
        self._since += 1
        if self._since >= self._cuts:
            self._since = 0
            self.stored = dict(self.facts)
            self.state.sequencer.moves.committed()

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

"""The one serial step of all sources: align, resolve, route. Whole transactions in, one release per shard out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from operator import itemgetter

from state.aligning.alignment import Alignment
from state.aligning.slots import bases, sharing
from state.aligning.snapshot import Snapshots
from state.aside import Aside, let_go_transactions
from state.model import Model
from state.repairs import Repairs
from state.resolving.identity import Identity
from state.resolving.moves import Moves, Place
from state.resolving.resolved import Resolved
from state.routing import Router
from state.row import OP, PARTITION_BITS, TABLE, BadFrame, Release, Released, Row, Stalled, Transaction, of_values
from state.step import Batch, Position, Standing, Step, ticked

#: what is counted of every transaction
_TALLIED = ("transactions", "in", "applied", "ignored")


class Sequencer:
    """State of the serial step. Pure: time comes in with the transactions."""

    def __init__(
        self,
        model: Model,
        identity: Identity,
        partitions: int,
        start: Position,
        last_commit: Callable[[bytes], int | None],
        inputs: Mapping[str, int] | None = None,
        moves: Moves | None = None,
    ) -> None:
        """`inputs`: partitions of each row topic; without it a missing row is only given up for a record that is spoilt.

        `moves` reads back rows that move; without it all that is released is remembered, for runs that store nothing.
        """
        self._tables, self._sources = tables, sources = model.tables, model.sources
        self._identity = identity
        self._router, self._partitions = Router(partitions), partitions
        self._live, self.counts = start.live, dict(start.counts)
        #: what transactions have added to the counts in this step
        self._tallies = [[0] * len(_TALLIED) for _ in sources]
        self._alignments: list[Alignment] = []
        for source in sources:
            own = [t for t in tables if t.source == source.name]
            names = {t.name: t.index for t in own}
            stood = start.frontier.get(source.name, 0), start.clock_ms.get(source.name, 0)
            parts = None if inputs is None else {t.index: inputs[t.input_topic] for t in own}
            self._alignments.append(Alignment(names, *stood, last_commit, parts, bases(tables)))
        self._snapshots = Snapshots(model, start.live, start.snapshots)
        self._repairs = Repairs(tables, start.snapshots)
        self._rows_of = {t.index: t.rows_of for t in tables if t.rows_of is not None}
        self._silent = self._rows_of.keys() | sharing(tables)
        self._names, self._source_of = [t.source for t in tables], {s.name: i for i, s in enumerate(sources)}
        self._of_table = [self._source_of[name] for name in self._names]
        #: the clock that quiet shards have seen since the start, and the one up to which timers have fired
        self._ticked_ms, self._told_ms = 0, ticked(start.clock_ms)
        self._aside = Aside(model.tables, identity, partitions)
        self.moves = moves or Moves()
        self._other_offsets, self._given_up = dict[tuple[str, int], int](), list[tuple[int, BadFrame]]()

    @property
    def busy(self) -> bool:
        """Whether there is more to hand out of what was taken: then `advance` is to be called at once."""
        return False

    @property
    def standings(self) -> dict[str, Standing]:
        """Where each source stands."""
        found: dict[str, Standing] = {}
        for source, one in zip(self._sources, self._alignments, strict=True):
            places = {self._place(slot): held for slot, held in one.ahead.items()}
            found[source.name] = Standing(one.frontier, one.held, one.clock_ms, places)
        return found

    def _place(self, slot: int) -> tuple[str, int]:
        return self._tables[slot >> PARTITION_BITS].input_topic, slot & (1 << PARTITION_BITS) - 1

    def stalled(self) -> dict[str, Stalled]:
        """Per source the oldest transaction that is not whole."""
        found = ((s.name, a.stalled()) for s, a in zip(self._sources, self._alignments, strict=True))
        return {name: stalled for name, stalled in found if stalled}

    def advance(self, batch: Batch) -> Step | None:
        """Take a batch; None if it completed nothing and moved no offset."""
        repeats = [alignment.repeats for alignment in self._alignments]
        self._take(batch)
        step = Step()
        per_shard: dict[int, list[Transaction]] = {}
        for number, alignment in enumerate(self._alignments):
            for released in alignment.release():
                self._resolve(number, released, per_shard, step)
            self._count("in", alignment.repeats - repeats[number], number)
            self._count("ignored", alignment.repeats - repeats[number], number)
        return self._finish(step, per_shard)

    def _finish(self, step: Step, per_shard: dict[int, list[Transaction]]) -> Step | None:
        """Everything that is released is in the step: add what else happened, and the position."""
        for number, alignment in enumerate(self._alignments):
            bad = alignment.take_bad() + [one for source, one in self._given_up if source == number]
            self._count("in", len(bad), number)
            self._count("parked", len(bad), number)
            step.parked += bad
            self._collect_offsets(number, alignment, step)
            for what, n in zip(_TALLIED, self._tallies[number], strict=True):
                self._count(what, n, number)
            self._tallies[number] = [0] * len(_TALLIED)
        step.offsets |= self._other_offsets
        self._other_offsets, self._given_up = {}, []
        if not step.offsets and not step.parked:
            return None
        step.exceptions += self._repairs.take()
        went_live = self._check_live()
        step.position = self._position()
        if self._live:
            now_ms = max(step.position.clock_ms.values(), default=0)
            self._aside.tell(now_ms, step.exceptions)
            self._aside.merges(now_ms, step.exceptions)
        self._route(step, per_shard, went_live)
        return step

    def _take(self, batch: Batch) -> None:
        if len(self._alignments) == 1:
            self._alignments[0].add_rows(batch.rows)
        else:
            split: list[list[Row]] = [[] for _ in self._alignments]
            for row in batch.rows:
                split[self._of_table[row[TABLE]]].append(row)
            for alignment, rows in zip(self._alignments, split, strict=True):
                if rows:
                    alignment.add_rows(rows)
        for bad in batch.bad:
            number = self._of_table[bad.table] if bad.table >= 0 else -1 - bad.table
            if bad.table >= 0:
                self._alignments[number].add_bad(bad)
            elif bad.topic == self._sources[number].transaction_topic:
                self._alignments[number].ends.add_spoilt(bad)
            else:
                self._given_up.append((number, bad))
                self._other_offsets[bad.topic, bad.partition] = bad.offset + 1
        for table, partition in batch.reached:
            self._alignments[self._of_table[table]].reach_end(table, partition)
        for number, ended in groupby(batch.ends, itemgetter(0)):
            self._alignments[number].add_ends([end for _, end in ended])
        for number, notice, offset in batch.notices:
            self._snapshots.note(number, notice)
            self._repairs.note(self._sources[number].name, notice)
            self._other_offsets[self._sources[number].notification_topic, 0] = offset + 1

    def _resolve(self, number: int, released: Released, per_shard: dict[int, list[Transaction]], step: Step) -> None:
        source = self._sources[number].name
        rows = released.rows
        if not self._live:
            self._snapshots.count(number, rows, self._rows_of, self._identity.knows)
        if self._silent:
            rows = self._of_partitions(number, rows)
        found = self._identity.resolve(rows, source, released.position, released.time_ms)
        if found.links:
            self._aside.links(found.links, step.facts)
        arriving = self._follow(number, released, found, len(rows), step)
        self._hand_out(of_values(Transaction, (source, released.position, released.time_ms, found.changes)), per_shard)
        for transaction in arriving:
            self._hand_out(transaction, per_shard)

    def _follow(self, number: int, released: Released, found: Resolved, rows: int, step: Step) -> list[Transaction]:
        """What a transaction of so many rows does to others: the rows that come to other accounts, in the order they came."""
        source, identity = self._sources[number].name, self._identity
        tally = self._tallies[number]
        tally[0] += 1
        tally[1] += rows
        tally[2] += found.applied
        tally[3] += found.ignored
        arriving: list[Transaction] = []
        if found.moved or found.merged or found.own:
            place = Place(source, released.position, released.time_ms)
            arriving, stranded = self.moves.bring(found, identity, self._names.__getitem__, place, self._told_ms)
            for row in stranded:
                self._count("applied", -1, self._source_of[row.source])
            for merged in found.merged:
                step.merged.setdefault(self._router.shard(merged.account), []).append(merged)
        if found.let_go or found.waiting or found.superseded:
            over = [waiting for waiting, _ in found.let_go] + found.superseded
            self._aside.update(over, found.waiting, step.facts, step.exceptions)
        if released.missing or not released.has_end:
            step.exceptions.append(self._repairs.begin(source, released))
        if found.let_go:
            let_go = let_go_transactions(found.let_go)
            for transaction in let_go:
                self._count("applied", len(transaction.changes), self._source_of[transaction.source])
            arriving += let_go
        return arriving

    def _of_partitions(self, number: int, rows: list[Row]) -> list[Row]:
        """Rows of partitions as rows of their table. Tombstones there, and on a shared topic, do not say whose row is gone."""
        kept = [row for row in rows if row[OP] != "t" or row[TABLE] not in self._silent]
        self._count("in", len(rows) - len(kept), number)
        self._count("ignored", len(rows) - len(kept), number)
        return [(self._rows_of.get(row[TABLE], row[TABLE]), *row[1:]) for row in kept]

    def _hand_out(self, transaction: Transaction, per_shard: dict[int, list[Transaction]]) -> None:
        """Split a transaction over the shards of its accounts."""
        if transaction.changes:
            self.moves.add(transaction)
            self._router.split(transaction, per_shard)

    def _count(self, what: str, n: int, number: int) -> None:
        if n:
            name = f"{self._sources[number].name}.{what}"
            self.counts[name] = self.counts.get(name, 0) + n

    def _collect_offsets(self, number: int, alignment: Alignment, step: Step) -> None:
        rows, end = alignment.take_offsets()
        for slot, offset in rows.items():
            step.offsets[self._place(slot)] = offset
        if end is not None:
            step.offsets[self._sources[number].transaction_topic, 0] = end

    def _check_live(self) -> bool:
        went_live = not self._live and self._snapshots.complete
        self._live = self._live or went_live
        return went_live

    def _position(self) -> Position:
        both = list(zip(self._sources, self._alignments, strict=True))
        stored = ({} if self._live else self._snapshots.dump()) | self._repairs.dump()
        return Position(
            {s.name: a.frontier for s, a in both},
            {s.name: a.clock_ms for s, a in both},
            dict(self.counts),
            stored,
            self._live,
        )

    def _route(self, step: Step, per_shard: dict[int, list[Transaction]], went_live: bool) -> None:
        """Every shard that has something to do, and all of them when the clock has moved on."""
        clock = ticked(step.position.clock_ms)
        everyone = went_live or clock > self._ticked_ms
        self._ticked_ms = max(clock, self._ticked_ms)
        self._told_ms = max(clock, self._told_ms)
        for shard in range(self._partitions):
            transactions, merged = per_shard.get(shard), step.merged.get(shard, ())
            if transactions or everyone or merged:
                release = Release(clock, step.position.frontier, transactions or [], self._live, went_live, merged)
                step.releases[shard] = release

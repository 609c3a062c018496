"""What a process of the canonical flow reads back before it works: each topic once, each record parsed once.

The process of the serial part needs the index over all rows, one with shards needs the rows of these; where both are one
process, they come from one reading. It reads after the fence of its start; had another start committed meanwhile, the
sink would refuse this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.capturing.frames import Schemas, learn
from connectors.contracts import Contracts
from connectors.cut_metrics import SERIAL_EXCEPTIONS, OpenRecords
from connectors.facts import Fact
from connectors.kafka.restore import latest_of
from connectors.laps import Laps
from dataflows import bootstrap, collector
from dataflows.identity_restore import Index, hand_out, head_of
from dataflows.settings import Settings
from state.folding.notes import Note
from state.model import Model
from state.resolving.carried import bare
from state.resolving.identity import Identity
from state.row import FRAME
from state.shard import Shard
from state.step import Position, ticked

#: phases of a start that are told of reading back
RESTORING = ("read", "rows", "ready")


class RestoredShard(NamedTuple):
    """A shard as the last cut left it, and its open intents and exceptions, which are counted on."""

    shard: Shard
    open: OpenRecords


@dataclass(slots=True)
class Restored:
    """What one process works on. `identity` is None, and `exceptions` of the serial step are not there, where that is not."""

    identity: Identity | None = None
    shards: dict[int, RestoredShard] = field(default_factory=dict)
    exceptions: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    rows: int = 0


class Restore:
    """One process's reading. `mine` are its shards, `serial` says whether the serial part is its work, too."""

    def __init__(
        self, settings: Settings, model: Model, contracts: Contracts, known: Schemas, mine: Iterable[int], serial: bool
    ) -> None:
        self._settings, self._model, self._contracts, self._known = settings, model, contracts, known
        self._mine, self._serial = sorted(mine), serial
        self._tables = {table.topic: table.index for table in model.tables}
        every = range(settings.partitions)
        self._facts = [(f"{settings.prefix}facts", n) for n in (every if serial else self._mine)]
        self._intents = [(contracts.topic("intent"), n) for n in self._mine]
        self._exceptions = [(contracts.topic("exception"), n) for n in (every if serial else self._mine)]

    def run(self, start: Position, stopping: Callable[[], bool], laps: Laps) -> Restored | None:
        """All of it; None if a stop is asked for meanwhile."""
        out = Restored()
        live = latest_of(self._settings.kafka, [*self._facts, *self._intents, *self._exceptions], stopping)
        if live is None:
            return None
        laps.lap("read")
        opener = bootstrap.shards(self._settings, self._model, self._known)
        out.shards = {number: RestoredShard(opener(), OpenRecords()) for number in self._mine}
        heads: set[bytes] = set()
        index = Index(self._model) if self._serial else None
        for place in self._facts:
            if stopping():
                return None
            found = live.pop(place)
            out.rows += len(found)
            self._hand_out(found, index, out.shards.get(place[1]), heads)
        if index is not None:
            out.identity = index.identity()
            heads.update(head_of(bare(waiting.row[FRAME])) for waiting in out.identity.waiting_rows())
        laps.lap("rows")
        for place in self._intents:
            self._load_intents(live[place].values(), out.shards[place[1]])
        for place in self._exceptions:
            self._load_exceptions(live[place], out, out.shards.get(place[1]))
        for one in out.shards.values():
            one.shard.load_clock(ticked(start.clock_ms))
        learn(self._known, heads)  # rows are decoded when they are first touched, perhaps in an outage of the registry
        collector.keep()
        laps.lap("ready")
        return out

    def _hand_out(
        self, live: dict[bytes, bytes], index: Index | None, mine: RestoredShard | None, heads: set[bytes]
    ) -> None:
        """The live facts of one partition."""
        shard = None if mine is None else mine.shard

        def other(fact: Fact, note: Note | None) -> None:
            if index is not None:
                index.other(fact, note)
            if shard is not None and note is not None:
                shard.load_note(note)

        enter = None if index is None else index.row
        heads |= hand_out(live, self._tables, enter, None if shard is None else shard.load, other)

    def _load_intents(self, values: Iterable[bytes], mine: RestoredShard) -> None:
        for value in values:
            intent = self._contracts.read(value)
            if intent["state"] in ("settling", "wanted"):
                mine.shard.load_intent(intent)
                mine.open.intent(intent["id"], intent)

    def _load_exceptions(self, records: dict[bytes, bytes], out: Restored, mine: RestoredShard | None) -> None:
        """Those of the serial step are its own, all others those of a shard."""
        for name, value in records.items():
            if name.startswith(SERIAL_EXCEPTIONS):
                if self._serial:
                    out.exceptions[name] = self._contracts.read(value)
            elif mine is not None:
                exception = self._contracts.read(value)
                mine.shard.load_exception(exception)
                mine.open.exception(name.decode(), exception)

"""A whole Concord in memory over hand-made wire bytes: schemas, mappings and events in, encoded records out.

Everything between is the product's own: peek, align, resolve, decode, map, fold, view, compare, encode. `restart` throws
the state away and reads it back from the compacted facts, as a new process does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from connectors.capturing.column_types import fields_of
from connectors.capturing.debezium import Decoder, LastCommit, Peek
from connectors.contracts import Contracts
from connectors.facts import read_fact, read_note, waiting_record
from connectors.mappings.checking.recorded import RecordedEvent
from connectors.mappings.loading import load_model
from connectors.mappings.ownership import load_rules
from connectors.registry import Registry
from dataflows.encode import Encoder
from dataflows.identity_restore import index_of
from dataflows.read_back import stored_rows, stored_under
from state.output import Output
from state.process import State, process
from state.resolving.identity import Identity
from state.resolving.moves import Moves, StoredRow
from state.resolving.resolved import Moved
from state.routing import partition_of
from state.row import Release
from state.rules import Rules
from state.sequencer import Sequencer
from state.shard import Shard
from state.step import Batch, Position, Step, ticked
from tests.connectors.events import envelope
from tests.scenarios.cases.capture import Capture, Event

ROOT = Path(__file__).parents[3]


class Published(NamedTuple):
    """One record of an output topic; `body` None is a tombstone."""

    kind: str
    partition: int
    key: str
    body: Any


class Wire(Capture):
    """`mappings`: source -> text of its mapping.yaml; `tables`: topic -> (key columns, {column: Avro type})."""

    def __init__(
        self,
        folder: Path,
        mappings: Mapping[str, str],
        tables: Mapping[str, tuple[tuple[str, ...], Mapping[str, Any]]],
        *,
        rules: Rules | None = None,
        shards: int = 4,
        shape: Callable[..., Any] = envelope,
    ) -> None:
        """Load the mappings and register the tables' schemas."""
        super().__init__(tables, shape)
        self.folder, self.sources, self.shards = folder, tuple(mappings), shards
        self._rules = rules or load_rules(ROOT / "debezium" / "ownership.yaml")
        self.log: list[Published] = []
        self.facts: dict[tuple[int, bytes], bytes] = {}
        self.steps: list[Step] = []
        self._ends: dict[tuple[str, int], int] = {}
        self.shard_parked: dict[str, int] = {}
        self.remap(mappings)

    def remap(self, mappings: Mapping[str, str]) -> None:
        """Start (again) with these mappings."""
        for source, text in mappings.items():
            (self.folder / source).mkdir(exist_ok=True)
            (self.folder / source / "mapping.yaml").write_text(text)
        self.model = load_model(self.folder, self.sources)
        self.restart()

    def restart(self) -> None:
        """A new process: everything it knows comes from the facts, the intents and the last step."""
        decoder = Decoder(self.registry, fields=fields_of(self.model))
        self.decoder, self.peek = decoder, Peek(self.registry, self.model)
        self.contracts = Contracts(cast("Registry", self.registry), ROOT / "avro", "concord.")
        self._encoder = [Encoder(self.contracts, self.model, "facts", "canonical") for _ in range(self.shards)]
        position = self.steps[-1].position if self.steps else Position(live=True)
        identity = Identity(self.model.tables)
        if self.facts:
            identity = index_of(self.model, ((n, key, value) for (n, key), value in self.facts.items()))
        moves = Moves(self._read_back)
        sequencer = Sequencer(self.model, identity, self.shards, position, LastCommit(self.registry), None, moves)
        self.state = State(sequencer, self._open)

    def _read_back(self, moved: Sequence[Moved]) -> dict[tuple[int, str], StoredRow]:
        found: list[tuple[tuple[int, str], bytes, bytes]] = []
        for row in moved:
            partition = partition_of(row.was, self.shards)
            for key in stored_under(self.model.tables[row.table].topic, row.key):
                if (value := self.facts.get((partition, key))) is not None:
                    found.append(((row.table, row.key), key, value))
        return stored_rows(found)

    def _open(self, number: int) -> Shard:
        shard = Shard(self.model, self.decoder.row, self._rules, reencode=self.decoder.reencode)
        index = {table.topic: table.index for table in self.model.tables}
        for (partition, key), value in self.facts.items():
            fact = read_fact(key, value)
            if partition == number and fact.account and fact.topic in index:
                shard.load(fact.account, index[fact.topic], fact.key, fact.position, fact.time_ms, fact.frame)
            elif partition == number and (note := read_note(fact)) is not None:
                shard.load_note(note)
        for exception in self.live("exception").values():
            if partition_of(exception["account"], self.shards) == number:
                shard.load_exception(exception)
        for intent in self.live("intent").values():
            mine = partition_of(intent["account_id"], self.shards) == number
            if mine and intent["state"] in ("settling", "wanted"):
                shard.load_intent(intent)
        clocks = self.steps[-1].position.clock_ms if self.steps else {}
        shard.load_clock(ticked(clocks))
        return shard

    def commit(self, *events: Event, source: str = "billing", after_ms: int = 1000) -> list[Published]:
        """Write one transaction and process it at once; what was published for it."""
        return self.feed(self.transaction(*events, source=source, after_ms=after_ms))

    def feed(self, messages: Iterable[RecordedEvent]) -> list[Published]:
        """Process messages as one poll, in the order given; offsets are given out here."""
        placed = []
        for message in messages:
            place = message.topic_name, message.partition_number
            offset = self._ends[place] = self._ends.get(place, -1) + 1
            placed.append(message._replace(offset_number=offset))
        batch: Batch = self.peek.batch(placed)
        outputs = process(batch, self.state)
        start = len(self.log)
        if outputs.step is not None:
            self._step(outputs.step)
            for number, output in outputs.shards.items():
                self._publish(number, output, outputs.step.releases[number])
        return self.log[start:]

    def _step(self, step: Step) -> None:
        self.steps.append(step)
        self.state.sequencer.moves.committed()
        for partition, table, row, waiting in step.facts:
            self._store(partition, *waiting_record(self.model.tables[table].topic, row, waiting))
        for name, body in step.exceptions:
            self.log.append(Published("exception", 0, name, body))
        for bad in step.parked:
            self.log.append(Published("parked", 0, bad.topic, bad))

    def _publish(self, number: int, output: Output, release: Release) -> None:
        encoded = self._encoder[number].encode(number, release, output)
        kinds = {self.contracts.topic(kind): kind for kind in ("intent", "exception", "parked", *OBJECTS)}
        for topic, partition, key, value in encoded.records:
            body = None if value is None else self.contracts.read(value)
            self.log.append(Published(kinds[topic], partition, (key or b"").decode(), body))
        for _topic, partition, key, value in encoded.internal:
            self._store(partition, key or b"", value)
        for (source, _code), n in encoded.parked.items():
            self.shard_parked[source] = self.shard_parked.get(source, 0) + n

    def _store(self, partition: int, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.facts.pop((partition, key), None)
        else:
            self.facts[partition, key] = value

    def live(self, kind: str) -> dict[str, Any]:
        """What a reader of the compacted topic has at the end; a tombstone ends what its own partition said."""
        found: dict[tuple[int, str], Any] = {}
        for one in self.log:
            if one.kind == kind:
                found.pop((one.partition, one.key), None)
                if one.body is not None:
                    found[one.partition, one.key] = one.body
        return {key: body for (_, key), body in found.items()}

    def versions(self, kind: str, key: str) -> list[Any]:
        """Every published version of an object, tombstones as None."""
        return [one.body for one in self.log if (one.kind, one.key) == (kind, key)]

    def parked(self) -> list[Any]:
        """Parked records: dictionaries, or BadFrame where the frame could not even be peeked."""
        return [one.body for one in self.log if one.kind == "parked"]

    def counts(self, source: str = "billing") -> dict[str, int]:
        """in, applied, ignored and parked, as the progress record gives them."""
        raw = self.state.sequencer.counts
        shard = self.shard_parked.get(source, 0)
        names = ("in", "applied", "ignored", "parked")
        found = {name: raw.get(f"{source}.{name}", 0) for name in names}
        return found | {"applied": found["applied"] - shard, "parked": found["parked"] + shard}


OBJECTS = (
    "account", "subscription", "usage", "invoice", "payment", "refund", "credit", "case", "entitlement", "change",
)  # fmt: skip

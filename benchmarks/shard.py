"""`python -m benchmarks.shard`: microseconds a change of every stage of the canonical flow, without Kafka, as JSON.

The frames are those of the workload 'account view', in polls as large as the flow's; the contracts are the published
ones. Each number is CPU time, the best of several passes over everything, each with a new state. `digest` says what was
encoded: two versions of the code with the same digest publish the same bytes.
"""

from __future__ import annotations

import argparse
import gc
import json
import pickle
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import Any, TypeVar

from confluent_kafka import Message

from benchmarks.envelopes import DebeziumWriter, key_schema, topic_of, value_schema
from benchmarks.flow import SOURCE_NAMES, SOURCES_DIR
from benchmarks.shape import Shape
from benchmarks.workload import Workload
from connectors import compiled_state
from connectors.avro import frame_prefix, native
from connectors.capturing.debezium import Decoder, LastCommit, Peek
from connectors.capturing.mapped_rows import MappedRows
from connectors.contracts import Contracts
from connectors.mappings.loading import load_model
from connectors.mappings.ownership import load_rules
from connectors.registry import Registry
from dataflows import collector
from dataflows.encode import Encoder, ShardRecords
from state.model import Model
from state.resolving.identity import Identity
from state.row import Release
from state.sequencer import Sequencer
from state.shard import Shard
from state.step import Batch, Position

Crossing = TypeVar("Crossing", Release, ShardRecords)

CHANGES = 40_000
PASSES = 3
POLL = 2000
PARTITIONS = 4
CONTRACTS = Path(__file__).parents[1] / "avro"


class SchemasAlone(Registry):
    """No registry: ids of the workload's schemas are 2 * kind for keys, 2 * kind + 1 for values; contracts count on."""

    def schema(self, schema_id: int) -> Any:
        """The schema of an id."""
        kind, is_value = divmod(schema_id, 2)
        return value_schema(kind) if is_value else key_schema(kind)

    def register(
        self, subject: str, schema: Any, references: Sequence[dict[str, Any]] = (), compatibility: str | None = None
    ) -> int:
        """The same id for every contract: nobody reads them here."""
        return 100


def polls(changes: int, accounts: int) -> list[list[Message]]:
    """The workload's records as a consumer hands them out."""
    writer = DebeziumWriter()
    out: list[Message] = []
    for transaction in Workload(Shape(changes, accounts)).transactions():
        for body in writer.write(transaction)[1]:
            key = frame_prefix(2 * body.kind) + body.key
            value = None if body.value is None else frame_prefix(2 * body.kind + 1) + body.value
            topic = topic_of(body.kind, SOURCE_NAMES)
            out.append(Message(topic=topic, partition=0, offset=len(out), key=key, value=value))
    return [out[start : start + POLL] for start in range(0, len(out), POLL)]


class Pass:
    """One pass over everything with a new state; `us` is the time per stage."""

    def __init__(self, registry: Registry, model: Model, hot_max: int | None = None) -> None:
        """Everything as the flow builds it; `hot_max` accounts a shard stay objects."""
        self._hot_max = hot_max
        self._registry = registry
        self._model = model
        self._contracts = Contracts(registry, CONTRACTS, "concord.")
        self._contracts.register()
        self._rules = load_rules(SOURCES_DIR / "ownership.yaml")
        self.seconds: dict[str, float] = {}
        self.changes = self.records = 0
        self._digest = sha256()

    def run(self, messages: list[list[Message]]) -> None:
        """All stages, one after the other."""
        batches = self._peek(messages)
        releases = self._sequence(batches)
        self.changes = sum(len(t.changes) for _, release in releases for t in release.transactions)
        self._decode(releases)
        for _, release in releases:
            self._cross(release)
        self._shards(releases)

    def _clock(self, stage: str, since: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + process_time() - since

    def _peek(self, messages: list[list[Message]]) -> list[Batch]:
        peek = Peek(self._registry, self._model)
        started = process_time()
        batches = [peek.batch(poll) for poll in messages]
        self._clock("peek", started)
        return batches

    def _sequence(self, batches: list[Batch]) -> list[tuple[int, Release]]:
        identity = Identity(self._model.tables)
        sequencer = Sequencer(self._model, identity, PARTITIONS, Position(), LastCommit(self._registry))
        started = process_time()
        steps = [step for batch in batches if (step := sequencer.advance(batch)) is not None]
        self._clock("align, resolve, route", started)
        return [(shard, release) for step in steps for shard, release in step.releases.items()]

    def _decode(self, releases: list[tuple[int, Release]]) -> None:
        """Decoding and mapping alone; both are part of the next stage as well."""
        decode = MappedRows(self._registry, self._model)
        mappers = [table.object.mapper if table.object else None for table in self._model.tables]
        started = process_time()
        for _, release in releases:
            for transaction in release.transactions:
                for change in transaction.changes:
                    if change[4] and (row := decode(change[1], change[4])) is not None:
                        mapper = mappers[change[1]]
                        if mapper is not None:
                            mapper(row, transaction[1], transaction[2])
        self._clock("decode, map (alone)", started)

    def _cross(self, item: Crossing) -> Crossing:
        """To another process and out of it, as the engine does it."""
        started = process_time()
        crossed: Crossing = pickle.loads(pickle.dumps(item))
        self._clock("cross (two processes)", started)
        return crossed

    def _shards(self, releases: list[tuple[int, Release]]) -> None:
        """Fold, view, compare, then encode, release by release as in the flow."""
        decoder, mapped = Decoder(self._registry), MappedRows(self._registry, self._model)
        shards = [
            Shard(
                self._model, decoder.row, self._rules, reencode=decoder.reencode, mapped=mapped, hot_max=self._hot_max
            )
            for _ in range(PARTITIONS)
        ]
        encoders = [Encoder(self._contracts, self._model, "concord.facts", "bench") for _ in range(PARTITIONS)]
        gc.collect()
        gc.freeze()
        for number, release in releases:
            started = process_time()
            out = shards[number].apply(release, encoders[number].output())
            self._clock("shard", started)
            started = process_time()
            encoded = encoders[number].encode(number, release, out)
            self._clock("encode", started)
            encoded = self._cross(encoded)
            started = process_time()
            collector.tidy()
            self._clock("tidy", started)
            self.records += len(encoded.records) + len(encoded.internal)
            self._digest.update(repr((encoded.records, encoded.internal, encoded.parked)).encode())
        gc.unfreeze()

    @property
    def digest(self) -> str:
        """Of every record, in order."""
        return self._digest.hexdigest()[:32]


def measure(changes: int, accounts: int, passes: int, hot: int | None = None) -> dict[str, Any]:
    """The best time of every stage, in microseconds a change."""
    registry, model = SchemasAlone("http://none"), load_model(SOURCES_DIR, SOURCE_NAMES)
    collector.begin()
    messages = polls(changes, accounts)
    gc.collect()
    gc.freeze()
    runs = []
    for _ in range(passes):
        runs.append(Pass(registry, model, None if hot is None else hot // PARTITIONS))
        runs[-1].run(messages)
    first = runs[0]
    stages = {stage: round(min(run.seconds[stage] for run in runs) / first.changes * 1e6, 2) for stage in first.seconds}
    return {
        "changes": first.changes,
        "accounts": accounts,
        "hot_accounts": accounts if hot is None else hot,
        "records": first.records,
        "python": sys.version.split()[0],
        "codec": native.codec(),
        "state": compiled_state.kind(),
        "us_per_change": {**stages, "shard and encode": round(stages["shard"] + stages["encode"], 2)},
        "digest": first.digest,
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shard", description=__doc__)
    parser.add_argument("--changes", type=int, default=CHANGES, help="row changes")
    parser.add_argument("--accounts", type=int, default=CHANGES // 10, help="accounts")
    parser.add_argument("--passes", type=int, default=PASSES, help="the best of so many passes counts")
    parser.add_argument("--hot", type=int, help="accounts that stay objects; all, if it is not given")
    given = parser.parse_args()
    json.dump(measure(given.changes, given.accounts, given.passes, given.hot), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()

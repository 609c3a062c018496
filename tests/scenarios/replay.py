"""Replays a recording through the whole pure path and keeps what every cut published."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import yaml

from connectors.capturing.debezium import Decoder, LastCommit, Peek
from connectors.mappings.checking.recorded import RecordedEvent
from connectors.mappings.loading import load_model
from state.output import Output
from state.process import State, process
from state.resolving.identity import Identity
from state.rules import Rules
from state.sequencer import Sequencer
from state.shard import Shard
from state.step import Position
from tests.connectors.recording import recording

MAPPING = Path(__file__).parents[1] / "recorded" / "sources" / "mapping.yaml"
Published = tuple[str, str, dict[str, Any] | None]


class Replay:
    """One run over the recording's tables that `tables` names (others are not captured in this run)."""

    def __init__(self, name: str, folder: Path, tables: Iterable[str]) -> None:
        self._recording = recording(name)
        mapping = yaml.safe_load(MAPPING.read_text())
        mapping["tables"] = {t: spec for t, spec in mapping["tables"].items() if t in set(tables)}
        (folder / "billing").mkdir()
        (folder / "billing" / "mapping.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))
        self.model = load_model(folder, ("billing",))
        registry = self._recording.registry
        self._registry = registry
        registry.schemas = registry.schemas | recording("main").schemas
        self._peek = Peek(registry, self.model)
        self.decoder = Decoder(registry)
        rules = Rules(1, ("none", "standard", "premium"), "finance", ())
        sequencer = Sequencer(self.model, Identity(self.model.tables), 1, Position(live=True), LastCommit(registry))
        self.state = State(
            sequencer,
            lambda _n: Shard(self.model, self.decoder.row, rules, reencode=self.decoder.reencode, coalesce=False),
        )
        self.log: list[Published] = []
        self.overrides: dict[tuple[int, str], bytes] = {}
        self.released: list[int] = []

    def run(self, rng: Random, batch: int = 500) -> None:
        """Everything, partitions merged in a random order that keeps each partition's own."""
        topics = {t.topic for t in self.model.tables} | {"billing.transaction"}
        queues: dict[tuple[str, int], list[RecordedEvent]] = {}
        # the shorter recordings are of the same run but lack the account rows
        for message in {*self._recording.messages, *recording("main").topics(r"billing\.b\.accounts")}:
            if message.topic_name in topics:
                queues.setdefault((message.topic_name, message.partition_number), []).append(message)
        for queue in queues.values():
            queue.sort(key=lambda m: m.offset_number)
        merged: list[RecordedEvent] = []
        left = [list(reversed(queues[place])) for place in sorted(queues)]
        while left := [q for q in left if q]:
            merged.append(rng.choice(left).pop())
        for start in range(0, len(merged), batch):
            self._feed(merged[start : start + batch])

    def _feed(self, messages: list[RecordedEvent]) -> None:
        outputs = process(self._peek.batch(messages), self.state)
        if outputs.step:
            self.released += [len(t.changes) for r in outputs.step.releases.values() for t in r.transactions]
        for output in outputs.shards.values():
            self._keep(output)

    def _keep(self, output: Output) -> None:
        self.overrides |= output.facts_override
        self.log += [(name, key, body) for name, key, _account, body in output.records if name != "change"]

    def latest(self, name: str) -> dict[str, dict[str, Any]]:
        """Live records of an object at the end."""
        live: dict[str, dict[str, Any]] = {}
        for kind, key, body in self.log:
            if kind == name:
                live.pop(key, None)
                if body is not None:
                    live[key] = body
        return live

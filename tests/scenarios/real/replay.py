"""Replays the recordings together; every transaction is a cut, and what it published stays with its number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

from connectors.avro import compile_writer, frame_prefix
from connectors.mappings.checking.recorded import RecordedEvent
from state.rules import Rules
from tests.scenarios.cases.capture import BOUNDARY_ID
from tests.scenarios.cases.wire import Published, Wire
from tests.scenarios.real.recordings import FILES, Act, Change, acts, mapping_text, tables

ACCOUNT = "acct_f1"
TIERS = ("none", "standard", "premium", "enterprise")


class Replay(Wire):
    """One run. `cuts`: (source, number of the transaction) -> what its cut published."""

    def __init__(self, folder: Path, rules: Rules | None = None) -> None:
        """`rules`: none at all unless given."""
        super().__init__(
            folder,
            {name: mapping_text(name) for name in FILES},
            tables(),
            rules=rules or Rules(1, TIERS, "finance", ()),
            shards=1,
        )
        self._writers: dict[int, Callable[[Any], bytes]] = {}
        self.cuts: dict[tuple[str, int], list[Published]] = {}

    def run(self, order: Iterable[Act]) -> Replay:
        """Process transactions one by one."""
        for act in order:
            messages = [self._message(change) for change in act.changes]
            end = RecordedEvent(f"{act.source}.transaction", 0, 0, None, self._write(BOUNDARY_ID, act.end))
            self.cuts[act.source, act.txid] = self.feed([*messages, end])
        return self

    def _write(self, number: int, body: dict[str, Any]) -> bytes:
        if number not in self._writers:
            self._writers[number] = compile_writer(self.registry.schemas[number], frame_prefix(number))
        return self._writers[number](body)

    def _message(self, change: Change) -> RecordedEvent:
        key = self._write(self.key_ids[change.topic], change.key)
        if change.value is None:
            return self.message(change.topic, key, None)
        number = self.values[change.topic]
        schema = self.registry.schemas[number]
        source = next(field["type"]["fields"] for field in schema["fields"] if field["name"] == "source")
        own = {field["name"] for field in source}
        columns = [field["name"] for field in schema["fields"][0]["type"][1]["fields"]]
        top = {field["name"] for field in schema["fields"]}
        body = {name: value for name, value in change.value.items() if name in top}
        body["source"] = {name: value for name, value in body["source"].items() if name in own}
        for image in ("before", "after"):
            if body[image] is not None:
                body[image] = {name: body[image].get(name) for name in columns}
        return self.message(change.topic, key, self._write(number, body))

    def at(self, source: str, txid: int) -> dict[tuple[str, str], Any]:
        """What readers have after a transaction's cut: (kind, key) -> record."""
        found: dict[tuple[str, str], Any] = {}
        for place, published in self.cuts.items():
            for one in published:
                found.pop((one.kind, one.key), None)
                if one.body is not None:
                    found[one.kind, one.key] = one.body
            if place == (source, txid):
                return found
        raise KeyError(f"no transaction {txid} of {source}")

    def versions_of(self, kind: str, key: str, *fields: str) -> list[tuple[int, Any]]:
        """(transaction, values of the fields) of an object whenever they changed; None is a tombstone."""
        found: list[tuple[int, Any]] = []
        for (_, txid), published in self.cuts.items():
            for one in published:
                if (one.kind, one.key) == (kind, key):
                    values = None if one.body is None else tuple(one.body[field] for field in fields)
                    if not found or found[-1][1] != values:
                        found.append((txid, values))
        return found


def by_time() -> list[Act]:
    """All transactions as they were committed: the ERP first, then billing, then support."""
    return sorted((act for source in FILES for act in acts(source)), key=lambda act: act.time_ms)


def interleaved(rng: Random) -> list[Act]:
    """Another merge of the three: each source keeps its own order."""
    left = [list(reversed(acts(source))) for source in FILES]
    merged: list[Act] = []
    while left := [queue for queue in left if queue]:
        merged.append(rng.choice(left).pop())
    return merged

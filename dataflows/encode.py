"""A shard's output as records of the output topics: encoded, placed in the shard's partition."""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.contracts import Contracts
from connectors.facts import fact_key, fact_value
from connectors.kafka.transactor import Record
from connectors.log import logger
from state.model import Model
from state.output import Output, ParkedChange
from state.row import BadFrame, Release

#: digests of the newest published versions that are remembered, per shard
REMEMBERED_MAX = 100_000


class ShardRecords(NamedTuple):
    """A shard's encoded records of one release, and how many of its rows per (source, code) were parked."""

    frontier: dict[str, int]
    records: list[Record]
    internal: list[Record]
    parked: dict[tuple[str, str], int]


class Encoder:
    """Encodes for one shard. A version that says again what the last one said is not published.

    That happens when transactions of one release undo one another. The memory of digests is bounded; forgetting one
    costs a repeated version, never a wrong one.
    """

    def __init__(self, contracts: Contracts, model: Model, facts: str, flow: str) -> None:
        self._contracts = contracts
        self._model = model
        self._facts = facts
        self._flow = flow
        self._shown: dict[tuple[str, str], int] = {}

    def encode(self, number: int, release: Release, out: Output) -> ShardRecords:
        """Everything that the shard `number` has to say about the release."""
        topic, writer = self._contracts.topic, self._contracts.writer
        records = self._objects(number, out)
        for name, bodies in (("intent", out.intents), ("exception", out.exceptions)):
            for key, body in bodies:
                records.append((topic(name), number, key.encode(), None if body is None else writer(name)(body)))
        parked: dict[tuple[str, str], int] = {}
        for one in out.parked:
            parked[one.source, one.code] = parked.get((one.source, one.code), 0) + 1
            records.append((topic("parked"), number, one.change.key.encode(), self._parked(one)))
        return ShardRecords(release.frontier, records, self._rows(number, release, out), parked)

    def _objects(self, number: int, out: Output) -> list[Record]:
        topic, writer, shown = self._contracts.topic, self._contracts.writer, self._shown
        if len(shown) > REMEMBERED_MAX:
            shown.clear()
        records: list[Record] = []
        for name, key, _account, body in out.records:
            if body is None:
                shown.pop((name, key), None)
                records.append((topic(name), number, key.encode(), None))
                continue
            value = writer(name)(body)
            if name != "change":
                digest = hash(value)
                if shown.get((name, key)) == digest:
                    continue
                shown[name, key] = digest
            records.append((topic(name), number, key.encode(), value))
        return records

    def _parked(self, one: ParkedChange) -> bytes:
        change = one.change
        topic = self._model.tables[change.table].topic
        logger(self._flow).warning(
            "parked",
            account=change.account,
            topic=topic,
            partition=change.partition,
            offset=change.offset,
            code=one.code,
            reason=one.reason,
        )
        body = {
            "source": one.source,
            "topic": topic,
            "partition": change.partition,
            "offset": change.offset,
            "key": None,
            "account": change.account,
            "row": change.key,
            "position": one.position,
            "code": one.code,
            "reason": one.reason,
            "time_ms": 0,
            "frame": change.frame,
        }
        return self._contracts.writer("parked")(body)

    def _rows(self, number: int, release: Release, out: Output) -> list[Record]:
        """The rows as captured: the state that a restart reads."""
        facts: list[Record] = []
        topic, tables, override = self._facts, self._model.tables, out.facts_override
        for transaction in release.transactions:
            position, time_ms = transaction.position, transaction.time_ms
            for account, table, kind, key, frame, link, _partition, _offset in transaction.changes:
                value = None
                if kind != "d":
                    image = override.get((table, key), frame) if override else frame
                    value = fact_value(account, link, position, time_ms, image)
                facts.append((topic, number, fact_key(tables[table].topic, key), value))
        return facts


def bad_frame_body(source: str, bad: BadFrame) -> dict[str, Any]:
    """A record of the parked topic for a captured record that could not even be peeked."""
    return {
        "source": source,
        "topic": bad.topic,
        "partition": bad.partition,
        "offset": bad.offset,
        "key": bad.key,
        "account": None,
        "row": None,
        "position": None,
        "code": bad.code,
        "reason": bad.reason,
        "time_ms": bad.time_ms,
        "frame": bad.frame,
    }

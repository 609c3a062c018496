"""A shard's output as records of the output topics: encoded, placed in the shard's partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from connectors.contracts import Contracts
from connectors.facts import fact_key, fact_writer, note_record
from connectors.kafka.transactor import Record
from connectors.log import logger
from state.model import Model
from state.output import Output, ParkedChange
from state.resolving.moves import MOVED
from state.row import BadFrame, Release

#: digests of the newest published versions that are remembered, per shard
REMEMBERED_MAX = 50_000


class ShardRecords(NamedTuple):
    """A shard's encoded records of one release, and how many of its rows per (source, code) were parked."""

    frontier: dict[str, int]
    records: list[Record]
    internal: list[Record]
    parked: dict[tuple[str, str], int]


class _Contract(NamedTuple):
    """What is asked of a contract for every record: its topic, its writer, digests of the newest versions by key."""

    topic: str
    write: Callable[[dict[str, Any]], bytes]
    shown: dict[str, int]


class _AtOnce(list[tuple[str, str, str, Any]]):
    """Records that become bytes as they are told: those of a whole release would not stay in the processor's cache."""

    def __init__(self, write: Callable[[str, dict[str, Any]], bytes]) -> None:
        super().__init__()
        self._write = write

    def append(self, record: tuple[str, str, str, Any]) -> None:
        """One record."""
        name, key, account, body = record
        super().append(record if body is None else (name, key, account, self._write(name, body)))

    def extend(self, records: Iterable[tuple[str, str, str, Any]]) -> None:
        """Several, in order."""
        for record in records:
            self.append(record)


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
        self._fact_value = fact_writer()
        self._fact_keys = [fact_key(table.topic, "") for table in model.tables]
        self._of: dict[str, _Contract] = {}

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
        return ShardRecords(release.frontier, records, self.facts(number, release, out), parked)

    def output(self) -> Output:
        """For a shard to tell its records in."""
        return Output(records=_AtOnce(self._write))

    def _write(self, name: str, body: dict[str, Any]) -> bytes:
        return (self._of.get(name) or self._contract(name)).write(body)

    def _objects(self, number: int, out: Output) -> list[Record]:
        known = self._of
        if sum([len(contract.shown) for contract in known.values()]) > REMEMBERED_MAX:
            for contract in known.values():
                contract.shown.clear()
        records: list[Record] = []
        for name, key, _account, body in out.records:
            topic, write, shown = known.get(name) or self._contract(name)
            if body is None:
                shown.pop(key, None)
                records.append((topic, number, key.encode(), None))
                continue
            value = body if body.__class__ is bytes else write(body)
            if name != "change":
                digest = hash(value)
                if shown.get(key) == digest:
                    continue
                shown[key] = digest
            records.append((topic, number, key.encode(), value))
        return records

    def _contract(self, name: str) -> _Contract:
        """At the first record of the contract."""
        found = self._of[name] = _Contract(self._contracts.topic(name), self._contracts.writer(name), {})
        return found

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

    def facts(self, number: int, release: Release, out: Output) -> list[Record]:
        """The rows as captured: the state that a restart reads."""
        facts: list[Record] = []
        topic, prefixes, override, own_times = self._facts, self._fact_keys, out.facts_override, out.own_times
        fact_value = self._fact_value
        for _source, position, time_ms, changes in release.transactions:
            for account, table, kind, key, frame, link, _partition, _offset in changes:
                value = None
                if kind != "d":
                    image = override.get((table, key), frame) if override else frame
                    at_ms = own_times.get((table, key), time_ms) if own_times and kind == MOVED else time_ms
                    value = fact_value(account, link, position, at_ms, image)
                facts.append((topic, number, prefixes[table] + key.encode(), value))
        for note in out.notes:
            facts.append((topic, number, *note_record(note)))
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

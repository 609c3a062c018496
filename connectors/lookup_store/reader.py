"""The look-up store in Redis or Valkey: one account as of one cut, with its frontier and age.

The store itself holds the offsets it was written up to, changed in the same atomic step as the data: a killed store
comes back consistent, an emptied one says so and is rebuilt from Kafka.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from connectors.lookup_store.scripts import APPLY, BEGIN, READ, SWEEP
from connectors.lookup_store.store_state import LIVE, StoreState, parse_state
from connectors.unreachable import Unreachable
from state.cuts import Progress

#: how long a deletion is remembered, so that a late older write cannot revive the record (docs/topics.md)
GRAVE_MS = 24 * 3600 * 1000
#: records and bytes that one atomic step may carry while readers are let in
STEP_RECORDS_MAX = 5_000
STEP_BYTES_MAX = 8 * 1024 * 1024


class LookupRefused(Exception):
    """The store's answer would not be true enough for the reader: too old, below a minimum, or being rebuilt."""


class UnknownAccount(Exception):
    """The view has no such account at the frontier that the store shows."""


class Moved(Exception):
    """Somebody else wrote to the store, or it was emptied: read its state again and continue from there."""


class Versioned(NamedTuple):
    """One record with its version. `record` is JSON text, '' for a tombstone; `account` is '' for a tombstone."""

    object: str
    key: str
    commit: int
    partition: int
    offset: int
    account: str
    record: str


class Answer(NamedTuple):
    """One account: {object: {key: record}}, true of `frontier` {source: position}, and how old that is in ms per source."""

    account: str
    commit: int
    frontier: dict[str, int]
    age_ms: dict[str, int]
    objects: dict[str, dict[str, Any]]


class Lookup:
    """Client of the store; one per process. `prefix` separates installations. Raises Unreachable when it is down."""

    def __init__(self, url: str, prefix: str, timeout_s: float = 5.0) -> None:
        self.url = url
        self._prefix = prefix + "lookup"
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),  # an answer that was lost must show as Moved, not as a second write
        )
        self._apply = self._redis.register_script(APPLY)
        self._begin = self._redis.register_script(BEGIN)
        self._sweep = self._redis.register_script(SWEEP)
        self._read = self._redis.register_script(READ)

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def _unreachable(self, error: redis.RedisError) -> Unreachable:
        return Unreachable(
            "the look-up store (Redis)", self.url, "start it (`concord stack up`) or set CONCORD_REDIS", str(error)
        )

    def state(self) -> StoreState:
        """What the store holds and up to where."""
        try:
            raw = self._redis.hgetall(f"{self._prefix}:state")
        except redis.RedisError as error:
            raise self._unreachable(error) from error
        return parse_state({str(name): str(value) for name, value in raw.items()})

    def evicts(self) -> bool:
        """Whether the server may drop keys on its own: an account would then be missing without a trace."""
        try:
            memory = self._redis.info("memory")
        except redis.RedisError as error:
            raise self._unreachable(error) from error
        return bool(memory.get("maxmemory")) and memory.get("maxmemory_policy") != "noeviction"

    def apply(self, token: str, fields: dict[str, str], records: Iterable[Versioned]) -> tuple[int, int]:
        """Write records and state fields in one atomic step, if the store still is at `token`.

        Returns (written, refused as stale). Raises Moved when the store is elsewhere, Unreachable.
        """
        arguments: list[str | int] = [self._prefix, token, GRAVE_MS, len(fields)]
        for item in fields.items():
            arguments.extend(item)
        for record in records:
            arguments.extend(record)
        try:
            first, second = self._apply(args=arguments)
        except redis.RedisError as error:
            raise self._unreachable(error) from error
        if first == -1:
            raise Moved(f"the look-up store is at step {second!r}, expected {token!r}")
        return first, second

    def begin(self, state: StoreState) -> None:
        """Start an empty generation in place of the one of `state`; readers are refused until it is filled.

        Raises Moved when somebody else was faster, Unreachable.
        """
        generation = uuid.uuid4().hex[:12]
        try:
            if not self._begin(args=[self._prefix, state.token, generation]):
                raise Moved("another writer of the look-up store began a rebuild")
            batch: list[str] = []
            for key in self._redis.scan_iter(match=f"{self._prefix}:*:*", count=1000):
                if not key.startswith(f"{self._prefix}:{generation}:"):
                    batch.append(key)
                if len(batch) == 1000:
                    self._sweep(args=[self._prefix, generation, *batch])
                    batch = []
            self._sweep(args=[self._prefix, generation, *batch])
        except redis.RedisError as error:
            raise self._unreachable(error) from error

    def account(
        self,
        account: str,
        min_frontier: dict[str, int] | None = None,
        max_age_ms: int | None = None,
        now_ms: int | None = None,
    ) -> Answer:
        """One account as of one cut.

        Raises LookupRefused (too old, below `min_frontier`, being rebuilt), UnknownAccount, Unreachable.
        """
        try:
            state_list, fields = self._read(args=[self._prefix, account])
        except redis.RedisError as error:
            raise self._unreachable(error) from error
        state = parse_state(dict(zip(state_list[::2], state_list[1::2], strict=True)))
        if state.state != LIVE or state.progress is None:
            raise LookupRefused(
                "the look-up store is being filled and shows no whole cut yet. Next step: run `concord run lookup` "
                "and ask again when `concord status` shows it live"
            )
        progress = state.progress
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        age = {source: max(0, now - clock) for source, clock in sorted(progress.clock_ms.items())}
        _refuse_old(progress, age, min_frontier or {}, max_age_ms)
        if not fields:
            raise UnknownAccount(f"account {account!r} is not in the view at {progress.frontier}")
        objects: dict[str, dict[str, Any]] = {}
        for name, text in zip(fields[::2], fields[1::2], strict=True):
            kind, _, key = name.partition(" ")
            objects.setdefault(kind, {})[key] = json.loads(text)
        return Answer(account, progress.commit, progress.frontier, age, objects)


def _refuse_old(progress: Progress, age: dict[str, int], minimum: dict[str, int], max_age_ms: int | None) -> None:
    for source, position in minimum.items():
        if source not in progress.frontier:
            raise LookupRefused(
                f"the frontier has no source {source!r} (it has {', '.join(sorted(progress.frontier))}). "
                f"Next step: ask with one of these"
            )
        if progress.frontier[source] < position:
            raise LookupRefused(
                f"{source} is at {progress.frontier[source]}, below the demanded {position}. Next step: ask again later"
            )
    if max_age_ms is None:
        return
    if not age:
        raise LookupRefused("the age of the answer is unknown. Next step: ask again when every source has moved")
    oldest = max(age, key=lambda source: age[source])
    if age[oldest] > max_age_ms:
        raise LookupRefused(
            f"the answer would be {age[oldest]} ms old in {oldest}, demanded are at most {max_age_ms} ms. "
            f"Next step: ask again later, or see `concord status` for what holds {oldest} back"
        )

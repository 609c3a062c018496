"""Keeps the look-up store equal to the canonical topics: whole cuts in, one atomic step each.

The store may be down, killed or emptied and the topics may be made again: the writer always continues from what the
store says it holds, and begins a new generation when that no longer fits the topics.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from confluent_kafka import KafkaException

from connectors import metrics
from connectors.canonical import CanonicalReader, TopicsChanged, TopicsMissing
from connectors.log import logger
from connectors.lookup_store.reader import STEP_BYTES_MAX, STEP_RECORDS_MAX, Lookup, Moved, Versioned
from connectors.lookup_store.store_state import CATCHING_UP, LIVE, StoreState, state_fields
from connectors.registry import RegistryUnavailable
from connectors.unreachable import Unreachable
from state.cuts import Cut, Entry, Progress

#: a store that was left alone for longer is filled anew: compaction may have dropped tombstones that it never saw
#: (half of delete.retention.ms, see connectors/kafka/topics.py)
RESUME_MS_MAX = 12 * 3600 * 1000
_WAIT_SECONDS_MIN, _WAIT_SECONDS_MAX = 0.1, 2.0
_log = logger("lookup")


class Undecodable(Exception):
    """A canonical record cannot be read by its own schema; the message gives topic, partition and offset."""


class Item(NamedTuple):
    """A cut, and the token-chain it was read for: after a step back, older items are void."""

    start: int
    cut: Cut


class LookupWriter:
    """`decode`: Confluent frame -> record. `wait(seconds)` pauses and returns True when the process should end."""

    def __init__(
        self, reader: CanonicalReader, store: Lookup, decode: Callable[[bytes], Any], wait: Callable[[float], bool]
    ) -> None:
        self._reader = reader
        self._store = store
        self._decode = decode
        self._wait = wait
        self._state: StoreState | None = None
        self._start = 0

    @property
    def busy(self) -> bool:
        """Whether a cut is on its way."""
        return self._reader.expects

    def next(self, records_max: int, wait_s: float = 0.0) -> Item | None:
        """The next cut, or None; waits so long where nothing is there, and while a service is down."""
        if self._state is None and not self._patiently(self._resume):
            return None
        try:
            cut = self._reader.poll(records_max, wait_s)
        except TopicsChanged as error:
            self._rebuild("recreated", error)
            return None
        except TopicsMissing as error:
            _log.warning("topics_unknown", cause=str(error))
            self._state = None
            return None
        except KafkaException as error:
            _log.warning("kafka_unreachable", cause=str(error))
            self._wait(_WAIT_SECONDS_MIN)
            return None
        metrics.LOOKUP_HELD_RECORDS.set(self._reader.held_records)
        return None if cut is None else Item(self._start, cut)

    def write(self, item: Item) -> None:
        """Bring one cut into the store; a cut from before a step back is dropped (it will be read again)."""
        if item.start == self._start and self._state is not None:
            self._patiently(lambda: self._write(item.cut))

    def close(self) -> None:
        """Leave Kafka and the store."""
        self._reader.close()
        self._store.close()

    def _patiently(self, act: Callable[[], None]) -> bool:
        """Try until it works, with growing pauses; False when the process should end or the state has moved."""
        pause = _WAIT_SECONDS_MIN
        while True:
            try:
                act()
                return True
            except Moved as error:
                metrics.LOOKUP_RESYNCS.labels("moved").inc()
                _log.warning("store_moved", cause=str(error))
                self._state = None
                return False
            except TopicsChanged as error:
                self._rebuild("recreated", error)
                return False
            except (Unreachable, RegistryUnavailable, TopicsMissing, KafkaException) as error:
                metrics.LOOKUP_UNREACHABLE.inc()
                _log.warning("waiting", cause=str(error), seconds=pause)
                if self._wait(pause):
                    return False
                pause = min(pause * 2, _WAIT_SECONDS_MAX)

    def _resume(self) -> None:
        """Continue from what the store holds; a store that holds nothing begins a generation."""
        if self._store.evicts():
            _log.warning(
                "store_evicts", next_step="set maxmemory-policy noeviction: an evicted account would be missing"
            )
        state = self._store.state()
        outdated = bool(state.offsets) and time.time_ns() // 1_000_000 - state.written_ms > RESUME_MS_MAX
        if not state.generation or outdated:
            metrics.LOOKUP_RESYNCS.labels("outdated" if outdated else "emptied").inc()
            self._store.begin(state)
            state = self._store.state()
        released = state.progress.commit if state.progress else -1
        self._reader.seek(state.offsets, released, state.highest)
        self._start += 1
        self._state = state
        metrics.LOOKUP_CATCHING_UP.set(int(state.state != LIVE))
        _log.info("following", commit=released, generation=state.generation, state=state.state)

    def _rebuild(self, reason: str, error: Exception) -> None:
        """Offsets and topics no longer fit: begin a new generation, readers are refused until it is whole."""
        metrics.LOOKUP_RESYNCS.labels(reason).inc()
        _log.warning("rebuild", reason=reason, cause=str(error))
        self._state = None
        self._patiently(lambda: self._store.begin(self._store.state()))

    def _write(self, cut: Cut) -> None:
        assert self._state is not None
        records = [self._versioned(entry) for entry in cut.entries]
        steps = list(_steps(records))
        live = cut.progress is not None and cut.progress.live
        for part in steps[:-1]:  # more than one step: readers are refused meanwhile, so that they never see half a cut
            self._step(part, {"state": CATCHING_UP, "highest": str(cut.highest)}, None, live=False)
        shown = cut.progress if live else None
        fields = state_fields(LIVE if live else CATCHING_UP, cut.highest, shown, cut.offsets, self._reader.ids)
        self._step(steps[-1], fields, shown, live)

    def _step(self, part: list[Versioned], fields: dict[str, str], shown: Progress | None, live: bool) -> None:
        assert self._state is not None
        written, stale = self._store.apply(self._state.token, fields, part)
        self._state = self._state._replace(sequence=self._state.sequence + 1)
        metrics.LOOKUP_WRITTEN.inc(written)
        metrics.LOOKUP_STALE.inc(stale)
        metrics.LOOKUP_CATCHING_UP.set(int(not live))
        if shown is not None:
            metrics.LOOKUP_COMMIT.set(shown.commit)

    def _versioned(self, entry: Entry) -> Versioned:
        account, text = "", ""
        if entry.value is not None:
            try:
                record = self._decode(entry.value)
                account = entry.key if entry.object == "account" else record["account"]
                text = json.dumps(record, default=_exact, allow_nan=False, separators=(",", ":"))
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise Undecodable(
                    f"canonical {entry.object} {entry.key!r} (partition {entry.partition}, offset {entry.offset}) cannot "
                    f"be read: {error}. Next step: compare the topic's schema in the registry with avro/{entry.object}.avsc"
                ) from error
        return Versioned(entry.object, entry.key, entry.commit, entry.partition, entry.offset, account, text)


def _exact(value: object) -> str:
    """Decimals and dates as text. No contract has a floating-point field (tests/connectors/test_lookup_contracts.py)."""
    if isinstance(value, Decimal | date):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no exact form in the look-up store")


def _steps(records: list[Versioned]) -> Iterator[list[Versioned]]:
    """Parts that one atomic step may carry; at least one, empty if there is nothing."""
    part: list[Versioned] = []
    size = 0
    for record in records:
        if part and (len(part) >= STEP_RECORDS_MAX or size + len(record.record) > STEP_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(record)
        size += len(record.record)
    yield part

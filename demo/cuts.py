"""An independent read_committed reader that puts the canonical topics together again, one published cut at a time.

It shares no code with the flow that writes them: plain consumer, fastavro, the rule of the README ("take the records
whose commit number is <= n"). A cut is handed out once no record of it can still arrive: each partition has shown a
later commit number, or has been read to its high watermark as it was after the cut's progress record had been seen. The
last stable offset would not do: the markers of one transaction become visible partition by partition.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

OBJECTS = (
    "account",
    "subscription",
    "usage",
    "invoice",
    "payment",
    "refund",
    "credit",
    "case",
    "entitlement",
    "change",
)
PROGRESS = "progress"
#: a partition that is ahead of the slowest one is paused beyond this many buffered records
BUFFERED_MAX = 20_000
#: ends are taken anew when the last ones are passed, or after this time (they may lie far behind in a backlog)
_ENDS_LATEST_S = 2.0

Place = tuple[str, int]
Decode = Callable[[bytes], dict[str, Any]]


class CutRecord(NamedTuple):
    """One published record: object name, partition, offset, key, Confluent frame (None: tombstone), arrival time."""

    object: str
    partition: int
    offset: int
    key: str
    frame: bytes | None
    arrived_s: float


class Cut(NamedTuple):
    """One published cut: commit number, the progress record, when it became visible here, its records in order."""

    number: int
    progress: dict[str, Any]
    arrived_s: float
    records: list[CutRecord]


class CutReader:
    """Reads `<prefix>canonical.*` from the start; `problems` counts what no reader should ever see."""

    def __init__(self, bootstrap: str, prefix: str, decode: Decode, objects: tuple[str, ...] = OBJECTS) -> None:
        """Topics of `objects` that do not exist yet are left out; the progress topic must exist."""
        self._decode = decode
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._base = f"{prefix}canonical."
        self.problems: Counter[str] = Counter()
        self._buffers: dict[Place, deque[tuple[int, CutRecord]]] = {}
        self._newest: dict[Place, int] = {}
        self._reached: dict[Place, int] = {}
        self._ends: dict[Place, int] = {}
        self._ends_for = 0
        self._ends_at = 0.0
        self._paused: set[Place] = set()
        self._progress: deque[tuple[int, dict[str, Any], float]] = deque()
        self._newest_progress = 0
        self._closed = 0
        places = self._places(objects)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{prefix}observer",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": 32_768,
            }
        )
        self._consumer.assign([TopicPartition(self._base + name, partition, 0) for name, partition in places])

    def _places(self, objects: tuple[str, ...]) -> list[Place]:
        """Every partition to read, the progress topic's first."""
        known = self._admin.list_topics(timeout=15).topics
        if self._base + PROGRESS not in known:
            raise LookupError(
                f"topic {self._base}{PROGRESS} does not exist. Next step: start `concord run canonical` first"
            )
        found: list[Place] = []
        for name in (PROGRESS, *objects):
            if self._base + name in known:
                found += [(name, partition) for partition in known[self._base + name].partitions]
        for place in found:
            self._reached[place] = 0
            if place[0] != PROGRESS:
                self._buffers[place] = deque()
                self._newest[place] = 0
        return found

    @property
    def closed(self) -> int:
        """Number of the newest cut handed out."""
        return self._closed

    def poll(self, timeout_s: float = 0.02) -> list[Cut]:
        """Take what has arrived within the timeout; the cuts that are complete now, in order."""
        for message in self._consumer.consume(5000, timeout_s):
            self._take(message, time.time())
        self._balance()
        return self._close(self._bound())

    def finish(self, timeout_s: float = 30.0) -> list[Cut]:
        """The rest at once; see `follow`."""
        return list(self.follow(timeout_s))

    def follow(self, timeout_s: float = 30.0) -> Iterator[Cut]:
        """The rest, once the writer has stopped, cut by cut in bounded memory: up to the end of every partition.

        A transaction that is left open for longer than the timeout is a problem.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            yield from self.poll(0.05)
            if not self._progress or time.monotonic() > deadline:
                ends = self._fetch_ends()
                if ends is not None and all(self._reached[place] >= end for place, end in ends.items()):
                    break
                if time.monotonic() > deadline:
                    self.problems["transaction left open"] += 1
                    break
        yield from self._close(self._newest_progress)
        if left := sum(len(buffer) for buffer in self._buffers.values()):
            self.problems["record without progress"] += left

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _take(self, message: Message, now_s: float) -> None:
        """Buffer one message, or note the end of its partition."""
        name = (message.topic() or "").removeprefix(self._base)
        partition, offset = message.partition() or 0, message.offset() or 0
        place = (name, partition)
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            self._reached[place] = max(self._reached[place], offset)
            return
        self._reached[place] = offset + 1
        value = message.value()
        if name == PROGRESS:
            if value is not None:
                self._take_progress(self._decode(value), now_s)
            return
        commit = int(dict(message.headers() or [])["concord.commit"] or b"")
        if commit < self._newest[place]:
            self.problems["commit number went back"] += 1
        if commit <= self._closed:
            self.problems["record after its cut"] += 1
        self._newest[place] = max(commit, self._newest[place])
        key = (message.key() or b"").decode()
        self._buffers[place].append((commit, CutRecord(name, partition, offset, key, value, now_s)))

    def _take_progress(self, progress: dict[str, Any], now_s: float) -> None:
        """Commit numbers run 1, 2, 3 without a gap or a repeat (the topic may have been compacted before)."""
        number = int(progress["commit"])
        if self._newest_progress and number != self._newest_progress + 1:
            self.problems["progress repeated" if number <= self._newest_progress else "progress gap"] += 1
        self._newest_progress = max(number, self._newest_progress)
        self._progress.append((number, progress, now_s))

    def _bound(self) -> int:
        """The newest commit number of which nothing can arrive any more."""
        if not self._progress:
            return self._closed
        now = time.monotonic()
        passed = all(self._reached[place] >= end for place, end in self._ends.items())
        if self._newest_progress > self._ends_for and (passed or now - self._ends_at >= _ENDS_LATEST_S):
            self._ends_at = now
            if (ends := self._fetch_ends()) is not None:
                self._ends, self._ends_for = ends, self._newest_progress
        bound = self._newest_progress
        for place, newest in self._newest.items():
            shown = newest - 1
            if place in self._ends and self._reached[place] >= self._ends[place]:
                shown = max(shown, self._ends_for)
            bound = min(bound, shown)
        return bound

    def _fetch_ends(self) -> dict[Place, int] | None:
        """High watermarks of all partitions, open transactions or not; None while the broker cannot say."""
        asked = {TopicPartition(self._base + name, partition): OffsetSpec.latest() for name, partition in self._reached}
        try:
            futures = self._admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=10
            )
            found = {place: future.result(15).offset for place, future in futures.items()}
        except KafkaException:
            # after a broker's restart a client may ask with leader epochs of before: a new one asks next time
            self._admin = AdminClient({"bootstrap.servers": self._bootstrap})
            return None
        return {(place.topic.removeprefix(self._base), place.partition): end for place, end in found.items()}

    def _close(self, bound: int) -> list[Cut]:
        """Hand out the cuts up to `bound`."""
        cuts: list[Cut] = []
        while self._progress and self._progress[0][0] <= bound:
            number, progress, arrived_s = self._progress.popleft()
            records: list[CutRecord] = []
            for buffer in self._buffers.values():
                while buffer and buffer[0][0] <= number:
                    commit, record = buffer.popleft()
                    records.append(record)
                    if commit != number:
                        self.problems["record without progress"] += 1
            self._closed = number
            cuts.append(Cut(number, progress, arrived_s, records))
        return cuts

    def _balance(self) -> None:
        """Pause partitions that run far ahead of the slowest one, so that memory stays bounded."""
        # what the next cut waits for is read on, however much it is
        wanted = {place for place, buffer in self._buffers.items() if buffer and buffer[0][0] <= self._closed + 1}
        ahead = {place for place, buffer in self._buffers.items() if len(buffer) > BUFFERED_MAX} - wanted
        behind = {p for p in self._paused if len(self._buffers[p]) < BUFFERED_MAX // 2} | (self._paused & wanted)
        if fresh := ahead - self._paused:
            self._consumer.pause([TopicPartition(self._base + name, partition) for name, partition in fresh])
            self._paused |= fresh
        if behind:
            self._consumer.resume([TopicPartition(self._base + name, partition) for name, partition in behind])
            self._paused -= behind

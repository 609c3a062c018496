"""Metrics of the canonical flow that need a memory: counters from running counts, ages that grow while nothing happens, open records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from prometheus_client import Counter

from connectors import metrics

_COUNTERS: dict[str, Counter] = {
    "in": metrics.ROWS_IN,
    "applied": metrics.ROWS_APPLIED,
    "ignored": metrics.ROWS_IGNORED,
    "transactions": metrics.TRANSACTIONS_RELEASED,
}
#: ids of exceptions that the serial step raises; all others are a shard's own
SERIAL_EXCEPTIONS = (b"waiting:", b"incomplete:", b"merge:")
_OPEN_STATES = ("settling", "wanted")


class CutMetrics:
    """What each committed cut says about its sources. `start`: the counts that were committed before this process."""

    def __init__(self, start: Mapping[str, int], now: Callable[[], float] = time.time) -> None:
        self._counts = dict(start)
        self._now = now
        self._clock_ms: dict[str, int] = {}

    def observe(self, frontier: Mapping[str, int], clock_ms: Mapping[str, int], counts: Mapping[str, int]) -> None:
        """Take the frontier, clocks and running counts (`<source>.<what>`) of a committed cut."""
        now = self._now()
        for source, position in frontier.items():
            metrics.FRONTIER_POSITION.labels(source).set(position)
            clock = clock_ms.get(source, 0)
            if clock and clock != self._clock_ms.get(source):
                metrics.VISIBLE_SECONDS.labels(source).observe(max(0.0, now - clock / 1000))
                if source not in self._clock_ms:
                    metrics.FRONTIER_AGE_SECONDS.labels(source).set_function(partial(self.age, source))
                self._clock_ms[source] = clock
            rest = [counts.get(f"{source}.{what}", 0) for what in ("applied", "ignored", "parked")]
            metrics.ROWS_WAITING.labels(source).set(counts.get(f"{source}.in", 0) - sum(rest))
        for name, number in counts.items():
            source, _, what = name.rpartition(".")
            if (counter := _COUNTERS.get(what)) is not None:
                counter.labels(source).inc(max(0, number - self._counts.get(name, 0)))
        self._counts = dict(counts)

    def snapshots(self, sources: Iterable[str], stored: Mapping[str, int], live: bool) -> None:
        """Which first snapshots are complete; `stored` as in the progress record."""
        metrics.LIVE.set(int(live))
        for source in sources:
            metrics.SNAPSHOT_COMPLETE.labels(source).set(int(live or bool(stored.get(f"{source}#finished"))))

    def age(self, source: str) -> float:
        """Seconds since the newest published commit of the source; asked at each scrape, so it grows in a standstill."""
        return max(0.0, self._now() - self._clock_ms[source] / 1000)


class OpenRecords:
    """Intents and exceptions that are open in this process's shards.."""

    def __init__(self) -> None:
        self._intents: dict[str, tuple[str, str, str]] = {}
        self._exceptions: dict[str, str] = {}

    def intent(self, key: str, body: Mapping[str, Any] | None) -> None:
        """An intent as published; only settling and wanted ones are open."""
        if (old := self._intents.pop(key, None)) is not None:
            metrics.INTENTS.labels(old[0]).dec()
            metrics.DIFFERENCES_OPEN.labels(*old[1:]).dec()
        if body is not None and body["state"] in _OPEN_STATES:
            new = self._intents[key] = (body["state"], body["target"], body["object"])
            metrics.INTENTS.labels(new[0]).inc()
            metrics.DIFFERENCES_OPEN.labels(*new[1:]).inc()

    def exception(self, key: str, body: Mapping[str, Any] | None) -> None:
        """An exception as published, or None when it is over."""
        if (old := self._exceptions.pop(key, None)) is not None:
            metrics.EXCEPTIONS_OPEN.labels(old).dec()
        if body is not None:
            self._exceptions[key] = body["kind"]
            metrics.EXCEPTIONS_OPEN.labels(body["kind"]).inc()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count the seconds that a stage takes, and those of them on a processor; for batches, not for single records."""
    started, worked = time.perf_counter(), time.thread_time()
    try:
        yield
    finally:
        metrics.STAGE_CPU_SECONDS.labels(name).inc(time.thread_time() - worked)
        metrics.STAGE_SECONDS.labels(name).inc(time.perf_counter() - started)


def stages() -> dict[str, float]:
    """CPU seconds of every stage since the process started."""
    (metric,) = metrics.STAGE_CPU_SECONDS.collect()
    totals = (sample for sample in metric.samples if sample.name.endswith("_total"))
    return {sample.labels["stage"]: round(sample.value, 3) for sample in totals}

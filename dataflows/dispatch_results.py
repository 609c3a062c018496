"""The way back from the senders into the flow, and the flow's sense of time."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.kafka.polling import Rest
from connectors.targets.pool import SenderPool
from dataflows.dispatch_stage import KEY, Results, clock_ms

#: how often results are looked for, how often the planner is told the time, and how long a stop waits for senders
POLL_MS, TICK_MS, DRAIN_SECONDS = 5, 50, 4.0


class _ResultPartition(StatefulSourcePartition[tuple[str, Results], None]):
    """Looks for results; after a stop was asked for, until every job is back or a few seconds have passed."""

    def __init__(self, pool: SenderPool, stopping: threading.Event, rest: Rest) -> None:
        self._pool, self._stopping, self._rest = pool, stopping, rest
        self._told_ms = 0
        self._give_up_at: float | None = None

    def next_batch(self) -> list[tuple[str, Results]]:
        """At most one item: all results that are there, or the time now and then."""
        results, now_ms = self._pool.take(), clock_ms()
        if results or self._pool.flying:
            self._rest.busy()
        if self._stopping.is_set():
            self._give_up_at = self._give_up_at or time.monotonic() + DRAIN_SECONDS
            if not results and (not self._pool.flying or time.monotonic() > self._give_up_at):
                raise StopIteration
        if not results and now_ms - self._told_ms < TICK_MS:
            return []
        self._told_ms = now_ms
        return [(KEY, Results(now_ms, results))]

    def next_awake(self) -> datetime:
        """A few milliseconds ahead while answers are awaited, else when the planner is to be told the time."""
        return datetime.now(UTC) + timedelta(milliseconds=POLL_MS if self._pool.flying else TICK_MS)

    def snapshot(self) -> None:
        """Nothing: a result that was not recorded is found again by read-back."""


class ResultSource(FixedPartitionedSource[tuple[str, Results], None]):
    """The way back from the senders."""

    def __init__(self, pool: SenderPool, stopping: threading.Event, rest: Rest) -> None:
        """While answers are awaited the process does not rest."""
        self._pool, self._stopping, self._rest = pool, stopping, rest

    def list_parts(self) -> list[str]:
        """One part."""
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _ResultPartition:
        """Open it."""
        return _ResultPartition(self._pool, self._stopping, self._rest)

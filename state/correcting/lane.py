"""The waiting line of one target: by time, one at a time per target object, a bounded number at once. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import NamedTuple

from state.correcting.correction import Correction

Place = tuple[str, str]


class Promise(NamedTuple):
    """What a target's adapter declares, as far as planning needs it.

    `resources`: object -> resource name; corrections of one resource and object id are serial. `key_window_ms`: how long
    the target remembers an idempotency key (None: it has none). `conditional`: writes carry a version token.
    """

    tier: str
    concurrency: int
    resources: Mapping[str, str]
    key_window_ms: int | None
    conditional: bool

    def may_repeat(self, correction: Correction, now_ms: int) -> bool:
        """Whether a write in doubt that a read-back does not show may be sent again (design, section 8)."""
        if self.tier == "A":
            age_ms = now_ms - (now_ms if correction.first_sent_ms is None else correction.first_sent_ms)
            return self.conditional or (self.key_window_ms is not None and age_ms < self.key_window_ms)
        return self.tier == "B"

    def place(self, correction: Correction) -> Place:
        """The target object that the correction is about."""
        return self.resources[correction.intent.object], correction.intent.object_id


class Lane:
    """Who waits for one target. A target object is held by the correction that is under way or in doubt on it."""

    def __init__(self, promise: Promise) -> None:
        self.promise = promise
        self.flying = 0
        self.paused_until_ms = 0
        self._heap: list[tuple[int, int, str]] = []
        self._turn = 0
        self._holder: dict[Place, str] = {}
        self._behind: dict[Place, list[str]] = {}

    def wait(self, name: str, due_ms: int) -> None:
        """Line up to be tried at `due_ms`."""
        self._turn += 1
        heapq.heappush(self._heap, (due_ms, self._turn, name))

    def next_due(self, now_ms: int) -> str | None:
        """The next that may be tried now, taken out of the line; None while the target is full or paused."""
        full = self.flying >= self.promise.concurrency or self.paused_until_ms > now_ms
        if full or not self._heap or self._heap[0][0] > now_ms:
            return None
        return heapq.heappop(self._heap)[2]

    def hold(self, place: Place, name: str) -> bool:
        """Take the object; if another holds it, wait behind it and return False."""
        holder = self._holder.setdefault(place, name)
        if holder != name:
            self._behind.setdefault(place, []).append(name)
        return holder == name

    def release(self, place: Place, name: str) -> list[str]:
        """Give the object back, if `name` holds it; returns who waited behind it, to be lined up again."""
        if self._holder.get(place) != name:
            return []
        del self._holder[place]
        return self._behind.pop(place, [])

    def pause(self, until_ms: int) -> None:
        """Send nothing to this target before then (Retry-After, open breaker)."""
        self.paused_until_ms = max(self.paused_until_ms, until_ms)

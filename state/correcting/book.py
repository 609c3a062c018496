"""All corrections that may still change, what was made of them since the last look, and what may be forgotten. Pure."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from state.correcting.correction import TERMINAL, Correction, Event, Intent, State
from state.correcting.lifecycle import advance

#: how long the record of a correction that has ended stays in its topic
KEEP_MS = 604_800_000


class Ended(NamedTuple):
    """What is kept of a correction of which nothing can be sent again."""

    state: State
    target: str
    account_id: str
    ended_ms: int


class Book:
    """Corrections by id. `keep_ms`: how long the records of those that have ended stay."""

    def __init__(self, keep_ms: int = KEEP_MS) -> None:
        self._keep_ms = keep_ms
        self._open: dict[str, Correction] = {}
        self._ended: dict[str, Ended] = {}
        self._ends: list[tuple[int, str]] = []
        self._removed: list[tuple[str, str]] = []
        self._history: list[Correction] = []
        #: hold id -> proposals that wait in it
        self.groups: defaultdict[str, set[str]] = defaultdict(set)
        self.counts: Counter[tuple[str, str]] = Counter()

    def get(self, name: str) -> Correction | None:
        """The correction, unless nothing can come of it any more."""
        return self._open.get(name)

    def has_verified(self, name: str) -> bool:
        """Whether capture has proven it."""
        ended = self._ended.get(name)
        return ended is not None and ended.state is State.VERIFIED

    def of_rule(self, rule: str) -> Iterator[Correction]:
        """Corrections of a rule that may still change."""
        return (one for one in self._open.values() if one.intent.rule == rule)

    def restore(self, correction: Correction) -> None:
        """Take one back at a start; nothing is published."""
        self._keep(None, correction)

    def take_back(self, correction: Correction) -> Correction:
        """Let it be planned again as if it had just been found."""
        self.counts[correction.state.value, correction.intent.target] -= 1
        return self._open.pop(correction.id)

    def plan(self, intent: Intent, tier: str, now_ms: int) -> Correction:
        """A correction of its own for an intent that has none, or whose last one was superseded."""
        planned = Correction(intent, tier=tier, retry_at_ms=now_ms, updated_ms=now_ms)
        if ended := self._ended.pop(intent.id, None):
            self.counts[ended.state.value, ended.target] -= 1
        self._record(None, planned)
        return planned

    def advance(self, correction: Correction, event: Event, now_ms: int) -> Correction:
        """The correction after the event, to be published. Raises IllegalTransition."""
        after = advance(correction, event, now_ms)
        self._record(correction, after)
        return after

    def forget(self, now_ms: int) -> None:
        """Records of what ended long ago, and is not wanted, leave the topic."""
        while self._ends and self._ends[0][0] <= now_ms - self._keep_ms:
            ended_ms, name = heapq.heappop(self._ends)
            ended, known = self._ended.get(name), self._open.get(name)
            if known is not None and known.state in TERMINAL and not known.wanted:
                ended = _ended(known)
            if ended is not None and ended.ended_ms == ended_ms:  # else it has lived on since
                self._open.pop(name, None)
                self._ended.pop(name, None)
                self.counts[ended.state.value, ended.target] -= 1
                self._removed.append((name, ended.account_id))

    def drain(self) -> list[Correction]:
        """What to publish, in its order."""
        drained, self._history = self._history, []
        return drained

    def drain_removed(self) -> list[tuple[str, str]]:
        """(correction id, account id) of records to remove."""
        drained, self._removed = self._removed, []
        return drained

    def _record(self, before: Correction | None, after: Correction) -> None:
        self._keep(before, after)
        self._history.append(after)

    def _keep(self, before: Correction | None, after: Correction) -> None:
        """Keep what is open; of what can never be sent again only the name stays in memory."""
        if before is not None:
            self.counts[before.state.value, before.intent.target] -= 1
            if before.group is not None:
                self.groups[before.group].discard(after.id)
        self.counts[after.state.value, after.intent.target] += 1
        if after.group is not None and after.state is State.PROPOSED:
            self.groups[after.group].add(after.id)
        if after.state in TERMINAL:
            heapq.heappush(self._ends, (after.updated_ms, after.id))
        proven = after.state is State.VERIFIED and after.proof == "capture" and not after.late_looks
        if proven or (after.state is State.SUPERSEDED and after.attempt == 0):
            self._open.pop(after.id, None)
            self._ended[after.id] = _ended(after)
        else:
            self._open[after.id] = after


def _ended(correction: Correction) -> Ended:
    intent = correction.intent
    return Ended(correction.state, intent.target, intent.account_id, correction.updated_ms)

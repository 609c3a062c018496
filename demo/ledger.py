"""What Concord must find: how long each compared object has differed between billing and its target, and why.

A difference is judged by how long it stood, not by what was planned, because a later act may end it early and a slow
machine may make an honest carry late. Two lengths are kept. The *sure* length counts only while both sides stood still
and is measured inside the commits; the *possible* length is the whole difference, measured around the commits.

must   the sure length exceeds settle time + margin: Concord has to find it
never  the possible length stays below half of the settle time: finding it would be wrong
may    anything between: neither is held against Concord
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

MUST, MAY, NEVER = "must", "may", "never"


class Entry(NamedTuple):
    """One compared object that differed. `planted` holds (kind, epoch seconds) of each fault; empty for a slow carry."""

    rule: str
    object_id: str
    verdict: str
    planted: tuple[tuple[str, float], ...]
    sure_s: float
    possible_s: float


@dataclass(slots=True)
class _Track:
    """Both sides of one object, since when they differ, and the longest that they have differed."""

    desired: str | None
    current: str | None
    planted: list[tuple[str, float]] = field(default_factory=list)
    still_since: float = 0.0
    differs_since: float | None = None
    sure_s: float = 0.0
    possible_s: float = 0.0

    def step(self, desired: str | None, current: str | None, before: float, after: float) -> None:
        """One side changed in a commit between `before` and `after`."""
        if (desired, current) == (self.desired, self.current):
            return
        self.measure(before, after)
        self.desired, self.current, self.still_since = desired, current, after
        if desired == current:
            self.differs_since = None
        elif self.differs_since is None:
            self.differs_since = before

    def measure(self, before: float, after: float) -> None:
        """Count the difference that stands until now."""
        if self.differs_since is not None:
            self.sure_s = max(self.sure_s, before - self.still_since)
            self.possible_s = max(self.possible_s, after - self.differs_since)


class Ledger:
    """Shared by the integration's threads; times are epoch seconds of one machine's clock."""

    def __init__(self, settle_s: float, margin_s: float = 2.0) -> None:
        """`settle_s` as in the ownership rules; `margin_s` is what Concord may take beyond it."""
        self.settle_s = settle_s
        self.margin_s = margin_s
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._lock = threading.Lock()

    def desire(
        self, rule: str, object_id: str, was: str | None, value: str | None, before: float, after: float
    ) -> None:
        """A billing commit made `value` the desired one."""
        with self._lock:
            track = self._tracks.setdefault((rule, object_id), _Track(was, was))
            track.step(value, track.current, before, after)
            self._forget_if_dull((rule, object_id), track)

    def carried(self, rule: str, object_id: str, value: str | None, before: float, after: float) -> None:
        """The target shows `value`, by a write of the integration or by what it read there."""
        with self._lock:
            track = self._tracks.setdefault((rule, object_id), _Track(value, value))
            track.step(track.desired, value, before, after)
            self._forget_if_dull((rule, object_id), track)

    def planted(self, rule: str, object_id: str, desired: str | None, kind: str, at: float) -> None:
        """The integration got the object wrong on purpose; `kind` is drop, falsify, delay or late."""
        with self._lock:
            track = self._tracks.setdefault((rule, object_id), _Track(desired, desired))
            track.planted.append((kind, at))

    def entries(self, until: float, margin_s: float | None = None) -> list[Entry]:
        """All objects that ever differed for long enough to matter, with the verdict as of `until`."""
        must_s = self.settle_s + (self.margin_s if margin_s is None else margin_s)
        found: list[Entry] = []
        with self._lock:
            for (rule, object_id), track in sorted(self._tracks.items()):
                track.measure(until, until)
                verdict = MUST if track.sure_s > must_s else MAY if track.possible_s > self.settle_s / 2 else NEVER
                if track.planted or verdict != NEVER:
                    found.append(Entry(rule, object_id, verdict, tuple(track.planted), track.sure_s, track.possible_s))
        return found

    def differing(self) -> set[tuple[str, str]]:
        """(rule, object id) of everything that differs now, as far as the integration has seen."""
        with self._lock:
            return {key for key, track in self._tracks.items() if track.differs_since is not None}

    def _forget_if_dull(self, key: tuple[str, str], track: _Track) -> None:
        """An honest carry in good time leaves no trace, so a long run does not grow."""
        if track.differs_since is None and not track.planted and track.possible_s <= self.settle_s / 2:
            del self._tracks[key]


class Comparison(NamedTuple):
    """What Concord found against the ledger; `missed` and `unexplained` must be empty."""

    must: int
    may: int
    found: int
    missed: tuple[tuple[str, str], ...]
    unexplained: tuple[tuple[str, str], ...]


def compare(entries: list[Entry], found: set[tuple[str, str]]) -> Comparison:
    """Hold the (rule, object id) pairs that Concord found against the ledger's entries."""
    must = {(e.rule, e.object_id) for e in entries if e.verdict == MUST}
    may = {(e.rule, e.object_id) for e in entries if e.verdict == MAY}
    return Comparison(len(must), len(may), len(found), tuple(sorted(must - found)), tuple(sorted(found - must - may)))

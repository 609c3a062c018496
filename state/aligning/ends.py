"""The ENDs of one source in commit order, and what could not be read between them.

An END that cannot be read leaves rows behind that nobody counts. They are known by order: a transaction whose rows
follow a commit before some END, and which is not that END's own, lies before it; so its own END was the spoilt record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from state.row import FRAME, BadFrame, End, Row


class Ends:
    """`queue`: not yet released, oldest first; `spoilt`: what could not be read and is not passed yet.

    `newest_ms`: the source's clock by the newest END that was read; `offset`: the next one to commit, if it has moved.
    """

    def __init__(self, frontier: int, clock_ms: int) -> None:
        self.queue: deque[End] = deque()
        self.newest_ms = clock_ms
        self._last = frontier
        self.offset: int | None = None
        self.spoilt: deque[BadFrame] = deque()

    def add(self, ends: Iterable[End | int]) -> None:
        """Take ENDs (and, as bare offsets, events that mean nothing) in the order of the transaction topic."""
        for end in ends:
            if not isinstance(end, int) and end.position > self._last:
                self.queue.append(end)
                self._last = end.position
                self.newest_ms = max(self.newest_ms, end.time_ms)
            elif not self.queue and not self.spoilt:
                self.offset = (end if isinstance(end, int) else end.offset) + 1

    def add_spoilt(self, bad: BadFrame) -> None:
        """A record of the transaction topic that cannot be read."""
        self.spoilt.append(bad)

    @property
    def is_doubtful(self) -> bool:
        """Whether something that could not be read lies before the oldest END."""
        return bool(self.spoilt) and self.spoilt[0].offset < self.queue[0].offset

    def orphans(self, pending: Mapping[int, list[Row]], last_commit: Callable[[bytes], int | None]) -> dict[int, int]:
        """Transactions that lie before the oldest END and have none: id -> position of the commit before, in order."""
        known = {end.txid for end in self.queue}
        found = {txid: last_commit(rows[0][FRAME]) for txid, rows in pending.items() if txid not in known}
        before = {txid: commit for txid, commit in found.items() if commit is not None}
        oldest = self.queue[0].position
        return {txid: commit for txid, commit in sorted(before.items(), key=lambda item: item[1]) if commit < oldest}

    def passed(self, end: End) -> list[BadFrame]:
        """The spoilt records that lie before an END that is released."""
        passed: list[BadFrame] = []
        while self.spoilt and self.spoilt[0].offset < end.offset:
            passed.append(self.spoilt.popleft())
        return passed

    def take_offset(self) -> int | None:
        """The next offset to commit, if it has moved since the last call."""
        taken, self.offset = self.offset, None
        return taken

"""Garbage collection without pauses: the state is large, lives long and holds no cycles.

The interpreter's own schedule looks through all of it again and again, a tenth of all time with pauses of most of a
second, and frees nothing: what dies is freed by its reference count. Here new objects are looked through once, soon
after they are made, which finds the cycles that errors and logs leave behind; what survives is not looked at again.
A cycle that forms later stays: nothing on the way of a change makes one (tests/dataflows/test_collector.py).

Even that is nearly always for nothing, so while looks find nothing most of them are left out, and objects are put away
unseen; a look goes through few, since each costs a third of a microsecond. One that finds something brings all of them
back, and says how much those before it may have missed; when that is much, everything is looked through once. So what
cycles hold stays below a bound, however they come.
"""

from __future__ import annotations

import gc
from typing import Final

#: new objects after which they are put away unseen
NEW_OBJECTS_MAX: Final = 200_000
#: new objects after which they are looked through where that is due: a pause of 10 ms
LOOKED_AT_MAX: Final = 25_000
#: looks that are left out between two, at most
LEFT_OUT_MAX: Final = 7
#: a look that finds less than one object in so many has found nothing
WORTH_ONE_IN: Final = 1_000
#: unreachable objects that may have been put away unseen before everything is looked through; a few 100 bytes each
MISSED_MAX: Final = 200_000


class _Looks:
    """Which looks are left out, and what may have been missed by that."""

    def __init__(self) -> None:
        """Nothing is left out yet."""
        self._pause = self._left = 0
        self._unseen = self._missed = 0

    @property
    def at_once(self) -> int:
        """How many new objects there may be."""
        return NEW_OBJECTS_MAX if self._left else LOOKED_AT_MAX

    def put_away(self, new: int) -> None:
        """What is new, so many objects, is looked through or not; it is not looked at again."""
        if self._left:
            self._left -= 1
            self._unseen += new
        else:
            self._look(new)
        gc.freeze()

    def _look(self, new: int) -> None:
        found = gc.collect(0)
        self._pause = 0 if found * WORTH_ONE_IN > new else min(2 * self._pause + 1, LEFT_OUT_MAX)
        self._left = self._pause
        self._missed += (
            found * self._unseen // new
        )  # there was as much in what came just before, as far as anybody knows
        self._unseen = 0
        if self._missed > MISSED_MAX:
            self._missed = 0
            gc.unfreeze()
            gc.collect()


_looks = _Looks()


def begin() -> None:
    """Take over from the interpreter's schedule; what exists now is not looked at again."""
    global _looks
    _looks = _Looks()
    gc.disable()
    gc.collect()
    keep()


def keep() -> None:
    """What exists now is not looked at again: after a restore, which makes no cycles either, and very many objects."""
    gc.freeze()


def tidy() -> None:
    """Between two batches: put away what is new, if it is much."""
    new = gc.get_count()[0]
    if new > _looks.at_once:
        _looks.put_away(new)

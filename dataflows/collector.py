"""Garbage collection without pauses: the state is large, lives long and holds no cycles.

The interpreter's own schedule looks through all of it again and again, a tenth of all time with pauses of most of a
second, and frees nothing: what dies is freed by its reference count. Here new objects are looked through once, soon
after they are made, which finds the cycles that errors and logs leave behind; what survives is not looked at again.
A cycle that forms later stays: nothing on the way of a change makes one (tests/dataflows/test_collector.py).
"""

from __future__ import annotations

import gc

#: new objects after which they are looked through
NEW_OBJECTS_MAX = 200_000


def begin() -> None:
    """Take over from the interpreter's schedule; what exists now is not looked at again."""
    gc.disable()
    gc.collect()
    keep()


def keep() -> None:
    """What exists now is not looked at again: after a restore, which makes no cycles either, and very many objects."""
    gc.freeze()


def tidy() -> None:
    """Between two batches: look through what is new, if it is much."""
    if gc.get_count()[0] > NEW_OBJECTS_MAX:
        gc.collect(0)
        gc.freeze()

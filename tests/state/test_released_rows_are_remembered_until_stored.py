"""A row that has to move is found: among what was released until two cuts hold it, and among what is stored from then on."""

from __future__ import annotations

import pytest

from state.resolving.identity import Identity
from state.resolving.moves import LostRow, Moves, Place
from state.resolving.resolved import Moved, Resolved
from state.row import Change, Transaction

ROW = Moved(0, "7", "a", "b")


def found(moves: Moves) -> bool:
    """Whether the row, which is stored nowhere yet, can be moved."""
    try:
        arriving, _ = moves.bring(Resolved(moved=[ROW]), Identity(()), lambda _table: "s", Place("s", 9, 9), 9)
    except LostRow:
        return False
    return [change.frame for one in arriving for change in one.changes] != []


def release(moves: Moves, step: int, key: str = ROW.key) -> None:
    """One step releases one row."""
    moves.step = step
    moves.add(Transaction("s", step, step, [Change(ROW.was, ROW.table, "c", key, b"frame")]))


def test_a_cut_of_earlier_steps_lets_nothing_of_later_ones_go() -> None:
    """Several steps are under way; only what a cut before the newest one holds is read back instead.

    Planted breaks, seen to fail: a cut lets all go that was released so far; the newest cut's own rows are let go.
    """
    moves = Moves(lambda _rows: {})
    release(moves, 1, "1")
    release(moves, 2)
    release(moves, 3, "3")
    for cut in (1, 1, 2, 2):
        moves.committed(cut)
        assert found(moves), cut
    moves.committed(3)
    assert not found(moves)


def test_what_is_stored_nowhere_is_remembered_for_ever() -> None:
    """Without a store there is nothing else that knows the row."""
    moves = Moves()
    release(moves, 1)
    for cut in range(1, 5):
        moves.committed(cut)
    assert found(moves)
    with pytest.raises(LostRow):
        Moves().bring(Resolved(moved=[ROW]), Identity(()), lambda _table: "s", Place("s", 9, 9), 9)

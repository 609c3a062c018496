"""Records of the transaction topic that cannot be read: no row vanishes with the END that counted it."""

from __future__ import annotations

from state.aligning.spoilt import INCOMPLETE_AFTER_MS
from tests.state.spoilt_stream import ENTRIES, alignment, bad_end, brief, end, row


def test_rows_whose_end_cannot_be_read_are_applied_before_the_next_transaction() -> None:
    """By order it is known that their END was the spoilt record; when nothing more can come they are released, and said so.

    Planted break, seen to fail: dropping the spoilt END at once, which loses its rows as repeats after a restart.
    """
    found = alignment()
    found.add_rows([row(1, table=0), row(1), row(2, offset=1)])
    found.ends.add_spoilt(bad_end(1))
    found.add_ends([end(2, 6, entries=1)])
    assert (found.release(), found.take_bad(), found.take_offsets()) == ([], [], ({}, None))
    found.add_ends([end(3, 6 + INCOMPLETE_AFTER_MS)])
    assert found.release() == [], "partition 1 of the entries may still bring a row"
    found.reach_end(1, 1)
    assert found.release() == [], "and so may the accounts"
    found.reach_end(0, 0)
    lost, after = found.release()
    assert (len(lost.rows), lost.has_end, lost.position) == (2, False, 1)
    assert (len(after.rows), after.has_end, after.position) == (1, True, 20)
    assert found.take_bad() == [bad_end(1)]
    assert found.take_offsets() == ({0: 1, ENTRIES: 2}, 4)


def test_garbage_among_the_ends_costs_a_pause_and_nothing_else() -> None:
    """It may have been a BEGIN, or a stranger's: the next transaction waits until no row of a lost one can come."""
    found = alignment()
    found.ends.add_spoilt(bad_end(0))
    found.add_rows([row(1)])
    found.add_ends([end(1, 5, entries=1)])
    for table, partition in ((0, 0), (1, 0), (1, 1)):
        found.reach_end(table, partition)
    assert found.release() == []
    found.add_ends([end(2, 5 + INCOMPLETE_AFTER_MS)])
    assert brief(found.release()) == [(10, 1, 0)]
    assert found.take_bad() == [bad_end(0)]

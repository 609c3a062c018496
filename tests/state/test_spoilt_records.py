"""Records that cannot be read: a transaction is released short only when its missing rows can no longer come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from state.aligning.alignment import Alignment
from state.aligning.spoilt import INCOMPLETE_AFTER_MS
from state.row import BadFrame, End, Row
from tests.state.spoilt_stream import ENTRIES, TABLES, alignment, bad, brief, end, last_commit, row


def test_a_spoilt_record_explains_a_short_transaction_at_the_end_of_its_table() -> None:
    """Both partitions are read to their end and the source's clock has gone on: the row cannot come any more."""
    found = alignment()
    found.add_rows([row(1, table=0)])
    found.add_bad(bad(time_ms=6))
    found.reach_end(1, 0)
    found.add_ends([end(1, 5, accounts=1, entries=1), end(2, 6 + INCOMPLETE_AFTER_MS)])
    assert found.release() == []
    assert found.take_bad() == []
    found.reach_end(1, 1)
    assert brief(found.release()) == [(10, 1, 1)]
    assert found.take_bad() == [bad(time_ms=6)]
    assert found.take_offsets() == ({0: 1, ENTRIES: 1}, 3)


def test_a_row_that_is_still_to_be_read_is_never_given_up() -> None:
    """Old garbage and a transaction topic that is read far ahead are no reason: the rows come and are applied.

    Planted break, seen to fail: releasing when as many spoilt records are there as rows are missing.
    """
    found = alignment()
    found.add_bad(bad(partition=0, time_ms=0))
    found.reach_end(1, 0)
    found.add_ends([end(1, 5, entries=1), end(2, 5 + 10 * INCOMPLETE_AFTER_MS)])
    assert found.release() == []
    found.add_rows([row(1, partition=1, offset=7)])
    assert brief(found.release()) == [(10, 1, 0)]


def test_later_rows_in_every_partition_prove_a_loss_without_any_spoilt_record() -> None:
    """A restart may have forgotten the record, but order within a partition says it all: nothing stalls for ever."""
    found = alignment()
    found.add_rows([row(2, partition=0), row(3, partition=1)])
    found.add_ends([end(1, 5, entries=1), end(2, 6, entries=1), end(3, 5 + INCOMPLETE_AFTER_MS, entries=1)])
    assert brief(found.release()) == [(10, 0, 1), (20, 1, 0), (30, 1, 0)]


def test_no_later_row_no_end_no_release() -> None:
    """One partition of two is past the transaction: the other one may still bring its row."""
    found = alignment()
    found.add_rows([row(2, partition=0)])
    found.add_ends([end(1, 5, entries=1), end(2, 6 + INCOMPLETE_AFTER_MS, entries=1)])
    assert found.release() == []


def test_a_spoilt_record_is_given_up_when_a_later_row_is_released() -> None:
    """Its transaction was before; its offset is committed together with it, not before."""
    found = alignment()
    found.add_bad(bad(offset=4, time_ms=9_999))
    assert (found.release(), found.take_bad(), found.take_offsets()[0]) == ([], [], {})
    found.add_rows([row(1, offset=5)])
    found.add_ends([end(1, 5, entries=1)])
    assert brief(found.release()) == [(10, 1, 0)]
    assert found.take_bad() == [bad(offset=4, time_ms=9_999)]
    assert found.take_offsets()[0] == {ENTRIES: 6}


def test_a_spoilt_record_is_given_up_when_its_time_is_over() -> None:
    """Nothing follows in its partition, but every transaction of its time has been released."""
    found = alignment()
    found.add_bad(bad(offset=4, time_ms=100))
    found.add_ends([end(1, 100 + INCOMPLETE_AFTER_MS - 1)])
    assert (found.release(), found.take_bad()) == ([], [])
    found.add_ends([end(2, 100 + INCOMPLETE_AFTER_MS)])
    assert found.release() == []
    assert found.take_bad() == [bad(offset=4, time_ms=100)]
    assert found.take_offsets()[0] == {ENTRIES: 5}


def test_offsets_stay_before_a_record_that_is_held() -> None:
    """Rows before it are committed, it is not: a restart reads it again, and it is parked once."""
    found = alignment()
    found.add_rows([row(1, offset=3)])
    found.add_bad(bad(offset=4, time_ms=9_999))
    found.add_ends([end(1, 5, entries=1)])
    assert brief(found.release()) == [(10, 1, 0)]
    assert found.take_bad() == []
    assert found.take_offsets()[0] == {ENTRIES: 4}
    assert found.held == 1


def test_rows_outside_transactions_pass_a_held_record() -> None:
    """A row of a snapshot behind garbage is released at once, and the garbage is given up with it."""
    found = alignment()
    found.add_bad(bad(offset=4, time_ms=9_999))
    behind = (1, "r", "1", -1, -1, -1, "1", 0, 5, b"", "incremental", 6)
    found.add_rows([behind])
    assert [one.rows for one in found.release()] == [[behind]]
    assert found.take_bad() == [bad(offset=4, time_ms=9_999)]
    assert found.take_offsets()[0] == {ENTRIES: 6}


@given(st.data())
def test_every_record_is_given_up_once_whatever_the_restarts(data: st.DataObject) -> None:
    """Transactions with spoilt rows, killed at any step: each good row is released once, each bad one parked once.

    What was released or given up before a crash lies below the committed offset; what was not is read again.
    """
    stream, ends = _history(data)
    outcome = _Outcome()
    for _ in range(data.draw(st.integers(0, 4))):
        steps = data.draw(st.lists(st.booleans(), max_size=len(stream) + len(ends)))
        outcome.run(stream, ends, steps)
    outcome.run(stream, ends, None)
    assert sorted(outcome.parked) == [item.offset for item in stream if isinstance(item, BadFrame)]
    assert sorted(outcome.rows) == [item[8] for item in stream if not isinstance(item, BadFrame)]


def _history(data: st.DataObject) -> tuple[list[Row | BadFrame], list[End]]:
    """One partition's records, some of them spoilt, and the ENDs; the last one moves the clock far on."""
    stream: list[Row | BadFrame] = []
    ends: list[End] = []
    for txid in range(1, data.draw(st.integers(1, 6)) + 1):
        number = data.draw(st.integers(1, 3))
        for n in range(number):
            good = (
                1,
                "c",
                f"{txid}-{n}",
                txid,
                txid * 10 - 9 + n,
                n,
                "1",
                0,
                len(stream),
                b"%d" % (txid * 10 - 10),
                "",
                txid,
            )
            stream.append(bad(0, len(stream), txid) if data.draw(st.booleans()) else good)
        ends.append(end(txid, txid, entries=number))
    ends.append(end(len(ends) + 1, 10 * INCOMPLETE_AFTER_MS))
    return stream, ends


class _Outcome:
    """What was committed over all starts, and where the next one begins."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.parked: list[int] = []
        self._at = (0, 0, 0)

    def run(self, stream: list[Row | BadFrame], ends: list[End], steps: list[bool] | None) -> None:
        """One start: steps say whether a record or an END is read next; None reads everything to its end."""
        frontier, offset, end_offset = self._at
        found = Alignment(TABLES, frontier, 0, last_commit, {0: 1, 1: 1})
        left, ended = stream[offset:], [one for one in ends if one.offset >= end_offset]
        everything = [True] * len(left) + [False] * len(ended)
        for is_record in everything if steps is None else steps:
            if is_record and left:
                item = left.pop(0)
                found.add_bad(item) if isinstance(item, BadFrame) else found.add_rows([item])
                if not left:
                    found.reach_end(1, 0)
            elif ended and not is_record:
                found.add_ends([ended.pop(0)])
            self._commit(found)
        if steps is None:
            found.reach_end(1, 0)
            self._commit(found)

    def _commit(self, found: Alignment) -> None:
        self.rows += [one[8] for released in found.release() for one in released.rows]
        self.parked += [one.offset for one in found.take_bad()]
        offsets, end_offset = found.take_offsets()
        _, offset, before = self._at
        self._at = found.frontier, offsets.get(ENTRIES, offset), before if end_offset is None else end_offset

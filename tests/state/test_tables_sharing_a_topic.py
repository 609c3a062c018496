"""Tables that share a topic share its offsets: what is committed is a prefix of the partition, whichever table a row is of."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from state.aligning.alignment import Alignment
from state.aligning.spoilt import UNMAPPED_RECORD_TYPE
from state.row import OFFSET, PARTITION, BadFrame, End, Row
from tests.state.streams import TABLES, Streams, interleaved, repeat_tail, streams
from tests.state.test_alignment import expected, feed

#: both tables of the streams on the topic of the first
SHARED = [0, 0]


class OneTopic(Streams):
    """Streams whose tables share a topic."""

    def append(self, row: Row) -> None:
        """Put a row at the end of its partition, whichever table it is of."""
        rows = self.rows.setdefault((0, row[PARTITION]), [])
        rows.append((*row[:8], len(rows), *row[9:]))


def on_one_topic(out: Streams, rng: Random) -> Streams:
    """The rows of both tables in the partitions of one topic: commit after commit, any order within one."""
    merged = OneTopic(ends=out.ends, commits=out.commits, before=out.before)
    place = {end.txid: number for number, end in reversed(list(enumerate(out.ends)))}
    everything = [row for rows in out.rows.values() for row in rows]
    rng.shuffle(everything)
    for row in sorted(everything, key=lambda row: place[row[3]]):
        merged.append(row)
    return merged


def in_order(log: list[tuple[int, list[tuple[int, str, int]]]]) -> list[tuple[int, list[tuple[int, str, int]]]]:
    """Rows of a transaction that share an LSN have no order over partitions."""
    return [(position, sorted(rows)) for position, rows in log]


@given(streams(), st.integers(0, 10_000), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_restart_from_the_offsets_continues_exactly(out: Streams, seed: int, repeated: bool) -> None:
    """Promise 2: stop anywhere, read the topic again from its offsets with the stored frontier: nothing lost, nothing twice.

    Planted break, seen to fail: committing the offset behind the last seen row instead of the first unreleased one.
    """
    rng = Random(seed)
    out = on_one_topic(out, rng)
    if repeated:
        repeat_tail(out, rng)
    items = interleaved(out, rng)
    cut = rng.randint(0, len(items))
    first = Alignment(TABLES, 0, 0, out.last_commit, None, SHARED)
    log = feed(first, items[:cut], rng)
    offsets, end = first.take_offsets()
    again: list[Row | End] = []
    for item in items:
        passed = (end or 0) if isinstance(item, End) else offsets.get(item[PARTITION], 0)
        again += [item] * ((item.offset if isinstance(item, End) else item[OFFSET]) >= passed)
    second = Alignment(TABLES, first.frontier, first.clock_ms, out.last_commit, None, SHARED)
    assert in_order(log + feed(second, again, rng)) == in_order(expected(out))


def test_a_row_that_waits_holds_the_offset_of_the_other_table() -> None:
    """An incremental snapshot's row of one table lies behind a row of the other whose END is not there: it waits, too.

    Planted break, seen to fail: slots of its own for each table, so that the snapshot's row is released first; read again
    after a restart it would overwrite what came later.
    """
    alignment = Alignment(TABLES, 0, 0, lambda frame: 0, None, SHARED)
    held = (0, "u", "1", 700, 10, 1, "1", 0, 0, b"tx", "", 5)
    behind = (1, "r", "1", -1, -1, -1, "1", 0, 1, b"later", "incremental", 6)
    alignment.add_rows([held, behind])
    assert alignment.release() == []
    assert alignment.take_offsets() == ({}, None)
    alignment.add_ends([End(700, 30, {"public.accounts": 1}, 5, 0)])
    assert [released.rows for released in alignment.release()] == [[held, behind]]
    assert alignment.take_offsets() == ({0: 2}, 1)


def test_a_type_that_nobody_mapped_explains_no_missing_row() -> None:
    """It is parked as soon as its place is passed, and a transaction that is short of a row goes on waiting for it.

    Planted break, seen to fail: holding it like a record that could not be read.
    """
    alignment = Alignment(TABLES, 0, 0, lambda frame: 0, {0: 1, 1: 1}, SHARED)
    memo = BadFrame(0, "billing.events", 0, 0, b"", b"", UNMAPPED_RECORD_TYPE, "acme.Memo", 5)
    alignment.add_bad(memo)
    alignment.reach_end(0, 0)
    alignment.add_ends([End(700, 30, {"public.entries": 1}, 5, 0), End(701, 40, {}, 20_000, 1)])
    assert alignment.release() == []
    assert alignment.take_bad() == [memo]
    alignment.add_rows([(1, "u", "1", 700, 10, 1, "1", 0, 1, b"tx", "", 5)])
    assert [released.missing for released in alignment.release()] == [0]
    assert alignment.take_offsets() == ({0: 2}, 2)

"""Alignment: whole transactions, commit order, no repeats, offsets that a restart can trust."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from state.aligning.alignment import Alignment
from state.row import KEY, OFFSET, ORDER, PARTITION, PARTITION_BITS, TABLE, End, Released, Row
from tests.state.streams import TABLES, Streams, interleaved, repeat_tail, streams

Log = list[tuple[int, list[tuple[int, str, int]]]]


def feed(alignment: Alignment, items: list[Row | End], rng: Random) -> Log:
    """Hand over items in random batches; what was released, without the transactions that have no rows."""
    log: Log = []
    while items:
        n = rng.randint(1, len(items))
        batch, items = items[:n], items[n:]
        alignment.add_rows([i for i in batch if not isinstance(i, End)])
        alignment.add_ends([i for i in batch if isinstance(i, End)])
        log += [as_log(released) for released in alignment.release()]
    return log


def as_log(released: Released) -> tuple[int, list[tuple[int, str, int]]]:
    """A released transaction in the form of `Streams.commits`."""
    return released.position, [(row[TABLE], row[KEY], row[ORDER]) for row in released.rows]


def expected(out: Streams) -> Log:
    """Committed transactions that have rows."""
    return [(position, rows) for position, rows in out.commits if rows]


@given(streams(), st.integers(0, 10_000), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_interleaving_repetition_and_batching_gives_the_commit_log(out: Streams, seed: int, repeated: bool) -> None:
    """Promise 1: whatever the order of topics, repeats and batches, whole transactions come out in commit order, once.

    Planted break, seen to fail: releasing a transaction one row early (`len(rows) < expected - 1`).
    """
    rng = Random(seed)
    if repeated:
        repeat_tail(out, rng)
    alignment = Alignment(TABLES, 0, 0, out.last_commit)
    assert feed(alignment, interleaved(out, rng), rng) == expected(out)
    assert alignment.held == 0


@given(streams(), st.integers(0, 10_000), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_restart_from_the_offsets_continues_exactly(out: Streams, seed: int, repeated: bool) -> None:
    """Promise 2: stop anywhere, read again from the taken offsets with the stored frontier: nothing lost, nothing twice.

    Planted break, seen to fail: committing the offset of the last seen row instead of the first unreleased one.
    """
    rng = Random(seed)
    if repeated:
        repeat_tail(out, rng)
    items = interleaved(out, rng)
    cut = rng.randint(0, len(items))
    first = Alignment(TABLES, 0, 0, out.last_commit)
    log = feed(first, items[:cut], rng)
    rows, end = first.take_offsets()
    again: list[Row | End] = []
    for item in items:
        if isinstance(item, End):
            keep = item.offset >= (end or 0)
        else:
            keep = item[OFFSET] >= rows.get(item[TABLE] << PARTITION_BITS | item[PARTITION], 0)
        again += [item] * keep
    second = Alignment(TABLES, first.frontier, first.clock_ms, out.last_commit)
    assert log + feed(second, again, rng) == expected(out)


def test_a_partial_transaction_is_never_released() -> None:
    """Promise 1: with one of two rows missing nothing comes out, and the missing table is named."""
    out = Streams()
    out.before |= {b"a": 0, b"b": 0}
    row = (0, "c", "1", 700, 10, 1, "1", 0, 0, b"a", "", 5)
    alignment = Alignment(TABLES, 0, 0, out.last_commit)
    alignment.add_rows([row])
    alignment.add_ends([End(700, 30, {"public.accounts": 1, "public.entries": 1}, 5, 0)])
    assert alignment.release() == []
    stalled = alignment.stalled()
    assert stalled is not None and stalled.missing == {"public.entries": 1}
    assert alignment.take_offsets() == ({}, None)


def test_tables_that_are_not_captured_do_not_count() -> None:
    """END counts heartbeat messages and unmapped tables too; they are no reason to wait, and they move the frontier."""
    alignment = Alignment(TABLES, 0, 0, lambda frame: 0)
    alignment.add_ends([End(700, 30, {"public.debezium_signal": 2, "io.debezium.Monitor@1": 1}, 5, 0)])
    assert alignment.release() == []
    assert (alignment.frontier, alignment.clock_ms) == (30, 5)
    assert alignment.take_offsets() == ({}, 1)


def test_rows_of_an_incremental_snapshot_keep_their_place() -> None:
    """A row outside any transaction waits behind the held rows of its own partition, and only there."""
    alignment = Alignment(TABLES, 0, 0, lambda frame: 0)
    held = (0, "u", "1", 700, 10, 1, "1", 0, 0, b"tx", "", 5)
    behind = (0, "r", "1", -1, -1, -1, "1", 0, 1, b"later", "incremental", 6)
    elsewhere = (0, "r", "2", -1, -1, -1, "2", 1, 0, b"free", "incremental", 6)
    alignment.add_rows([held, behind, elsewhere])
    assert [r.rows for r in alignment.release()] == [[elsewhere]]
    alignment.add_ends([End(700, 30, {"public.accounts": 1}, 5, 0)])
    assert [r.rows for r in alignment.release()] == [[held, behind]]


def test_the_tombstone_of_a_repeated_delete_is_a_repeat() -> None:
    """A restarted connector repeats delete and tombstone; the row may live again by then and must stay."""
    alignment = Alignment(TABLES, 100, 0, lambda frame: 50)
    alignment.add_rows(
        [(0, "d", "1", 700, 60, 1, None, 0, 0, b"d", "", 5), (0, "t", "1", -1, -1, -1, None, 0, 1, b"", "", 0)]
    )
    assert alignment.release() == []
    assert alignment.repeats == 2
    assert alignment.take_offsets() == ({0: 2}, None)

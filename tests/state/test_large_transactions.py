"""A large transaction in slices is the same transaction: same accounts, same events, nothing in between, repeats or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.aligning.alignment import Alignment
from state.overflow import InMemory
from state.process import State, process
from state.resolving.identity import Identity
from state.row import OFFSET, PARTITION, PARTITION_BITS, TABLE, End, Released, Row
from state.rules import Rules
from state.shard import Shard
from state.slicing import SlicingSequencer
from state.step import Batch, Position
from tests.state.histories import History, decode
from tests.state.streams import TABLES, Streams, interleaved, repeat_half, repeat_tail, streams
from tests.state.test_alignment import Log, as_log, expected
from tests.state.test_process import MODEL, SHARDS, latest

Repeat = Callable[[Streams, Random], None]
#: what a killed connector repeats: nothing, the last transactions, half of the last one
REPEATS: st.SearchStrategy[Repeat] = st.sampled_from([lambda _out, _rng: None, repeat_tail, repeat_half])


def released(alignment: Alignment) -> Iterator[Released]:
    """Everything that is whole, with the rows of large transactions."""
    yield from alignment.release()
    while alignment.is_large_next:
        one, large = alignment.release_large()
        yield one._replace(rows=[*large.overflow.rows(), *one.rows])
        yield from alignment.release()


def feed(alignment: Alignment, items: list[Row | End], rng: Random) -> Log:
    """Hand over items in random batches; what was released."""
    log: Log = []
    while items:
        n = rng.randint(1, len(items))
        batch, items = items[:n], items[n:]
        alignment.add_rows([i for i in batch if not isinstance(i, End)])
        alignment.add_ends([i for i in batch if isinstance(i, End)])
        log += [as_log(one) for one in released(alignment)]
    return log


@given(streams(), st.integers(0, 10_000), REPEATS, st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_rows_that_are_kept_elsewhere_come_back_whole_and_once(
    out: Streams, seed: int, repeat: Repeat, rows_max: int
) -> None:
    """Promises 1 and 2: as in test_alignment, stopped anywhere and read again from the offsets, with rows out of memory.

    Planted breaks, seen to fail: repeats of rows that are kept elsewhere not taken off what is held; the offset of a large
    transaction moved past rows that are still held.
    """
    rng = Random(seed)
    repeat(out, rng)
    items = interleaved(out, rng)
    cut = rng.randint(0, len(items))
    first = Alignment(TABLES, 0, 0, out.last_commit)
    first.keep_elsewhere(rows_max, InMemory)
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
    second.keep_elsewhere(rows_max, InMemory)
    assert log + feed(second, again, rng) == expected(out)
    assert second.held == 0


class Run:
    """The whole pure path over a history; what a reader of all output has at each cut."""

    def __init__(self, streams: Streams, slice_rows: int | None) -> None:
        """Transactions of more than `slice_rows` rows come in slices, None: none does."""
        sequencer = SlicingSequencer(MODEL, Identity(MODEL.tables), SHARDS, Position(live=True), streams.last_commit)
        if slice_rows is not None:
            sequencer.turn_rows = 1
            sequencer.slice(slice_rows, InMemory)
        rules = Rules(1, ("none", "standard", "premium", "enterprise"), "finance", ())
        self.state = State(sequencer, lambda number: Shard(MODEL, decode, rules))
        self.logs: dict[int, list[bytes]] = {number: [] for number in range(SHARDS)}
        self.cuts: list[tuple[dict[str, int], dict[tuple[str, str], Any]]] = []
        self.slices = 0
        self.frontiers: dict[int, set[int]] = {}

    def feed(self, items: list[Row | End], rng: Random) -> Run:
        """In batches by chance, some of them while a transaction is handed out."""
        while items or self.state.sequencer.busy:
            n = rng.randint(0, len(items)) if self.state.sequencer.busy else rng.randint(min(1, len(items)), len(items))
            part, items = items[:n], items[n:]
            ends: list[tuple[int, End | int]] = [(0, i) for i in part if isinstance(i, End)]
            self._take(Batch([i for i in part if not isinstance(i, End)], ends, [], []))
        return self

    def _take(self, batch: Batch) -> None:
        outputs = process(batch, self.state)
        if outputs.step is None:
            return
        self.slices += not outputs.step.whole
        for number, output in outputs.shards.items():
            self.logs[number] += [json.dumps(record, sort_keys=True).encode() for record in output.records]
        if outputs.step.whole:
            shown = {key: body for log in self.logs.values() for key, body in latest(log).items() if body is not None}
            for (name, _), body in shown.items():
                if (
                    name == "entitlement"
                ):  # it says up to where it was true when it changed, be it in this release or before
                    del body["positions"]
            self.cuts.append((outputs.step.position.frontier, shown))

    def events(self) -> list[Any]:
        """Change events in an order that does not depend on slices."""
        entries = [json.loads(entry) for log in self.logs.values() for entry in log]
        found = [body for name, _, _, body in entries if name == "change"]
        return sorted(found, key=lambda event: (event["position"], event["account"]))

    def versions(self) -> dict[tuple[str, int], list[Any]]:
        """Every published version of each account at each frontier."""
        found: dict[tuple[str, int], list[Any]] = {}
        for name, key, _, body in (json.loads(entry) for log in self.logs.values() for entry in log):
            if name == "account":
                found.setdefault((key, body["billing"]["position"] if body else -1), []).append(body)
        return found


@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(0, 10_000), REPEATS, st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_slices_make_the_same_view(seed: int, transactions: int, other: int, repeat: Repeat, slice_rows: int) -> None:
    """Promises 1 to 3: with slices of one row and more the view of each cut, the events and the counts are the same.

    Planted breaks, seen to fail: rows of an account in two slices (`_Sorting.put` by row); batches that come meanwhile lost.
    """
    streams, rng = History(MODEL, seed).write(transactions), Random(other)
    repeat(streams, rng)
    items = interleaved(streams, rng)
    plain, sliced = Run(streams, None).feed(items, Random(0)), Run(streams, slice_rows).feed(items, rng)
    assert sliced.slices or all(len(rows) <= slice_rows for _, rows in streams.commits)
    assert sliced.cuts[-1] == plain.cuts[-1]
    assert sliced.events() == plain.events()
    assert sliced.state.sequencer.counts == plain.state.sequencer.counts
    assert sliced.state.sequencer.standings["billing"].held == 0


@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_no_account_is_published_half_changed(seed: int, transactions: int, slice_rows: int) -> None:
    """Promise 1: in slices, too, what billing reports equals what the rows add up to, in every record; one a transaction.

    Planted break, seen to fail: rows of an account in two slices (`_Sorting.put` by row).
    """
    streams = History(MODEL, seed).write(transactions)
    found = Run(streams, slice_rows).feed(interleaved(streams, Random(seed)), Random(seed))
    checked = 0
    for (_, position), bodies in found.versions().items():
        assert position < 0 or len(bodies) == 1
        for body in bodies:
            if body is not None:
                derived = sum(total["balance_minor"] for total in body["totals"].values())
                assert derived == body["reported_balance_minor"], body
                checked += 1
    assert checked


def test_what_waits_behind_a_large_transaction_is_released_after_it() -> None:
    """Nothing overtakes it, and nothing that was whole already waits for another batch."""
    streams = History(MODEL, 5).write(12)
    items: list[Row | End] = [*(row for rows in streams.rows.values() for row in rows), *streams.ends]
    found = Run(streams, 1).feed(items, Random(1))
    positions = [frontier["billing"] for frontier, _ in found.cuts]
    assert positions == sorted(positions)
    assert positions[-1] == streams.ends[-1].position


def test_a_large_transaction_of_one_account_is_one_slice() -> None:
    """An account's part of a transaction is never divided, however large it is."""
    streams = History(MODEL, 3).write(1)
    found = Run(streams, 1).feed([*(row for rows in streams.rows.values() for row in rows), *streams.ends], Random(0))
    assert len(found.cuts) == 1


@pytest.mark.parametrize("rows_max", [1, 3])
def test_the_memory_that_is_counted_is_bounded(rows_max: int) -> None:
    """Of a transaction of many rows never more than `rows_max` and one batch are in memory."""
    alignment = Alignment(TABLES, 0, 0, lambda frame: 0)
    alignment.keep_elsewhere(rows_max, InMemory)
    for number in range(50):
        alignment.add_rows([(0, "c", str(number), 700, 10 + number, number, "1", 0, number, b"", "", 5)])
        assert len(alignment._pending.rows[700]) <= rows_max
    assert alignment.held == 50
    assert alignment.release() == []

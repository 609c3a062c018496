"""The engine sends every item to the worker that was chosen for it: shards stay off the worker that reads and writes."""

from __future__ import annotations

import threading
from collections import defaultdict

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, cluster_main

from dataflows.placement import SERIAL_WORKER, sequencer_key, shard_keys, shard_workers, siphash13, worker_of


class _Notes(op.StatefulBatchLogic[str, str, None]):
    """Writes down which thread, and so which worker, an item reaches."""

    def __init__(self, seen: dict[int, set[str]]) -> None:
        self._seen = seen

    def on_batch(self, values: list[str]) -> tuple[list[str], bool]:
        self._seen[threading.get_ident()].update(values)
        return [], False

    def on_notify(self) -> tuple[list[str], bool]:
        return [], False

    def on_eof(self) -> tuple[list[str], bool]:
        return [], False

    def notify_at(self) -> None:
        return None

    def snapshot(self) -> None:
        return None


def _where(keys: list[str], workers: int) -> list[set[str]]:
    """The keys that share a worker of a real engine."""
    seen: dict[int, set[str]] = defaultdict(set)
    flow = Dataflow("placement")
    items = op.input("items", flow, TestingSource([(key, key) for key in keys]))
    op.output("end", op.stateful_batch("note", items, lambda _none: _Notes(seen)), TestingSink([]))
    cluster_main(flow, [], 0, worker_count_per_proc=workers)
    return list(seen.values())


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_keys_reach_the_worker_that_was_computed(workers: int) -> None:
    """Keys that share a worker by our count share a thread of the engine, and no others do.

    Planted break, seen to fail: leaving out the 0xff that ends a text mixes the groups.
    """
    keys = [f"k{number}" for number in range(60)]
    expected = defaultdict(set)
    for key in keys:
        expected[worker_of(key, workers)].add(key)
    assert sorted(map(sorted, _where(keys, workers))) == sorted(map(sorted, expected.values()))


@pytest.mark.parametrize(
    ("shards", "workers", "expected"),
    [
        (4, 1, [4]),
        (4, 2, [1, 3]),
        (12, 2, [3, 9]),
        (12, 3, [0, 6, 6]),
        (5, 4, [0, 2, 2, 1]),
    ],
)
def test_shards_share_the_workers_that_do_not_read(shards: int, workers: int, expected: list[int]) -> None:
    """Evenly; of two workers the one that reads has a quarter. Keys are distinct; with one worker everything is there."""
    keys = shard_keys(shards, workers)
    assert len(set(keys)) == shards
    placed = [worker_of(key, workers) for key in keys]
    assert [placed.count(worker) for worker in range(workers)] == expected
    assert placed == shard_workers(shards, workers)  # who restores a shard gets its releases
    assert worker_of(sequencer_key(workers), workers) == SERIAL_WORKER


def test_siphash_is_the_published_one() -> None:
    """The empty text and 'hello world' as Rust's DefaultHasher hashes their bytes."""
    assert siphash13(b"") == 0xD1FBA762150C532C
    assert siphash13(b"a" * 8) != siphash13(b"a" * 7)

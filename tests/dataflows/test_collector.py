"""With the collector's own schedule off, nothing piles up: a change makes no cycles, and new ones are found."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from benchmarks.flow import SOURCE_NAMES, SOURCES_DIR
from benchmarks.shard import Pass, SchemasAlone, polls
from connectors.mappings.loading import load_model
from dataflows import collector


@pytest.fixture(autouse=True)
def _schedule() -> Iterator[None]:
    """Give the interpreter its schedule back."""
    yield
    gc.unfreeze()
    gc.enable()


class Node:
    """Refers to itself; counts those that are alive."""

    alive = 0

    def __init__(self) -> None:
        """One more."""
        self.me = self
        Node.alive += 1

    def __del__(self) -> None:
        """One less."""
        Node.alive -= 1


def batch(state: list[list[int]], cycles: int) -> None:
    """One batch that makes so much that it is put away: most of it stays, some are cycles that nobody reaches."""
    for _ in range(cycles):
        Node()
    state += [[] for _ in range(collector.NEW_OBJECTS_MAX + 1 - cycles)]
    collector.tidy()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which generation each look went through."""
    seen: list[int] = []
    collect = gc.collect
    monkeypatch.setattr(collector, "NEW_OBJECTS_MAX", 2_000)
    monkeypatch.setattr(collector, "LOOKED_AT_MAX", 2_000)
    monkeypatch.setattr(collector, "MISSED_MAX", 2_000)

    def counted(generation: int = 2) -> int:
        seen.append(generation)
        return collect(generation)

    monkeypatch.setattr(gc, "collect", counted)
    collector.begin()
    seen.clear()
    Node.alive = 0
    return seen


def test_changes_leave_no_cycles() -> None:
    """From peek to encoded records: after thousands of changes a full collection finds next to nothing.

    Planted break, seen to fail: a Transaction that refers to itself by one of its changes leaves thousands.
    """
    run = Pass(SchemasAlone("http://none"), load_model(SOURCES_DIR, SOURCE_NAMES))
    messages = polls(4_000, 400)
    collector.begin()
    run.run(messages)
    gc.unfreeze()
    assert gc.collect() < 400  # classes and compiled functions of the start


def test_cycles_that_are_new_are_found() -> None:
    """What errors and logs leave behind goes with the next look, without a full collection."""
    collector.begin()
    for _ in range(2 * collector.NEW_OBJECTS_MAX):
        ring: list[object] = []
        ring.append(ring)
    del ring
    collector.tidy()
    gc.unfreeze()
    assert gc.collect() < 50


def test_looks_that_find_nothing_are_left_out(looks: list[int]) -> None:
    """A flow without cycles is looked through more and more seldom, down to one look in eight, and never as a whole."""
    state: list[list[int]] = []
    for _ in range(80):
        batch(state, 0)
    assert set(looks) == {0} and 80 // 8 <= len(looks) <= 80 // 8 + 3


def test_a_look_goes_through_few(looks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """An eighth of what is put away unseen, so that no batch waits long. Planted: looked at when as many have come."""
    monkeypatch.setattr(collector, "LOOKED_AT_MAX", 250)
    sizes: list[int] = []
    collect = gc.collect

    def measured(generation: int) -> int:
        sizes.append(gc.get_count()[0])
        return collect(generation)

    monkeypatch.setattr(gc, "collect", measured)
    state: list[list[int]] = []
    for _ in range(800):
        state += [[] for _ in range(200)]
        collector.tidy()
    assert 800 * 200 // (7 * 2_000 + 250) <= len(sizes) <= 20 and max(sizes) < 500


def test_one_find_brings_every_look_back(looks: list[int]) -> None:
    """Once cycles come, each batch is looked through while they come, and nothing of them stays.

    Planted break, seen to fail: a pause that a find does not end leaves those of the batches between.
    """
    state: list[list[int]] = []
    for _ in range(40):
        batch(state, 0)
    for _ in range(collector.LEFT_OUT_MAX + 1):
        batch(state, 50)
    looks.clear()
    before = Node.alive
    for _ in range(10):
        batch(state, 50)
        assert Node.alive == before
    assert looks == [0] * 10


@pytest.mark.parametrize("quiet", [0, 3, 20])
@pytest.mark.parametrize("cycles", [20, 200, 2_000])
def test_what_cycles_hold_is_bounded(looks: list[int], quiet: int, cycles: int) -> None:
    """However much cycles hold, and however long nothing comes in between: what piles up stays below a bound.

    Planted break, seen to fail: without the look through everything, bursts after quiet times add up.
    """
    state: list[list[int]] = []
    most = 0
    for _ in range(20):
        for _ in range(quiet):
            batch(state, 0)
        for _ in range(10):
            batch(state, cycles)
            most = max(most, Node.alive)
    assert most <= collector.MISSED_MAX + (collector.LEFT_OUT_MAX + 1) * collector.NEW_OBJECTS_MAX
    if cycles == 2_000 and quiet == 20:
        assert 2 in looks

"""Shards run ahead of one another, and still every step is written once, whole, behind those before it."""

from __future__ import annotations

from collections import deque
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dataflows.encode import ShardRecords
from dataflows.flight import BACKLOG_POLLS, STEPS_MAX, Flight
from state.row import Release
from state.step import Step

SHARDS = 3


def step(shards: set[int]) -> Step:
    """A step that concerns these shards."""
    return Step(releases={shard: Release(0, {}, [], True, False) for shard in shards})


def records(shard: int, number: int) -> ShardRecords:
    """What a shard makes of a step, named by both."""
    return ShardRecords({str(shard): number}, [], [], {})


@given(st.lists(st.sets(st.integers(0, SHARDS - 1)), max_size=12), st.randoms(use_true_random=False))
def test_every_order_of_arrival_is_written_in_order(concerned: list[set[int]], chance: Random) -> None:
    """Each shard answers in its own order, at any time; what is written at once is always a prefix of the steps.

    Planted breaks, seen to fail: a step that is written although one of its shards is missing; records that count for the
    oldest step instead of their own.
    """
    flight, to_do, written = Flight(), {shard: deque[int]() for shard in range(SHARDS)}, 0
    ahead = deque(concerned)
    while ahead or any(to_do.values()):
        waiting = [shard for shard, numbers in to_do.items() if numbers]
        if ahead and not flight.full and (not waiting or chance.random() < 0.5):
            number, shards = flight.number, ahead.popleft()
            flight.begin(step(shards))
            for shard in shards:
                to_do[shard].append(number)
        else:
            shard = chance.choice(waiting)
            flight.arrive(number := to_do[shard].popleft(), records(shard, number))
        for _, parts in flight.whole():
            assert {int(name) for part in parts for name in part.frontier} == concerned[written]
            written += 1
            assert all(part.frontier[name] == written for part in parts for name in part.frontier)
        flight.commit()
        assert flight.committed == written
    assert written == len(concerned)


def test_no_more_is_read_than_may_be_under_way() -> None:
    """Memory is bounded by steps under way, whichever shard is slow; the writer is asked for a cut before each read."""
    flight, looked = Flight(), []
    flight.look = lambda: looked.append(flight.number)
    while flight.may_read():
        flight.begin(step({0}))
    assert looked == list(range(1, STEPS_MAX + 2))
    flight.arrive(1, records(0, 1))
    assert not flight.may_read()
    assert len(list(flight.whole())) == 1
    assert flight.may_read()


def test_a_pause_is_no_backlog() -> None:
    """Polls that are full one after the other are; one that is not ends it: then cuts are to be soon again."""
    flight = Flight()
    told = []
    for full in [True] * BACKLOG_POLLS + [False] + [True] * (BACKLOG_POLLS - 1):
        flight.polled(full)
        told.append(flight.behind)
    assert told == [False] * (BACKLOG_POLLS - 1) + [True] + [False] * BACKLOG_POLLS

"""What goes into the sequencer and what comes out of it: a batch of peeked records, the position it stands at, a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from state.aside import ExceptionRecord, WaitingFact
from state.row import BadFrame, End, Merged, Notice, Release, Row

#: the clock that accounts see stands still in between
TICK_MS: Final = 200


def ticked(clock_ms: Mapping[str, int]) -> int:
    """The clock of all accounts: up to when every source has been seen, in whole ticks.

    Whatever shard an account lives in, the same timers have fired of it at every cut, after a restart as well.
    """
    now = min(clock_ms.values(), default=0)
    return now - now % TICK_MS


class Batch(NamedTuple):
    """What was peeked since the last call; `ends` and `notices` carry the number of their source."""

    rows: list[Row]
    ends: list[tuple[int, End | int]]
    notices: list[tuple[int, Notice, int]]
    bad: list[BadFrame]
    #: (table, partition) whose end the reader has reached, behind the batch's own rows
    reached: Sequence[tuple[int, int]] = ()


class Standing(NamedTuple):
    """Where a source stands: its frontier, rows that wait for their transaction to be whole, its clock in ms.

    `ahead`: partitions (topic, number) that hold such rows, and none that are lacked now: how many rows of each.
    """

    position: int
    held: int
    clock_ms: int
    ahead: Mapping[tuple[str, int], int]


@dataclass(slots=True)
class Position:
    """Where the sequencer stands: stored with every cut, given back at the next start."""

    frontier: dict[str, int] = field(default_factory=dict)
    clock_ms: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    snapshots: dict[str, int] = field(default_factory=dict)
    live: bool = False


@dataclass(slots=True)
class Step:
    """One call's outcome: releases per shard, what to store, and what was set aside or refused.

    `whole` is False for part of a large transaction: no cut may end before the step that is whole.
    """

    position: Position = field(default_factory=Position)
    releases: dict[int, Release] = field(default_factory=dict)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    facts: list[WaitingFact] = field(default_factory=list)
    exceptions: list[ExceptionRecord] = field(default_factory=list)
    parked: list[BadFrame] = field(default_factory=list)
    merged: dict[int, list[Merged]] = field(default_factory=dict)
    whole: bool = True

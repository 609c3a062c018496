"""What resolving one transaction led to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from state.row import Change, Row


class Waiting(NamedTuple):
    """A row without an account, with the position of its transaction."""

    row: Row
    source: str
    position: int
    time_ms: int


@dataclass(slots=True)
class Resolved:
    """One transaction's changes with their accounts; rows set aside, rows let go, rows superseded while they waited.

    `applied` and `ignored` count this transaction's own rows. Rows let go are of any source: each comes with its own
    change, whose position and time are those it waited with, and counts as applied too. `links`: rows that belong to
    nobody and only make links known, to be stored (None: no longer).
    """

    changes: list[Change] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    let_go: list[tuple[Waiting, Change]] = field(default_factory=list)
    superseded: list[Waiting] = field(default_factory=list)
    links: list[tuple[tuple[int, str], Waiting | None]] = field(default_factory=list)
    applied: int = 0
    ignored: int = 0

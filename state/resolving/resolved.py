"""What resolving one transaction led to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from state.row import Change, Merged, Row


class Waiting(NamedTuple):
    """A row without an account, with the position of its transaction."""

    row: Row
    source: str
    position: int
    time_ms: int


class Moved(NamedTuple):
    """A row that a change of another row moved: `now` is None where no way leads to an account any more."""

    table: int
    key: str
    was: str
    now: str | None


@dataclass(slots=True)
class Resolved:
    """One transaction's changes with their accounts; rows set aside, rows let go, rows superseded while they waited.

    `applied` and `ignored` count this transaction's own rows. Rows let go are of any source: each comes with its own
    change, whose position and time are those it waited with, and counts as applied too. `links`: rows that belong to
    nobody and only make links known, to be stored (None: no longer). `moved`: rows of any source that are not in this
    transaction; their frames have to be read back (`state/resolving/moves.py`). `own`: how rows of this transaction leave one
    account and come to another, where what is noted of them has to come, too. `crossed`: accounts that rows of this
    transaction leave or come to.
    """

    changes: list[Change] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    let_go: list[tuple[Waiting, Change]] = field(default_factory=list)
    superseded: list[Waiting] = field(default_factory=list)
    links: list[tuple[tuple[int, str], Waiting | None]] = field(default_factory=list)
    moved: Sequence[Moved] = ()
    own: dict[tuple[int, str], tuple[Change, list[Change]]] = field(default_factory=dict)
    merged: Sequence[Merged] = ()
    crossed: list[str] = field(default_factory=list)
    applied: int = 0
    ignored: int = 0

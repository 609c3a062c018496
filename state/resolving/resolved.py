"""What resolving one transaction led to."""

from __future__ import annotations

from collections.abc import Sequence
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


class Resolved:
    """One transaction's changes with their accounts; rows set aside, rows let go, rows superseded while they waited.

    `applied` and `ignored` count this transaction's own rows. Rows let go are of any source: each comes with its own
    change, whose position and time are those it waited with, and counts as applied too. `links`: rows that belong to
    nobody and only make links known, to be stored (None: no longer). `moved`: rows of any source that are not in this
    transaction; their frames have to be read back (`state/resolving/moves.py`). `own`: how rows of this transaction leave one
    account and come to another, where what is noted of them has to come, too. `crossed`: accounts that rows of this
    transaction leave or come to.
    """

    __slots__ = (
        "applied", "changes", "crossed", "ignored", "let_go", "links", "merged", "moved", "own", "superseded", "waiting",
    )  # fmt: skip

    def __init__(self, moved: Sequence[Moved] = ()) -> None:
        """Nothing yet but these moves."""
        self.changes: list[Change] = []
        self.waiting: list[Waiting] = []
        self.let_go: list[tuple[Waiting, Change]] = []
        self.superseded: list[Waiting] = []
        self.links: list[tuple[tuple[int, str], Waiting | None]] = []
        self.moved = moved
        self.own: dict[tuple[int, str], tuple[Change, list[Change]]] = {}
        self.merged: Sequence[Merged] = ()
        self.crossed: list[str] = []
        self.applied = 0
        self.ignored = 0

"""What is kept of an account besides its rows and what they add up to: what was told of it, and what no row says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from state.roles import Fact, Ref
from state.sparse import NOTHING, Sparse

if TYPE_CHECKING:
    from state.folding.entitlement import Entitled
    from state.folding.life import Step
    from state.folding.segments import Segment, Share, Sums
    from state.folding.term import Term

_NOT_BLOCKED: frozenset[str] = frozenset()


class Remembered(Sparse):
    """Of most accounts almost nothing: what is a `Mapping` here holds `NOTHING` until something is written."""

    __slots__ = (
        "blocked",
        "brought",
        "deadlines",
        "due",
        "exceptions",
        "fresh",
        "illegal",
        "intents",
        "made",
        "moving",
        "next_due_ms",
        "next_end_ms",
        "next_milestone_ms",
        "noted",
        "parted",
        "parts",
        "passed",
        "pending",
        "segment",
        "shares",
        "shown",
        "stands",
        "stepping",
        "stories",
        "terms",
        "told",
        "trails",
        "withheld",
    )

    #: exceptions that were published: id -> (what they are about, their text)
    exceptions: Mapping[str, tuple[tuple[str, str], str]]
    #: intents that are settling or wanted, by rule and object id
    intents: Mapping[tuple[str, str], dict[str, Any]]
    #: kinds of objects of which nothing was derived in the last cut
    blocked: frozenset[str]
    #: what the account was entitled to when it was last published
    shown: Entitled | None
    #: when open cases are due, ms
    deadlines: Mapping[Ref, int]
    #: rows that derived objects are made of, by (source, kind, field, value); see `state/folding/derive.py`
    parts: Mapping[tuple[str, str, str, str], dict[Ref, None]]
    #: derived objects to be made anew, what each anchor's last making gave, and when it changes by itself
    pending: Mapping[tuple[int, str], None]
    made: Mapping[tuple[int, str], tuple[Ref, ...]]
    due: Mapping[tuple[int, str], int]
    #: timers that were set: a derived object changes by itself, an entitlement ends, a milestone is reached
    next_due_ms: int | None
    next_end_ms: int | None
    next_milestone_ms: int | None
    #: states that rows were in, oldest first: as they are noted, and as the rows of derived objects say themselves
    trails: Mapping[Ref, tuple[Step, ...]]
    stories: Mapping[Ref, tuple[Step, ...]]
    #: the row that stands for each derived object; rows that have just come, with the clock and what was told before
    stands: Mapping[Ref, Ref]
    brought: Mapping[Ref, tuple[int, dict[str, Any]]]
    #: rows whose state changed since the last cut: position of the transaction, what they said before it
    stepping: Mapping[Ref, tuple[int, Fact]]
    #: the account's own segment, its totals by currency and segment, and what each object adds to them
    segment: Segment | None
    parted: Sums
    shares: Mapping[tuple[str, str], list[Share]]
    #: dates of subscriptions, whether some are new, what is noted of them, when the next milestone is
    terms: Mapping[tuple[Ref, str], Term]
    #: dates that changed since the last cut: position of the transaction, what was there before it
    passed: Mapping[tuple[Ref, str], tuple[int, Term | None]]
    fresh: bool
    noted: Mapping[Ref, dict[str, Any]]
    #: recurring revenue that was told, minor by currency (None: as the rows say), and whether a note keeps it
    told: Mapping[str, int] | None
    withheld: bool
    #: whether a subscription changed since the sum was last found to be what was told
    moving: bool
    #: open exceptions about illegal steps, by their id
    illegal: Mapping[str, dict[str, Any]]

    def __init__(self) -> None:
        """Nothing was told, nothing has to be remembered."""
        self.exceptions = self.intents = self.deadlines = self.illegal = NOTHING
        self.parts = self.pending = self.made = self.due = self.stands = self.stories = NOTHING
        self.trails = self.brought = self.stepping = self.parted = self.shares = NOTHING
        self.terms = self.passed = self.noted = self.told = NOTHING
        self.blocked = _NOT_BLOCKED
        self.shown = self.segment = None
        self.next_due_ms = self.next_end_ms = self.next_milestone_ms = None
        self.fresh = self.withheld = self.moving = False

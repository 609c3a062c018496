"""One account in memory: its rows as facts, the objects they make, and running totals. Only `state/folding/fold.py` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from state.folding.tally import Counts, Item, Split, Tally, Totals
from state.folding.usage_sums import UsageSums
from state.roles import ID, POSITION, TIME_MS, Fact, Ref
from state.spells import Tenure

if TYPE_CHECKING:
    from state.folding.entitlement import Entitled
    from state.folding.life import Step
    from state.folding.segments import Segment, Share, Sums
    from state.folding.term import Term


class Fault(NamedTuple):
    """Why a row is parked, since when (position and commit time of the row image that is at fault)."""

    code: str
    reason: str
    object: str
    position: int
    time_ms: int


class Account:
    """Everything known of one account: a function of its live rows alone, whatever the order they came in."""

    __slots__ = (
        "blocked",
        "brought",
        "changed",
        "clocks",
        "counts",
        "currency",
        "deadlines",
        "dirty",
        "due",
        "ending",
        "exceptions",
        "faults",
        "fresh",
        "id",
        "illegal",
        "intents",
        "items",
        "kept_frames",
        "made",
        "merged_into",
        "next_due_ms",
        "next_end_ms",
        "next_milestone_ms",
        "noted",
        "odd",
        "parted",
        "parts",
        "passed",
        "pending",
        "positions",
        "rows",
        "segment",
        "shares",
        "shown",
        "splits",
        "stale",
        "stands",
        "starting",
        "stepping",
        "steps",
        "stories",
        "tallies",
        "tenure",
        "terms",
        "tiers",
        "told",
        "totals",
        "touched_ms",
        "trails",
        "usage",
        "withheld",
    )

    def __init__(self, identity: str, steps: Mapping[str, int]) -> None:
        """An account without rows; `steps` are the 10^-9 units of one minor unit, per currency."""
        self.id, self.steps = identity, steps
        self.rows: dict[Ref, Fact] = {}
        self.positions: dict[str, int] = {}
        self.faults: dict[Ref, Fault] = {}
        self.kept_frames: dict[Ref, bytes] = {}
        self.dirty: dict[tuple[str, str], int] = {}
        self.touched_ms = 0
        #: whether a row changed since the account was last published
        self.changed = False
        #: exceptions that were published: id -> (what they are about, their text)
        self.exceptions: dict[str, tuple[tuple[str, str], str]] = {}
        #: intents that are settling or wanted, by rule and object id
        self.intents: dict[tuple[str, str], dict[str, Any]] = {}
        #: kinds of objects of which nothing was derived in the last cut
        self.blocked: frozenset[str] = frozenset()
        #: the account that this one was merged into
        self.merged_into: str | None = None
        #: what the account was entitled to when it was last published
        self.shown: Entitled | None = None
        #: when open cases are due, ms
        self.deadlines: dict[Ref, int] = {}
        self.next_end_ms: int | None = None
        self.stale = False
        #: whether a row was ever unknown in a field or shared its object with another: then every flag is looked for
        self.odd = False
        self.currency: dict[str, str | None] = {}
        #: rows that derived objects are made of, by (source, kind, field, value); see `state/folding/derive.py`
        self.parts: dict[tuple[str, str, str, str], dict[Ref, None]] = {}
        #: derived objects to be made anew, what each anchor's last making gave, and when it changes by itself
        self.pending: dict[tuple[int, str], None] = {}
        self.made: dict[tuple[int, str], tuple[Ref, ...]] = {}
        self.due: dict[tuple[int, str], int] = {}
        self.next_due_ms: int | None = None
        self.tenure = Tenure()
        self.remember_nothing()
        self.clear()

    def remember_nothing(self) -> None:
        """Begin without a history, without dates to come, and without segments."""
        #: states that rows were in, oldest first: as they are noted, and as the rows of derived objects say themselves
        self.trails: dict[Ref, tuple[Step, ...]] = {}
        self.stories: dict[Ref, tuple[Step, ...]] = {}
        #: the row that stands for each derived object; rows that have just come, with the clock and what was told before
        self.stands: dict[Ref, Ref] = {}
        self.brought: dict[Ref, tuple[int, dict[str, Any]]] = {}
        #: rows whose state changed since the last cut: position of the transaction, what they said before it
        self.stepping: dict[Ref, tuple[int, Fact]] = {}
        #: the account's own segment, its totals by currency and segment, and what each object adds to them
        self.segment: Segment | None = None
        self.parted: Sums = {}
        self.shares: dict[tuple[str, str], list[Share]] = {}
        #: dates of subscriptions, whether some are new, what is noted of them, when the next milestone is
        self.terms: dict[tuple[Ref, str], Term] = {}
        #: dates that changed since the last cut: position of the transaction, what was there before it
        self.passed: dict[tuple[Ref, str], tuple[int, Term | None]] = {}
        self.fresh = self.withheld = False
        self.noted: dict[Ref, dict[str, Any]] = {}
        self.next_milestone_ms: int | None = None
        #: recurring revenue that was told, minor by currency (None: as the rows say), and whether a note keeps it
        self.told: dict[str, int] | None = {}
        #: open exceptions about illegal steps, by their id
        self.illegal: dict[str, dict[str, Any]] = {}

    def clear(self) -> None:
        """Forget what was derived from the rows; the rows stay."""
        self.items: dict[tuple[str, str], Item] = {}
        self.tallies: dict[Ref, Tally] = {}
        self.splits: dict[Ref, Split] = {}  #: payments that other rows divide among invoices
        self.totals: dict[str, Totals] = {}
        self.counts = Counts()
        self.usage = UsageSums()
        self.clocks: dict[Ref, None] = {}  #: open cases
        self.tiers: dict[str | None, int] = {}  #: live subscriptions per tier
        #: cancelled subscriptions that stay entitled: row -> (tier, end in ms or None for open-ended)
        self.ending: dict[Ref, tuple[str | None, int | None]] = {}
        #: live subscriptions that entitle for a time only: row -> (tier, start in ms, end in ms); None is never
        self.starting: dict[Ref, tuple[str | None, int | None, int | None]] = {}

    def tally(self, ref: Ref) -> Tally:
        """The sums over the children of a row."""
        found = self.tallies.get(ref)
        if found is None:
            found = self.tallies[ref] = Tally()
        return found

    def late_tally(self, kind: str, system: str, ref: Ref) -> Tally:
        """A new tally of a row that seldom has children, so that its own coming made none: with its object, if it is there."""
        tally = self.tallies[ref] = Tally()
        fact = self.rows.get(ref)
        item = self.items.get((kind, fact[ID])) if fact is not None else None
        if item is not None and item.shows(system, ref):
            tally.item = item
        return tally

    def total(self, currency: str) -> Totals:
        """The totals in a currency."""
        found = self.totals.get(currency)
        if found is None:
            found = self.totals[currency] = Totals()
        return found

    def drop_if_unused(self, ref: Ref) -> None:
        """Forget a tally that neither a row nor a child needs."""
        tally = self.tallies.get(ref)
        if tally is not None and tally.item is None and not tally.children and not tally.lines:
            del self.tallies[ref]

    def place(self, kind: str, system: str, ref: Ref, identity: str, sign: int) -> Item:
        """Attach a row to its object (sign 1) or detach it (-1), and mark the object as touched."""
        key = (kind, identity)
        item = self.items.get(key)
        if item is None:
            item = self.items[key] = Item(kind, identity)
        if sign > 0:
            if getattr(item, system) is None:
                setattr(item, system, ref)
            else:
                item.attach(system, ref)
                self.odd = True
        elif item.extra is None:
            setattr(item, system, None)
        else:
            item.detach(system, ref)
        self.dirty[key] = self.touched_ms
        return item

    def touch(self, item: Item | None) -> None:
        """A child of the object changed."""
        if item is not None:
            self.dirty[item.kind, item.id] = self.touched_ms

    def mark_of(self, ref: Ref, kind: str) -> None:
        """A row's fault begins or ends: the object that it shows is touched."""
        fact = self.rows.get(ref)
        if fact is not None and (kind, fact[ID]) in self.items:
            self.dirty[kind, fact[ID]] = self.touched_ms

    def mark_all(self) -> None:
        """Every object counts as touched when its row last changed."""
        for key, item in self.items.items():
            self.dirty[key] = max((self.rows[ref][TIME_MS] for ref in item.refs), default=self.touched_ms)

    def show_all(self) -> None:
        """Readers know nothing of the account yet: everything of it is to be published, and nothing of it is an event."""
        self.mark_all()
        self.shown, self.exceptions, self.changed = None, {}, True
        if not self.withheld:
            self.told = None

    def settle(self, tally: Tally) -> None:
        """Bring an invoice's open amount, and the account's, up to date."""
        due = tally.due
        settled = tally.paid + tally.applied
        now = due - settled if due is not None and due > settled else 0
        if now != tally.open and tally.currency is not None:
            self.total(tally.currency).open += now - tally.open
            tally.open = now

    def newest(self, source_of: list[str], source: str) -> int | None:
        """Position of the newest live row of a source, None without rows."""
        found = [fact[POSITION] for ref, fact in self.rows.items() if source_of[ref[0]] == source]
        return max(found, default=None)

"""One account in memory: its rows as facts, the objects they make, and running totals. Only `state/folding/fold.py` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from state.folding.remembered import Remembered
from state.folding.tally import Counts, Item, Split, Tally, Totals
from state.folding.usage_sums import UsageSums
from state.roles import ID, POSITION, TIME_MS, Fact, Ref
from state.sparse import NOTHING
from state.spells import Tenure


class Fault(NamedTuple):
    """Why a row is parked, since when (position and commit time of the row image that is at fault)."""

    code: str
    reason: str
    object: str
    position: int
    time_ms: int


class Account(Remembered):
    """Everything known of one account: a function of its live rows alone, whatever the order they came in."""

    __slots__ = (
        "changed",
        "clocks",
        "counts",
        "currency",
        "dirty",
        "ending",
        "faults",
        "id",
        "items",
        "kept_frames",
        "merged_into",
        "odd",
        "positions",
        "rows",
        "splits",
        "stale",
        "starting",
        "steps",
        "tallies",
        "tenure",
        "tiers",
        "totals",
        "touched_ms",
        "usage",
    )

    def __init__(self, identity: str, steps: Mapping[str, int]) -> None:
        """An account without rows; `steps` are the 10^-9 units of one minor unit, per currency."""
        super().__init__()
        self.id, self.steps = identity, steps
        self.rows: dict[Ref, Fact] = {}
        self.positions: dict[str, int] = {}
        self.faults: Mapping[Ref, Fault] = NOTHING
        self.kept_frames: Mapping[Ref, bytes] = NOTHING
        self.dirty: dict[tuple[str, str], int] = {}
        self.touched_ms = 0
        #: whether a row changed since the account was last published
        self.changed = False
        #: the account that this one was merged into
        self.merged_into: str | None = None
        self.stale = False
        #: whether a row was ever unknown in a field or shared its object with another: then every flag is looked for
        self.odd = False
        #: of the account's row in each system
        self.currency: Mapping[str, str | None] = NOTHING
        self.tenure = Tenure()
        self.clear()

    def clear(self) -> None:
        """Forget what was derived from the rows; the rows stay."""
        self.items: dict[tuple[str, str], Item] = {}
        self.tallies: Mapping[Ref, Tally] = NOTHING
        self.splits: Mapping[Ref, Split] = NOTHING  #: payments that other rows divide among invoices
        self.totals: dict[str, Totals] = {}
        self.counts = Counts()
        self.tenure.rows = []
        self.usage: UsageSums = NOTHING
        self.clocks: Mapping[Ref, None] = NOTHING  #: open cases
        self.tiers: dict[str | None, int] = {}  #: live subscriptions per tier
        #: cancelled subscriptions that stay entitled: row -> (tier, end in ms or None for open-ended)
        self.ending: Mapping[Ref, tuple[str | None, int | None]] = NOTHING
        #: live subscriptions that entitle for a time only: row -> (tier, start in ms, end in ms); None is never
        self.starting: Mapping[Ref, tuple[str | None, int | None, int | None]] = NOTHING

    def tally(self, ref: Ref) -> Tally:
        """The sums over the children of a row."""
        found = self.tallies.get(ref)
        if found is None:
            found = self.own("tallies")[ref] = Tally()
        return found

    def late_tally(self, kind: str, system: str, ref: Ref) -> Tally:
        """A new tally of a row that seldom has children, so that its own coming made none: with its object, if it is there."""
        tally = self.own("tallies")[ref] = Tally()
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
            self.drop("tallies", ref)

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
        self.shown, self.exceptions, self.changed = None, NOTHING, True
        if not self.withheld:
            self.told = None

    def settle(self, tally: Tally) -> None:
        """Bring an invoice's open amount, and the account's, up to date."""
        due = tally.due
        settled = tally.paid + tally.applied
        now = due - settled if due is not None and due > settled else 0
        if now != tally.open and tally.currency is not None:
            sums = self.total(tally.currency)
            sums.open += now - tally.open
            tally.open = now

    def newest(self, source_of: list[str], source: str) -> int | None:
        """Position of the newest live row of a source, None without rows."""
        found = [fact[POSITION] for ref, fact in self.rows.items() if source_of[ref[0]] == source]
        return max(found, default=None)

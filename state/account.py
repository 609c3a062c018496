"""One account in memory: its rows as facts, the objects they make, and running totals. Only `state/fold.py` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from state.roles import ID, POSITION, TIME_MS, Fact, Ref


class Item:
    """One canonical object: the row that each system shows of it. `extra` holds further rows of the same system."""

    __slots__ = ("billing", "erp", "extra", "id", "kind", "support")

    def __init__(self, kind: str, identity: str) -> None:
        """A new object without any row."""
        self.kind = kind
        self.id = identity
        self.billing: Ref | None = None
        self.erp: Ref | None = None
        self.support: Ref | None = None
        self.extra: dict[str, list[Ref]] | None = None

    @property
    def empty(self) -> bool:
        """Whether no system shows the object any more."""
        return self.billing is None and self.erp is None and self.support is None

    def attach(self, system: str, ref: Ref) -> None:
        """A row of `system` shows this object; of several the smallest key is the one that counts."""
        current: Ref | None = getattr(self, system)
        if current is None:
            setattr(self, system, ref)
            return
        if self.extra is None:
            self.extra = {}
        refs = sorted([*self.extra.get(system, ()), current, ref])
        setattr(self, system, refs[0])
        self.extra[system] = refs[1:]

    def detach(self, system: str, ref: Ref) -> None:
        """The row no longer shows this object."""
        others = self.extra.get(system) if self.extra else None
        if not others or self.extra is None:
            setattr(self, system, None)
            return
        refs = sorted({*others, getattr(self, system)} - {ref})
        setattr(self, system, refs[0])
        self.extra[system] = refs[1:]
        if not any(self.extra.values()):
            self.extra = None


class Tally:
    """Running sums over the children of one row (an invoice's lines and payments, a payment's refunds), minor units.

    It exists as soon as a child or the row itself does, so that children may come first.
    """

    __slots__ = ("children", "currency", "due", "item", "line_sum", "lines", "open", "paid", "parent", "refunded")

    def __init__(self) -> None:
        """Nothing summed yet."""
        self.item: Item | None = None
        self.parent: Ref | None = None
        self.currency: str | None = None
        self.due: int | None = None
        self.open = 0
        self.paid = 0
        self.refunded = 0
        self.line_sum = 0
        self.lines: dict[Ref, None] = {}
        self.children = 0


class Totals:
    """Running totals of one account in one currency, minor units."""

    __slots__ = ("billed", "credited", "mrr", "open", "paid", "refunded")

    def __init__(self) -> None:
        """All zero."""
        self.billed = self.paid = self.refunded = self.credited = self.open = self.mrr = 0

    @property
    def balance(self) -> int:
        """What the customer owes: billed - paid + refunded - credited."""
        return self.billed - self.paid + self.refunded - self.credited

    @property
    def zero(self) -> bool:
        """Whether nothing is left in this currency."""
        return not (self.billed or self.paid or self.refunded or self.credited or self.open or self.mrr)


class Fault(NamedTuple):
    """Why a row is parked, since when (position and commit time of the row image that is at fault)."""

    code: str
    reason: str
    object: str
    position: int
    time_ms: int


class Counts:
    """How many objects of each kind the account has."""

    __slots__ = ("cases", "cases_open", "credits", "invoices", "invoices_open", "payments", "subscriptions", "unmapped", "usages")

    def __init__(self) -> None:
        """All zero."""
        self.subscriptions = self.usages = self.invoices = self.invoices_open = 0
        self.payments = self.credits = self.cases = self.cases_open = 0
        #: subscriptions with a status or tier that the mapping does not know
        self.unmapped = 0


class Account:
    """Everything known of one account: a function of its live rows alone, whatever the order they came in."""

    __slots__ = (
        "blocked",
        "changed",
        "counts",
        "currency",
        "dirty",
        "ending",
        "exceptions",
        "faults",
        "id",
        "intents",
        "items",
        "kept_frames",
        "next_end_ms",
        "positions",
        "rows",
        "shown",
        "stale",
        "steps",
        "tallies",
        "tiers",
        "totals",
        "touched_ms",
    )

    def __init__(self, identity: str, steps: Mapping[str, int]) -> None:
        """An account without rows; `steps` are the 10^-9 units of one minor unit, per currency."""
        self.id = identity
        self.steps = steps
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
        self.shown: tuple[object, ...] | None = None
        self.next_end_ms: int | None = None
        self.stale = False
        self.currency: dict[str, str | None] = {}
        self.clear()

    def clear(self) -> None:
        """Forget what was derived from the rows; the rows stay."""
        self.items: dict[tuple[str, str], Item] = {}
        self.tallies: dict[Ref, Tally] = {}
        self.totals: dict[str, Totals] = {}
        self.counts = Counts()
        #: live subscriptions per tier
        self.tiers: dict[str | None, int] = {}
        #: cancelled subscriptions that stay entitled: row -> (tier, end in ms or None for open-ended)
        self.ending: dict[Ref, tuple[str | None, int | None]] = {}

    def tally(self, ref: Ref) -> Tally:
        """The sums over the children of a row."""
        found = self.tallies.get(ref)
        if found is None:
            found = self.tallies[ref] = Tally()
        return found

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
            item.attach(system, ref)
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
            refs = [ref for ref in (item.billing, item.erp, item.support) if ref is not None]
            self.dirty[key] = max((self.rows[ref][TIME_MS] for ref in refs), default=self.touched_ms)

    def settle(self, tally: Tally) -> None:
        """Bring an invoice's open amount, and the account's, up to date."""
        due = tally.due
        now = due - tally.paid if due is not None and due > tally.paid else 0
        if now != tally.open and tally.currency is not None:
            self.total(tally.currency).open += now - tally.open
            tally.open = now

    def newest(self, source_of: list[str], source: str) -> int | None:
        """Position of the newest live row of a source, None without rows."""
        found = [fact[POSITION] for ref, fact in self.rows.items() if source_of[ref[0]] == source]
        return max(found, default=None)

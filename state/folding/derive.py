"""Derived objects of an account: which of them a changed row concerns, made anew and folded like facts of a table.

Each derivation has tables of its own in the model, after the captured ones; a fact there is what its function says of
one object. Everything behind (fold, view, differences) sees no other facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from state.folding import changes as change_event
from state.folding.account import Account, Fault
from state.folding.amounts import INVALID_PRECISION
from state.folding.derivation import Derivation, Link, Made, Moment, Part, Parts, Shape
from state.folding.fold import Folder, fold, folder_of, refold
from state.folding.life import Stamp
from state.folding.states import States
from state.folding.targets import CASE_OPEN
from state.model import Model, TableSpec
from state.output import Output
from state.resolving.moves import MOVED
from state.roles import FIRST, POSITION, ROLES, TIME_MS, Fact, Ref
from state.row import Transaction
from state.values import BadValue, instant_ms

#: the field of a part that becomes a subscription's `paid_until`
_CHARGED = "charged_through"
#: (number of the derivation in the model, key of the anchor)
Anchor = tuple[int, str]


class _Run(NamedTuple):
    """One settling: the clock, the parts of the change event, and where notes go (None: all of it was so before).

    `cause`: the transaction that changed the rows; None where something takes effect by itself.
    """

    clock_ms: int
    entries: list[dict[str, Any]]
    out: Output | None
    cause: Transaction | None


class _Bound(NamedTuple):
    """A derivation of one source; `tables` are those of all derived objects of the source, since they link to one another."""

    derivation: Derivation
    source: str
    tables: Mapping[str, int]


class Deriver:
    """Keeps the derived objects of accounts up to date."""

    def __init__(self, model: Model, states: States) -> None:
        self._states = states
        self._tables = tables = model.folded
        self._digits = model.exponents
        linked: dict[str, dict[str, int]] = {}
        for use in model.derivations:
            linked.setdefault(use.source, {}).update(use.tables)
        self._bound = [_Bound(use.derivation, use.source, linked[use.source]) for use in model.derivations]
        self._shapes = {t.index: _shape(t) for t in tables if t.object is not None and t.object.role.blocks}
        self.folders: dict[int, Folder] = {index: self._folder(tables[index]) for index in self._shapes}

    def _folder(self, spec: TableSpec) -> Folder:
        """How a part is folded: entered where functions look for it, and what it concerns marked to be made anew."""
        assert spec.object is not None
        role, source = spec.object.role, spec.source
        shape = self._shapes[spec.index]
        places = [(name, shape.places[name]) for name in role.by]
        concerned = [
            (number, bound.derivation)
            for number, bound in enumerate(self._bound)
            if bound.source == source and role.object in bound.derivation.reads
        ]

        def part(account: Account, _spec: TableSpec, ref: Ref, fact: Fact, sign: int) -> None:
            for name, value in (("", ""), *((name, fact[place]) for name, place in places)):
                if value is None:
                    continue
                found = account.own("parts").setdefault((source, role.object, name, str(value)), {})
                if sign > 0:
                    found[ref] = None
                else:
                    found.pop(ref, None)
                    if not found:
                        account.drop("parts", (source, role.object, name, str(value)))
            parts, row = self._parts(account, source), Part(ref, shape, fact)
            for number, derivation in concerned:
                for anchor in derivation.anchors(row, parts):
                    if anchor is not None:
                        account.own("pending")[number, anchor] = None

        return part

    def settle(
        self, account: Account, clock_ms: int, out: Output | None = None, cause: Transaction | None = None
    ) -> list[dict[str, Any]]:
        """Make anew what changed rows concern, and what takes effect by now; returns the parts of the change event."""
        run = _Run(clock_ms, [], out, cause)
        for anchor, until_ms in list(account.due.items()):
            if until_ms <= clock_ms:
                account.own("pending")[anchor] = None
        while account.pending:
            anchor = next(iter(account.pending))
            account.drop("pending", anchor)
            self._remake(account, anchor, run)
        return run.entries

    def _remake(self, account: Account, anchor: Anchor, run: _Run) -> None:
        bound, moment = self._bound[anchor[0]], Moment(run.clock_ms)
        parts = self._parts(account, bound.source)
        try:
            wanted = self._facts(bound, bound.derivation.make(parts, anchor[1], moment), parts)
        except BadValue as error:
            self._blame(account, bound, anchor[1], error, parts.used())
            return
        blamed = bound.tables[bound.derivation.makes[0]], anchor[1]
        if blamed in account.faults and account.faults[blamed].code != INVALID_PRECISION:
            account.mark_of(blamed, account.faults[blamed].object)
            account.drop("faults", blamed)
        for ref in account.made.get(anchor, ()):
            if ref not in wanted:
                self._fold(account, ref, None, run)
        for ref, (fact, made) in wanted.items():
            self._say(account, ref, made)
            if account.rows.get(ref) != fact:
                self._fold(account, ref, fact, run)
        if wanted:
            account.own("made")[anchor] = tuple(wanted)
        else:
            account.drop("made", anchor)
        if moment.until_ms is None:
            account.drop("due", anchor)
        else:
            account.own("due")[anchor] = moment.until_ms

    @staticmethod
    def _say(account: Account, ref: Ref, made: Made) -> None:
        """What the object's rows say of its past, and which row stands for it."""
        if made.own is not None:
            account.own("stands")[ref] = made.own.ref
        if made.steps != account.stories.get(ref, ()):
            account.own("stories")[ref] = made.steps
            account.mark_of(ref, made.object)

    def _fold(self, account: Account, ref: Ref, fact: Fact | None, run: _Run) -> None:
        spec = self._tables[ref[0]]
        account.touched_ms = max(account.touched_ms, fact[TIME_MS] if fact else 0)
        account.changed = True
        old = fold(account, self._tables, folder_of(spec), ref, fact)
        if account.stale:
            refold(account, self._tables)
        if old is not None:
            self._changed(account, ref, old, fact, run)
        elif fact is not None:
            self._states.made(account, ref, fact)
        if (entry := change_event.entry(spec, old, fact)) is not None:
            run.entries.append(entry)

    def _changed(self, account: Account, ref: Ref, old: Fact, fact: Fact | None, run: _Run) -> None:
        """Its states are noted where its rows do not say them."""
        cause = run.cause
        if cause is not None and cause.source == self._tables[ref[0]].source:
            moved = cause.changes[0].op == MOVED  # it is as of the move, but its objects are as old as its rows
            stamp = Stamp(cause.position, (fact or old)[TIME_MS] if moved else cause.time_ms)
        else:
            stamp = Stamp((fact or old)[POSITION], run.clock_ms, False)
        self._states.changed(account, ref, old, fact, None if account.stories.get(ref) else run.out, stamp)
        if fact is None:
            account.drop("stories", ref)
            account.drop("stands", ref)

    def _facts(self, bound: _Bound, made: Iterable[Made], parts: Parts) -> dict[Ref, tuple[Fact, Made]]:
        """The objects as facts of their tables: as new as the newest row that was looked at for them."""
        out: dict[Ref, tuple[Fact, Made]] = {}
        for one in made:
            newest = max((part.position, part.time_ms) for part in one.rows or parts.used())
            role = ROLES[bound.derivation.system, one.object]
            fields = [_plain(one.fields.get(field.name), bound.tables) for field in role.fields]
            fact = (newest[0], newest[1], one.unmapped or None, one.id, *fields)
            out[bound.tables[one.object], one.key] = fact, one
        return out

    def _blame(self, account: Account, bound: _Bound, anchor: str, error: BadValue, used: Sequence[Part]) -> None:
        """A function refused its rows: what it made before stays, and the fault is told on its object."""
        position, time_ms = max(((part.position, part.time_ms) for part in used), default=(0, 0))
        kind = bound.derivation.makes[0]
        ref = bound.tables[kind], anchor
        account.own("faults")[ref] = Fault(error.code, error.reason, kind, position, time_ms)
        account.mark_of(ref, kind)

    def _parts(self, account: Account, source: str) -> Parts:
        return Parts(account, source, self._shapes, self._digits)

    def timed(self, table: int, clocks: bool) -> bool:
        """Whether rows of a table with parts may set a timer: their field effective_at, or an open case with a deadline."""
        places = self._shapes[table].places
        return "effective_at" in places or (clocks and self._of_cases(table) and "status" in places)

    def waits(self, table: int, fact: Fact) -> bool:
        """Whether such a row does: it takes effect only after the transaction that wrote it, or is of an open case."""
        places = self._shapes[table].places
        if "effective_at" not in places:
            return fact[places["status"]] in CASE_OPEN
        at = fact[places["effective_at"]]
        at_ms = None if at is None else instant_ms(at)
        return at_ms is not None and at_ms > fact[TIME_MS]

    def has_moments(self, table: int) -> bool:
        """Whether rows of a table with parts say until when something is paid for."""
        return table in self._shapes and _CHARGED in self._shapes[table].places

    def moments(self, table: int, fact: Fact) -> list[int]:
        """And until when, ms."""
        value = fact[self._shapes[table].places[_CHARGED]]
        at_ms = None if value is None else instant_ms(value)
        return [] if at_ms is None else [at_ms]

    def _of_cases(self, table: int) -> bool:
        spec = self._tables[table].object
        return spec is not None and spec.role.blocks == "case"


def _shape(spec: TableSpec) -> Shape:
    assert spec.object is not None
    role = spec.object.role
    return Shape(role.object, {field.name: FIRST + number for number, field in enumerate(role.fields)})


def _plain(value: Any, tables: Mapping[str, int]) -> Any:
    """A link as the reference that facts hold; None if the mapping does not ask for such objects."""
    if not isinstance(value, Link):
        return value
    return (tables[value.object], value.key) if value.object in tables else None

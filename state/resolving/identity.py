"""The identity index: which account does a row belong to, and which rows move when a transaction changes the answer?

A row whose walk (`state/resolving/links.py`) ends nowhere is set aside under what is missing and let go when that appears. Deletes
are resolved with the links as they were before their transaction, since their own images hold made-up values. Whatever
else the transaction moves, because its row's parent moved or its account was merged, moves with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from state.model import ObjectSpec, Place, TableSpec
from state.resolving.links import Links, RowPlace
from state.resolving.merges import Refused
from state.resolving.relinking import Relinking
from state.resolving.resolved import Moved, Resolved, Waiting
from state.resolving.waiting import WaitingRoom
from state.row import FRAME, KEY, LINK, OFFSET, OP, PARTITION, TABLE, Change, Row

__all__ = ["Identity", "Resolved", "Waiting"]

_change = tuple.__new__
#: source, position and time of a transaction
_Place = tuple[str, int, int]


def _has_notes(spec: ObjectSpec) -> bool:
    return spec.history or spec.role.blocks is not None or spec.role.object == "subscription"


class Identity:
    """The index over all sources; `tables` as in the model, indexed by their place."""

    def __init__(self, tables: Iterable[TableSpec]) -> None:
        tables = list(tables)
        self._links = Links(tables)
        self._of, self._rules = self._links.of, self._links.rules
        self._waiting = WaitingRoom()
        self._waits = self._waiting.places
        self._work = Relinking(self._links, self._waits)
        self.accounts = self._links.accounts
        #: tables of whose rows something may be noted, for themselves or for the objects that they stand for
        self._noted = frozenset(t.index for t in tables if t.object is not None and _has_notes(t.object))

    @property
    def waiting(self) -> int:
        """Rows set aside because they have no account yet."""
        return len(self._waiting)

    @property
    def refused(self) -> dict[str, Refused]:
        """Accounts whose mark of a merge is not in force, and why."""
        return self._links.merges.refused

    def waits(self, table: int, key: str) -> bool:
        """Whether the row is set aside."""
        return (table, key) in self._waiting

    def waiting_rows(self) -> Iterator[Waiting]:
        """The rows set aside."""
        return self._waiting.rows()

    def know(self, accounts: Iterable[str]) -> None:
        """Restore accounts that rows were found under."""
        for account in accounts:
            self._links.know(account)

    def load(self, table: int, key: str, account: str, link: str) -> None:
        """Restore one fact: its account was resolved before, so references are known again."""
        rule = self._rules[table]
        if rule is not None:
            if rule.merged is not None:
                self._links.merges.mark((table, key), self._links.mark_of(rule, key, link))
                self._links.merges.touch((table, key))
            text = self._links.text(rule, link)
            if rule.ways:
                self._links.ways.replace(table, key, self._of[table].get(key), text)
            self._of[table][key] = text
        if account and account not in self.accounts:
            self._links.know(account)

    def load_waiting(self, waiting: Waiting) -> None:
        """Restore a row that was set aside."""
        table, key = waiting.row[TABLE], waiting.row[KEY]
        missing = None if self._links.carrier(table) else self._links.missing(table, key)
        if missing is not None:
            self._waiting.enter(missing, waiting)

    def load_merge(self, account: str, direct: str) -> None:
        """Restore a merge that was in force."""
        self._links.know(direct)
        self._links.merges.load(account, direct)

    def load_ghost(self, table: int, key: str, account: str) -> None:
        """Restore a row that is gone, whose account was merged into another."""
        self._links.haunt((table, key), account)

    def loaded(self) -> None:
        """Rows and merges are restored; what waits comes after."""
        self._links.hanging.keys = None  # it was made of some of the rows, perhaps
        for account in self._links.merges.force:
            self._links.review(account)
        self._links.merges.loaded()

    def knows(self, table: int, key: str) -> bool:
        """Whether the row is live."""
        return key in self._of[table]

    def account_of(self, table: int, key: str) -> str | None:
        """Account id of a live row, None if its walk ends nowhere (or in a loop)."""
        return self._links.account_of(table, key)

    def resolve(self, rows: list[Row], source: str, position: int, time_ms: int) -> Resolved:
        """Find the accounts of one whole transaction's rows (in commit order), and of rows that waited for it."""
        out, work, ways = Resolved(), self._work, self._links.ways
        if work.before or work.appeared:
            work.begin()
        upserts: list[Row] = []
        gone = work.gone
        for row in rows:
            table, op = row[TABLE], row[OP]
            rule = self._rules[table]
            if rule is None:
                out.ignored += 1
            elif op == "d" or op == "t" or (rule.ways and op != "T" and not ways.counts(table, row[LINK])):
                work.retire(table, row[KEY], out)
            elif op == "T":
                out.applied += 1
                work.truncate(table)
            else:
                if gone:
                    gone.pop((table, row[KEY]), None)
                work.enter(rule, row)
                upserts.append(row)
        work.finish(out)
        for row in upserts:
            if gone and (row[TABLE], row[KEY]) in gone:
                out.ignored += 1  # it came and went
            else:
                self._emit_upsert(row, (source, position, time_ms), work.before, out)
        if gone:
            self._emit_gone(work, (source, position, time_ms), out)
            gone.clear()
        if work.before:
            self._emit_others(work.before, out)
        for missing in ways.reaching(work.appeared) if self._links.by_ways else work.appeared:
            self._let_go(missing, out)
        return out

    def _emit_upsert(self, row: Row, place: _Place, before: dict[RowPlace, str | None], out: Resolved) -> None:
        table, key = row[TABLE], row[KEY]
        account = self._links.account_of(table, key)
        left: Change | None = None
        if before and (was := before.pop((table, key), None)) is not None and was != account:
            left = Change(was, table, "d", key, b"")
            if account is None or table not in self._noted:
                out.changes.append(left)
        if account is None:
            if self._links.carrier(table):
                out.links.append(((table, key), Waiting(row, *place)))
                out.applied += 1
                return
            self._leave((table, key), out)
            mark = Waiting(row, *place)
            self.set_aside(mark)
            out.waiting.append(mark)
            return
        if self._waits:
            self._leave((table, key), out)
        out.applied += 1
        change = account, table, row[OP], key, row[FRAME], row[LINK] or "", row[PARTITION], row[OFFSET]
        if left is not None and table in self._noted:
            out.own[table, key] = left, [_change(Change, change)]
        elif out.own and (table, key) in out.own:
            out.own[table, key][1].append(_change(Change, change))
        else:
            out.changes.append(_change(Change, change))

    def _leave(self, place: RowPlace, out: Resolved) -> None:
        """A newer image, or the end, of a row that waits."""
        if aside := self._waiting.leave(place):
            out.superseded.append(aside)
            out.ignored += 1

    def _emit_gone(self, work: Relinking, place: _Place, out: Resolved) -> None:
        for table, key in work.gone:
            was, ghost = work.before.pop((table, key), None), self._links.ghosts.get((table, key))
            if self._links.carrier(table):
                out.links.append(((table, key), None))
            elif was is not None:
                out.changes.append(Change(was, table, "d", key, b""))
            else:
                self._leave((table, key), out)
            if ghost is not None:
                row = (table, "r", key, 0, 0, 0, ghost, -1, -1, b"", "", place[2])
                out.links.append(((table, key), Waiting(row, *place)))

    def _emit_others(self, before: dict[RowPlace, str | None], out: Resolved) -> None:
        """Rows that are not in this transaction and stand elsewhere since."""
        moved: list[Moved] = []
        for (table, key), was in before.items():
            account = self._links.account_of(table, key)
            if was is not None and was != account:
                moved.append(Moved(table, key, was, account))
            elif was is None and (waiting := self._waiting.leave((table, key))) is not None:
                self._place(waiting, account, out)
        out.moved = moved

    def set_aside(self, waiting: Waiting) -> None:
        """A row that moved to no account, with its frame."""
        table, key = waiting.row[TABLE], waiting.row[KEY]
        self._waiting.enter(self._links.missing(table, key) or (table, key), waiting)

    def _let_go(self, missing: Place, out: Resolved) -> None:
        """Release what waited for `missing`; rows that now lack something else wait for that."""
        for waiting in self._waiting.waiting_for(missing):
            table, key = waiting.row[TABLE], waiting.row[KEY]
            self._waiting.leave((table, key))
            self._place(waiting, self._links.account_of(table, key), out)

    def _place(self, waiting: Waiting, account: str | None, out: Resolved) -> None:
        """A row that is out of the waiting room goes to its account, or waits for what it lacks now."""
        row = waiting.row
        if account is None:
            self.set_aside(waiting)
            return
        place = row[PARTITION], row[OFFSET]
        change = Change(account, row[TABLE], row[OP], row[KEY], row[FRAME], row[LINK] or "", *place)
        out.let_go.append((waiting, change))

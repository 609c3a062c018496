"""The identity index: which account does a row belong to, and which rows move when a transaction changes the answer?

A row whose walk (`state/resolving/links.py`) ends nowhere is set aside under what is missing and let go when that appears. Deletes
are resolved with the links as they were before their transaction, since their own images hold made-up values. Whatever
else the transaction moves, because its row's parent moved or its account was merged, moves with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from state.model import Place
from state.resolving.index import Index
from state.resolving.links import RowPlace
from state.resolving.resolved import Moved, Resolved, Waiting
from state.row import FRAME, KEY, LINK, OFFSET, OP, PARTITION, TABLE, Change, Row, of_values

#: source, position and time of a transaction
Placed = tuple[str, int, int]


class Identity(Index):
    """Resolves transaction by transaction."""

    def resolve(self, rows: list[Row], source: str, position: int, time_ms: int) -> Resolved:
        """Find the accounts of one whole transaction's rows (in commit order), and of rows that waited for it."""
        out, work, ways = Resolved(), self._work, self._links.ways
        if work.before or work.appeared:
            work.begin()
        upserts: list[Row] = []
        gone, rules, plain = work.gone, self._rules, self._plain
        for row in rows:
            table, op = row[TABLE], row[OP]
            rule = rules[table]
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
                links = plain[table]
                if links is None or links.get(row[KEY]) != (row[LINK] or ""):
                    work.enter(rule, row)
                upserts.append(row)
        work.finish(out)
        if not (gone or work.before or self._waits):
            self._emit_plain(upserts, (source, position, time_ms), out)
            upserts = []
        for row in upserts:
            if gone and (row[TABLE], row[KEY]) in gone:
                out.ignored += 1  # it came and went
            else:
                self._emit_upsert(row, (source, position, time_ms), work.before, out)
        if gone:
            self._emit_gone(gone, work.before, (source, position, time_ms), out)
            gone.clear()
        self._emit_rest(out)
        return out

    def resolve_large(self, rows: Iterable[Row], place: Placed, out: Resolved, size: int) -> Iterator[None]:
        """`resolve` of rows that are gone through twice, into `out`; pauses after every `size` of them.

        In a pause `changes` and `links` may be taken out of it, and must not be added to.
        """
        work, rules, ways = self._work, self._rules, self._links.ways
        work.begin()
        for number, row in enumerate(rows, 1):
            table, op = row[TABLE], row[OP]
            rule = rules[table]
            if rule is None:
                out.ignored += 1
            elif op == "d" or op == "t" or (rule.ways and op != "T" and not ways.counts(table, row[LINK])):
                work.retire(table, row[KEY], out)
            elif op == "T":
                out.applied += 1
                work.truncate(table)
            else:
                work.gone.pop((table, row[KEY]), None)
                work.enter(rule, row)
            if not number % size:
                yield
        work.finish(out)
        gone = work.gone
        for number, row in enumerate(rows, 1):
            table, op = row[TABLE], row[OP]
            rule = rules[table]
            if rule is not None and op not in ("d", "t", "T") and not (rule.ways and not ways.counts(table, row[LINK])):
                if (table, row[KEY]) in gone:
                    out.ignored += 1
                else:
                    self._emit_upsert(row, place, work.before, out)
            if not number % size:
                yield
        places = iter(gone)
        while some := list(islice(places, size)):
            self._emit_gone(some, work.before, place, out)
            yield
        gone.clear()
        self._emit_rest(out)

    def _emit_rest(self, out: Resolved) -> None:
        """What the transaction does to rows that are not in it."""
        work = self._work
        if work.before:
            self._emit_others(work.before, out)
        for missing in self._links.ways.reaching(work.appeared) if self._links.by_ways else work.appeared:
            self._let_go(missing, out)

    def _emit_plain(self, rows: list[Row], place: Placed, out: Resolved) -> None:
        """Nothing goes, moves or waits, which is nearly always: a row is a change of its account, if that is known."""
        account_of, changes = self._links.account_of, out.changes
        for row in rows:
            table, key = row[TABLE], row[KEY]
            account = account_of(table, key)
            if account is None:
                self._emit_upsert(row, place, {}, out)
                continue
            out.applied += 1
            change = account, table, row[OP], key, row[FRAME], row[LINK] or "", row[PARTITION], row[OFFSET]
            changes.append(of_values(Change, change))

    def _emit_upsert(self, row: Row, place: Placed, before: dict[RowPlace, str | None], out: Resolved) -> None:
        table, key = row[TABLE], row[KEY]
        account = self._links.account_of(table, key)
        left: Change | None = None
        if before and (was := before.pop((table, key), None)) is not None and was != account:
            left = Change(was, table, "d", key, b"")
            out.crossed += (was, account or was)
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
            out.own[table, key] = left, [of_values(Change, change)]
        elif out.own and (table, key) in out.own:
            out.own[table, key][1].append(of_values(Change, change))
        else:
            out.changes.append(of_values(Change, change))

    def _leave(self, place: RowPlace, out: Resolved) -> None:
        """A newer image, or the end, of a row that waits."""
        if aside := self._waiting.leave(place):
            out.superseded.append(aside)
            out.ignored += 1

    def _emit_gone(
        self, gone: Iterable[RowPlace], before: dict[RowPlace, str | None], place: Placed, out: Resolved
    ) -> None:
        for table, key in gone:
            was, ghost = before.pop((table, key), None), self._links.ghosts.get((table, key))
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

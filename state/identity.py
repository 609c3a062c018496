"""The identity index: which account does a row belong to?

Per table it keeps primary key -> link: the account id a row defines or names, or the primary key of its parent row.
The account is found by walking links upwards. A row whose walk ends nowhere is set aside under what is missing and
let go when that appears. Deletes are resolved with the links as they were, since their own images hold made-up values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from state.model import ACCOUNT, AccountRule, Place, TableSpec, normalise
from state.moves import Moves
from state.resolved import Resolved, Waiting
from state.row import FRAME, KEY, LINK, OFFSET, OP, PARTITION, TABLE, Change, Row
from state.waiting import WaitingRoom

__all__ = ["Identity", "Resolved", "Waiting"]

#: longest chain of parents that is followed; a longer one is a loop in the data
CHAIN_LENGTH_MAX = 32

_change = tuple.__new__


class Identity:
    """The index over all sources; `tables` as in the model, indexed by their place."""

    def __init__(self, tables: Iterable[TableSpec]) -> None:
        self._rules: list[AccountRule | None] = []
        self._parents: set[int] = set()
        for table in tables:
            self._rules.append(None if table.ignore else table.account)
            if table.account and table.account.parent is not None:
                self._parents.add(table.account.parent)
        self._links: list[dict[str, str]] = [{} for _ in self._rules]
        self.accounts: set[str] = set()
        #: tables whose rows find their account by ways
        self._by_ways = frozenset(i for i, rule in enumerate(self._rules) if rule and rule.kind == "ways")
        self._moves = Moves(self._rules, self.accounts)
        self._waiting = WaitingRoom()

    @property
    def waiting(self) -> int:
        """Rows set aside because they have no account yet."""
        return len(self._waiting)

    def waits(self, table: int, key: str) -> bool:
        """Whether the row is set aside."""
        return (table, key) in self._waiting

    def waiting_rows(self) -> Iterator[Waiting]:
        """The rows set aside."""
        return self._waiting.rows()

    def load(self, table: int, key: str, account: str, link: str, mark: Waiting | None = None) -> None:
        """Restore one fact: its account was resolved before, so references are known again. `mark`: the row itself."""
        if table in self._by_ways:
            self._moves.relink((table, key), self._links[table].get(key), link)
            if mark is not None:
                self._moves.keep(mark, account or None)
        self._links[table][key] = link
        if account:
            self.accounts.add(account)

    def load_waiting(self, waiting: Waiting) -> None:
        """Restore a row that was set aside."""
        row = waiting.row
        rule = self._rules[row[TABLE]]
        missing = None if rule and rule.carrier else self._missing(row[TABLE], row[KEY])
        if missing is not None:
            self._waiting.enter(missing, waiting)

    def knows(self, table: int, key: str) -> bool:
        """Whether the row is live."""
        return key in self._links[table]

    def account_of(self, table: int, key: str) -> str | None:
        """Account id of a live row, None if its walk ends nowhere (or in a loop)."""
        if table in self._by_ways:
            return self._moves.ways.account_of((table, key)) if key in self._links[table] else None
        for _ in range(CHAIN_LENGTH_MAX):
            link = self._links[table].get(key)
            if link is None:
                return None
            rule = self._rules[table]
            if rule is None:
                return None
            if rule.parent is None:
                return link if link in self.accounts else None
            table, key = rule.parent, link
        return None

    def _missing(self, table: int, key: str) -> Place | None:
        """What a row waits for: (table, key) of an absent parent, or (-1, account id); with ways, its own place."""
        if table in self._by_ways:
            return None if self.account_of(table, key) else (table, key)
        for _ in range(CHAIN_LENGTH_MAX):
            link = self._links[table].get(key)
            if link is None:
                return table, key
            rule = self._rules[table]
            if rule is None or rule.parent is None:
                return None if link in self.accounts else (ACCOUNT, link)
            table, key = rule.parent, link
        return table, key

    def resolve(self, rows: list[Row], source: str, position: int, time_ms: int) -> Resolved:
        """Find the accounts of one whole transaction's rows (in commit order), and of rows that waited for it."""
        out = Resolved()
        gone: dict[tuple[int, str], str | None] = {}
        upserts: list[Row] = []
        moved: dict[tuple[int, str], str] = {}
        appeared: list[Place] = []
        for row in rows:
            table, op = row[TABLE], row[OP]
            rule = self._rules[table]
            if rule is None:
                out.ignored += 1
            elif op == "d" or op == "t" or (rule.ways and op != "T" and not self._moves.ways.counts(table, row[LINK])):
                self._retire(table, row[KEY], gone, out)
            elif op == "T":
                out.applied += 1
                for key in self._links[table]:
                    gone.setdefault((table, key), self.account_of(table, key))
            else:
                gone.pop((table, row[KEY]), None)
                self._link(rule, row, moved, appeared)
                upserts.append(row)
        for row in upserts:
            self._emit_upsert(Waiting(row, source, position, time_ms), moved, out)
        self._emit_gone(gone, out)
        if self._by_ways:
            self._emit_others(out)
            appeared = self._moves.ways.reaching(appeared)
        for missing in appeared:
            self._let_go(missing, out)
        return out

    def _retire(self, table: int, key: str, gone: dict[tuple[int, str], str | None], out: Resolved) -> None:
        """Note a delete under the account of this moment; of a row that is not live it means nothing."""
        if (table, key) in gone or key not in self._links[table]:
            out.ignored += 1
            return
        account = gone[table, key] = self.account_of(table, key)
        if account is None and not self._carrier(table):
            out.ignored += 1
        else:
            out.applied += 1

    def _link(
        self,
        rule: AccountRule,
        row: Row,
        moved: dict[tuple[int, str], str],
        appeared: list[Place],
    ) -> None:
        """Enter an upsert's link; remember where it lived before, and what may let waiting rows go."""
        table, key = row[TABLE], row[KEY]
        link = row[LINK] or ""
        if rule.ways:
            appeared += self._moves.enter((table, key), self._links[table].get(key), link, moved)
            self._links[table][key] = link
            return
        if rule.normalise:
            link = normalise(link, rule.normalise)
        links = self._links[table]
        old = links.get(key)
        if old != link:
            if old is not None and (account := self.account_of(table, key)):
                moved.setdefault((table, key), account)
            links[key] = link
            if rule.kind == "defines" and link:
                self.accounts.add(link)
                appeared.append((ACCOUNT, link))
            if table in self._parents:
                appeared.append((table, key))

    def _carrier(self, table: int) -> bool:
        rule = self._rules[table]
        return rule is not None and rule.carrier

    def _emit_upsert(self, mark: Waiting, moved: dict[tuple[int, str], str], out: Resolved) -> None:
        row = mark.row
        table, key = row[TABLE], row[KEY]
        account = self.account_of(table, key)
        if table in self._by_ways:
            self._moves.keep(mark, account)
            if self._carrier(table):
                out.links.append(((table, key), mark))
                out.applied += 1
                return
        if moved and (before := moved.pop((table, key), None)) and before != account:
            out.changes.append(Change(before, table, "d", key, b""))
        if self._waiting and (aside := self._waiting.leave((table, key))):
            out.superseded.append(aside)
            out.ignored += 1
        if account is None:
            self._waiting.enter(self._missing(table, key) or (table, key), mark)
            out.waiting.append(mark)
            return
        out.applied += 1
        link = self._links[table][key]
        place = row[PARTITION], row[OFFSET]
        out.changes.append(_change(Change, (account, table, row[OP], key, row[FRAME], link, *place)))

    def _emit_others(self, out: Resolved) -> None:
        """Rows that a link of this transaction moved, or left without an account."""
        for was, now, mark in self._moves.others():
            row = mark.row
            table, key = row[TABLE], row[KEY]
            out.changes.append(Change(was, table, "d", key, b""))
            if now is None:
                self._moves.forget((table, key))
                self._waiting.enter((table, key), mark)
                out.waiting.append(mark)
            else:
                out.changes.append(Change(now, table, row[OP], key, row[FRAME], self._links[table][key]))

    def _emit_gone(self, gone: dict[tuple[int, str], str | None], out: Resolved) -> None:
        for (table, key), account in gone.items():
            link = self._links[table].pop(key, None)
            if table in self._by_ways:
                self._moves.relink((table, key), link, None)
                self._moves.forget((table, key))
                if self._carrier(table):
                    out.links.append(((table, key), None))
                    continue
            if account is not None:
                out.changes.append(Change(account, table, "d", key, b""))
            elif aside := self._waiting.leave((table, key)):
                out.superseded.append(aside)
                out.ignored += 1

    def _let_go(self, missing: Place, out: Resolved) -> None:
        """Release what waited for `missing`; rows that now lack something else wait for that."""
        for waiting in self._waiting.waiting_for(missing):
            row = waiting.row
            table, key = row[TABLE], row[KEY]
            account = self.account_of(table, key)
            self._waiting.leave((table, key))
            if account is None:
                self._waiting.enter(self._missing(table, key) or (table, key), waiting)
                continue
            if table in self._by_ways:
                self._moves.keep(waiting, account)
            place = row[PARTITION], row[OFFSET]
            change = Change(account, table, row[OP], key, row[FRAME], self._links[table][key], *place)
            out.let_go.append((waiting, change))

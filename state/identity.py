"""The identity index: which account does a row belong to?

Per table it keeps primary key -> link: the account id a row defines or names, or the primary key of its parent row.
The account is found by walking links upwards. A row whose walk ends nowhere is set aside under what is missing and
let go when that appears. Deletes are resolved with the links as they were, since their own images hold made-up values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from state.model import AccountRule, TableSpec, normalise
from state.row import FRAME, KEY, LINK, OFFSET, OP, PARTITION, TABLE, Change, Row

#: longest chain of parents that is followed; a longer one is a loop in the data
CHAIN_LENGTH_MAX = 32

_change = tuple.__new__


class Waiting(NamedTuple):
    """A row without an account, with the position of its transaction."""

    row: Row
    source: str
    position: int
    time_ms: int


@dataclass(slots=True)
class Resolved:
    """One transaction's changes with their accounts; rows set aside, rows let go, rows superseded while they waited.

    `applied` and `ignored` count this transaction's own rows. Rows let go are of any source: each comes with its own
    change, whose position and time are those it waited with, and counts as applied too.
    """

    changes: list[Change] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    let_go: list[tuple[Waiting, Change]] = field(default_factory=list)
    superseded: list[Waiting] = field(default_factory=list)
    applied: int = 0
    ignored: int = 0


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
        self._waiting: dict[tuple[int, str], dict[tuple[int, str], Waiting]] = {}
        self._waits_for: dict[tuple[int, str], tuple[int, str]] = {}

    @property
    def waiting(self) -> int:
        """Rows set aside because they have no account yet."""
        return len(self._waits_for)

    def waits(self, table: int, key: str) -> bool:
        """Whether the row is set aside."""
        return (table, key) in self._waits_for

    def waiting_rows(self) -> Iterator[Waiting]:
        """The rows set aside."""
        for rows in self._waiting.values():
            yield from rows.values()

    def load(self, table: int, key: str, account: str, link: str) -> None:
        """Restore one fact: its account was resolved before, so references are known again."""
        self._links[table][key] = link
        if account:
            self.accounts.add(account)

    def load_waiting(self, waiting: Waiting) -> None:
        """Restore a row that was set aside."""
        row = waiting.row
        missing = self._missing(row[TABLE], row[KEY])
        if missing is not None:
            self._set_aside(missing, waiting)

    def knows(self, table: int, key: str) -> bool:
        """Whether the row is live."""
        return key in self._links[table]

    def account_of(self, table: int, key: str) -> str | None:
        """Account id of a live row, None if its walk ends nowhere (or in a loop)."""
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

    def _missing(self, table: int, key: str) -> tuple[int, str] | None:
        """What a row waits for: (table, key) of an absent parent, or (-1, account id)."""
        for _ in range(CHAIN_LENGTH_MAX):
            link = self._links[table].get(key)
            if link is None:
                return table, key
            rule = self._rules[table]
            if rule is None or rule.parent is None:
                return None if link in self.accounts else (-1, link)
            table, key = rule.parent, link
        return table, key

    def resolve(self, rows: list[Row], source: str, position: int, time_ms: int) -> Resolved:
        """Find the accounts of one whole transaction's rows (in commit order), and of rows that waited for it."""
        out = Resolved()
        gone: dict[tuple[int, str], str | None] = {}
        upserts: list[Row] = []
        moved: dict[tuple[int, str], str] = {}
        appeared: list[tuple[int, str]] = []
        for row in rows:
            table, op = row[TABLE], row[OP]
            rule = self._rules[table]
            if rule is None:
                out.ignored += 1
            elif op == "d" or op == "t":
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
        for missing in appeared:
            self._let_go(missing, out)
        return out

    def _retire(self, table: int, key: str, gone: dict[tuple[int, str], str | None], out: Resolved) -> None:
        """Note a delete under the account of this moment; of a row that is not live it means nothing."""
        if (table, key) in gone or key not in self._links[table]:
            out.ignored += 1
            return
        account = gone[table, key] = self.account_of(table, key)
        if account is None:
            out.ignored += 1
        else:
            out.applied += 1

    def _link(
        self,
        rule: AccountRule,
        row: Row,
        moved: dict[tuple[int, str], str],
        appeared: list[tuple[int, str]],
    ) -> None:
        """Enter an upsert's link; remember where it lived before, and what may let waiting rows go."""
        table, key = row[TABLE], row[KEY]
        link = row[LINK] or ""
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
                appeared.append((-1, link))
            if table in self._parents:
                appeared.append((table, key))

    def _emit_upsert(self, mark: Waiting, moved: dict[tuple[int, str], str], out: Resolved) -> None:
        row = mark.row
        table, key = row[TABLE], row[KEY]
        account = self.account_of(table, key)
        if moved and (before := moved.pop((table, key), None)) and before != account:
            out.changes.append(Change(before, table, "d", key, b""))
        if self._waits_for and (aside := self._withdraw(table, key)):
            out.superseded.append(aside)
            out.ignored += 1
        if account is None:
            self._set_aside(self._missing(table, key) or (table, key), mark)
            out.waiting.append(mark)
            return
        out.applied += 1
        link = self._links[table][key]
        place = row[PARTITION], row[OFFSET]
        out.changes.append(_change(Change, (account, table, row[OP], key, row[FRAME], link, *place)))

    def _emit_gone(self, gone: dict[tuple[int, str], str | None], out: Resolved) -> None:
        for (table, key), account in gone.items():
            self._links[table].pop(key, None)
            if account is not None:
                out.changes.append(Change(account, table, "d", key, b""))
            elif aside := self._withdraw(table, key):
                out.superseded.append(aside)
                out.ignored += 1

    def _set_aside(self, missing: tuple[int, str], waiting: Waiting) -> None:
        place = (waiting.row[TABLE], waiting.row[KEY])
        self._waiting.setdefault(missing, {})[place] = waiting
        self._waits_for[place] = missing

    def _withdraw(self, table: int, key: str) -> Waiting | None:
        missing = self._waits_for.pop((table, key), None)
        if missing is None:
            return None
        rows = self._waiting[missing]
        waiting = rows.pop((table, key))
        if not rows:
            del self._waiting[missing]
        return waiting

    def _let_go(self, missing: tuple[int, str], out: Resolved) -> None:
        """Release what waited for `missing`; rows that now lack something else wait for that."""
        rows = self._waiting.get(missing)
        if not rows:
            return
        for waiting in list(rows.values()):
            row = waiting.row
            table, key = row[TABLE], row[KEY]
            account = self.account_of(table, key)
            self._withdraw(table, key)
            if account is None:
                self._set_aside(self._missing(table, key) or (table, key), waiting)
                continue
            place = row[PARTITION], row[OFFSET]
            change = Change(account, table, row[OP], key, row[FRAME], self._links[table][key], *place)
            out.let_go.append((waiting, change))

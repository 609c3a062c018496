"""The identity index as it is loaded and asked: links, accounts, and the rows that wait; `Identity` changes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from state.model import ObjectSpec, TableSpec
from state.resolving.links import Links
from state.resolving.merges import Refused
from state.resolving.relinking import Relinking
from state.resolving.resolved import Waiting
from state.resolving.waiting import WaitingRoom
from state.row import KEY, TABLE


def _has_notes(spec: ObjectSpec) -> bool:
    return spec.history or spec.role.blocks is not None or spec.role.object == "subscription"


class Index:
    """The index over all sources; `tables` as in the model, indexed by their place."""

    def __init__(self, tables: Iterable[TableSpec]) -> None:
        tables = list(tables)
        self._links = Links(tables)
        self._of, self._rules = self._links.of, self._links.rules
        self._waiting = WaitingRoom()
        self._waits = self._waiting.places
        self._work = Relinking(self._links, self._waits)
        self.accounts = self._links.accounts
        #: links of the tables whose captured link is what leads on, as it is
        self._plain = [
            None if r is None or r.merged or r.ways or r.normalise else of
            for r, of in zip(self._rules, self._of, strict=True)
        ]
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
        if (plain := self._plain[table]) is not None:
            plain[key] = link
        elif rule is not None:
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

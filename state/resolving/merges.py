"""Accounts that were merged into others: which marks there are, and which of them are in force.

A mark is a column of an account's row: "merged into that one", or "that one was merged into me". It is in force when
its target is a known account and it closes no loop; of two marks of one account, the lower table and key. A mark `from` an
account whose id a live row of the same table has is void: the id is in use again. What is in force stays so while it
can: of marks that close a loop the one that came last is refused, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from state.model import ACCOUNT, AccountRule, Place

MERGE_LOOP: Final = "MERGE_LOOP"
MERGE_TARGET_UNKNOWN: Final = "MERGE_TARGET_UNKNOWN"
RowPlace = tuple[int, str]


class Refused(NamedTuple):
    """A mark that is not in force: why, the account it names as target, and the row that carries it."""

    code: str
    target: str
    row: RowPlace


class _Edge(NamedTuple):
    loser: str
    winner: str


class Merges:
    """The marks of all sources. Asks the identity index, through functions, for what it knows of rows and accounts."""

    def __init__(
        self,
        rules: Sequence[AccountRule | None],
        named_by: Callable[[int, str], str | None],
        is_known: Callable[[str], bool],
        is_named: Callable[[int, str], bool],
    ) -> None:
        """`named_by(table, key)`: account id that a live row names. `is_named(table, id)`: whether a row there does."""
        self._rules = rules
        self._named_by, self._is_known, self._is_named = named_by, is_known, is_named
        self._marks: dict[RowPlace, str] = {}
        self._edges: dict[RowPlace, _Edge] = {}
        self._of_loser: dict[str, set[RowPlace]] = {}
        self._watched: dict[RowPlace, set[Place]] = {}
        self._watchers: dict[Place, set[RowPlace]] = {}
        self._stale: set[RowPlace] = set()
        self._unseen: set[str] = set()
        #: account -> the one that it was merged into, directly
        self.force: dict[str, str] = {}
        #: account -> why its mark is not in force
        self.refused: dict[str, Refused] = {}

    def __bool__(self) -> bool:
        """Whether there is any mark."""
        return bool(self._marks or self._edges or self.force)

    @property
    def stale(self) -> bool:
        """Whether something changed that `settle` has not looked at."""
        return bool(self._stale or self._unseen)

    def mark(self, row: RowPlace, text: str | None) -> None:
        """What the mark of a row says now; None if it has none, or the row is gone."""
        if self._marks.get(row) == text:
            return
        if text is None:
            del self._marks[row]
        else:
            self._marks[row] = text
        self._stale.add(row)

    def touch(self, place: Place) -> None:
        """Something about a row of a marked table, or about an account, is different: marks that name it count anew."""
        if place in self._watchers:
            self._stale |= self._watchers[place]

    def load(self, loser: str, winner: str) -> None:
        """Restore a merge that was in force."""
        self.force[loser] = winner

    def loaded(self) -> None:
        """All is restored: decide what is refused. What is in force anew (the mapping is another one) waits for `settle`."""
        self._unseen = self.settle()

    def into(self, account: str) -> str | None:
        """The account that an account was merged into, at the end of the chain; None if it was not."""
        found = self.force.get(account)
        while found is not None and (further := self.force.get(found)) is not None:
            found = further
        return found

    def has_merged(self, winner: str) -> bool:
        """Whether an account is merged into this one."""
        return winner in self.force.values()

    def settle(self) -> set[str]:
        """Decide again what is in force; returns the accounts whose end of the chain may be another one now."""
        losers = set(self.refused)
        for row in self._stale:
            losers |= self._again(row)
        self._stale.clear()
        before = dict(self.force)
        for loser in losers:
            self.refused.pop(loser, None)
            if loser in self.force and self.force[loser] not in self._winners(loser).values():
                del self.force[loser]
        undecided = sorted(losers - self.force.keys())
        while chosen := {loser for loser in undecided if self._choose(loser)}:
            undecided = [loser for loser in undecided if loser not in chosen]
        changed = {one for one in before.keys() | self.force.keys() if before.get(one) != self.force.get(one)}
        changed, self._unseen = changed | self._unseen, set()
        ahead = list(changed)
        for one in ahead:  # grows: whoever was merged into one that changed has another end, too
            ahead += [loser for loser, winner in self.force.items() if winner == one and loser not in changed]
            changed.update(ahead)
        return changed

    def _again(self, row: RowPlace) -> set[str]:
        """Read a mark anew; returns the accounts that it merged, or merges now."""
        found: set[str] = set()
        old = self._edges.pop(row, None)
        if old is not None:
            found.add(old.loser)
            self._of_loser[old.loser].discard(row)
        for place in self._watched.pop(row, ()):
            self._watchers[place].discard(row)
            if not self._watchers[place]:
                del self._watchers[place]
        text = self._marks.get(row)
        if text is None:
            return found
        edge, watched = self._edge(row, text)
        self._watched[row] = watched
        for place in watched:
            self._watchers.setdefault(place, set()).add(row)
        if edge is not None:
            self._edges[row] = edge
            self._of_loser.setdefault(edge.loser, set()).add(row)
            found.add(edge.loser)
        return found

    def _edge(self, row: RowPlace, text: str) -> tuple[_Edge | None, set[Place]]:
        """What a mark says, if it says something of two accounts, and the places that it depends on."""
        table = row[0]
        rule = self._rules[table]
        assert rule is not None and rule.merged is not None  # only such tables have marks
        named: Place = (ACCOUNT, text) if rule.merged.by_account else (table, text)
        mine, other = self._named_by(*row), text if rule.merged.by_account else self._named_by(table, text)
        watched = {row, named}
        watched |= {(ACCOUNT, account) for account in (mine, other) if account}
        if not mine or not other or mine == other:
            return None, watched
        if rule.merged.into:
            return _Edge(mine, other), watched
        if rule.merged.by_account and self._is_named(table, other):
            return None, watched
        return _Edge(other, mine), watched

    def _winners(self, loser: str) -> dict[RowPlace, str]:
        """Targets that marks name for an account, in the order in which they count."""
        rows = sorted(self._of_loser.get(loser, ()), key=lambda row: (row[0], len(row[1]), row[1]))
        return {row: self._edges[row].winner for row in rows}

    def _choose(self, loser: str) -> bool:
        """Put the first mark of an account in force that may be; whether there is one."""
        refused: Refused | None = None
        for row, winner in self._winners(loser).items():
            if not self._is_known(winner) and winner not in self.force:
                code = MERGE_TARGET_UNKNOWN
            elif (self.into(winner) or winner) == loser:
                code = MERGE_LOOP
            else:
                self.force[loser] = winner
                self.refused.pop(loser, None)
                return True
            refused = refused or Refused(code, winner, row)
        if refused is not None:
            self.refused[loser] = refused
        return False

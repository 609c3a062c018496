"""What one transaction does to the links: enter them, and remember where rows stood that this moves.

Rows of the transaction are not all that moves. Before a link of a row changes that others hang on, or an account's merge
is decided, everything that hangs on it is looked up and where it stands is noted; afterwards the difference is the move.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from state.model import ACCOUNT, AccountRule, Place
from state.resolving.links import Links, RowPlace
from state.resolving.resolved import Resolved
from state.row import KEY, LINK, TABLE, Merged, Row


class Relinking:
    """One transaction's work on the links; `begin` makes it ready for the next one."""

    __slots__ = ("_doubts", "_links", "_named", "_waits", "appeared", "before", "gone")

    def __init__(self, links: Links, waits: Container[RowPlace]) -> None:
        """`waits`: the rows that are set aside, which stand nowhere."""
        self._links = links
        self._waits = waits
        self.begin()

    def begin(self) -> None:
        """Forget the last transaction."""
        #: where rows stood before the transaction, of those that it may move
        self.before: dict[RowPlace, str | None] = {}
        #: rows that it deletes
        self.gone: dict[RowPlace, None] = {}
        #: places that waiting rows may wait for
        self.appeared: list[Place] = []
        #: accounts whose standing is seen anew at the end; what rows of marked tables named before the transaction
        self._doubts: dict[str, None] = {}
        self._named: dict[RowPlace, str | None] = {}

    def retire(self, table: int, key: str, out: Resolved) -> None:
        """Note a delete under the account of before; of a row that is not live it means nothing."""
        live = (table, key) not in self.gone and key in self._links.of[table]
        if live and (self._leaving((table, key)) is not None or self._links.carrier(table)):
            out.applied += 1
        else:
            out.ignored += 1

    def truncate(self, table: int) -> None:
        """Every row of the table is deleted."""
        for key in self._links.of[table]:
            self._leaving((table, key))

    def _leaving(self, place: RowPlace) -> str | None:
        self.gone[place] = None
        account = self._stood(place)
        if place[0] in self._links.parents:
            self._shake([place])
        return account

    def _stood(self, place: RowPlace) -> str | None:
        """Where a row stood before the transaction."""
        if place not in self.before:
            self.before[place] = None if place in self._waits else self._links.account_of(*place)
        return self.before[place]

    def _shake(self, places: Iterable[Place]) -> None:
        """Something about these places changes: note where the rows stand whose way leads over them."""
        for place in self._links.under(places):
            self._stood(place)

    def enter(self, rule: AccountRule, row: Row) -> None:
        """Enter an upsert's link."""
        table, key, link = row[TABLE], row[KEY], row[LINK] or ""
        links = self._links
        if rule.normalise or rule.merged is not None:
            link = self._read(rule, (table, key), link)
        of_table = links.of[table]
        old = of_table.get(key)
        if old == link:
            return
        if rule.ways:
            self._enter_ways((table, key), old, link)
            return
        if old is not None or links.hanging.keys is not None:
            self._relink((table, key), old, link)
        if (known := links.accounts.get(link)) is not None and known == link:
            link = known  # the same text once in memory: most of the index is texts
        of_table[key] = link
        if rule.kind == "defines" and link and links.know(link):
            self.appeared.append((ACCOUNT, link))
        if table in links.parents:
            self.appeared.append((table, key))

    def _read(self, rule: AccountRule, row: RowPlace, link: str) -> str:
        """The part of a captured link that leads on; what it says of a merge is taken note of."""
        links = self._links
        text = links.text(rule, link)
        if rule.merged is not None:
            links.merges.mark(row, links.mark_of(rule, row[1], link))
            self._named.setdefault(row, links.of[row[0]].get(row[1]))
            if (old := links.of[row[0]].get(row[1])) != text and not rule.ways:
                self._tell_marks(row, (old, text))
        return text

    def _relink(self, row: RowPlace, old: str | None, new: str) -> None:
        """A row's link is another one; or it is new, and rows may hang on it that hung on one of its key before."""
        links, (table, key) = self._links, row
        if old is not None:
            self._stood(row)
            if table in links.parents:
                self._shake([row])
            if table in links.ends:
                self._doubts[old] = None
            links.hanging.leave(table, key, old)
        elif row in links.ghosts:
            self._shake([row])
            del links.ghosts[row]
        links.hanging.enter(table, key, new)
        if new in links.aliases and table in links.own:
            self._doubts[new] = None

    def _tell_marks(self, row: RowPlace, accounts: Iterable[str | None]) -> None:
        """Marks that speak of this row, or of an account that it named or names, count anew."""
        merges = self._links.merges
        if merges:
            merges.touch(row)
            for account in accounts:
                merges.touch((ACCOUNT, account or ""))

    def _enter_ways(self, row: RowPlace, old: str | None, new: str | None) -> None:
        """Enter a row's new link (None: it is gone) where ways lead on."""
        links, (table, key) = self._links, row
        changed = links.ways.changed(table, key, old, new)
        self._shake(changed)
        ends = [e[1] for link in (old, new) for e in links.ways.steps(table, key, link).values() if e[0] == ACCOUNT]
        links.ways.replace(table, key, old, new)
        if new is None:
            del links.of[table][key]
        else:
            links.of[table][key] = new
        if old is not None or table in links.own:
            self._doubts |= dict.fromkeys(ends)
        if (rule := links.rules[table]) is not None and rule.merged is not None:
            self._tell_marks(row, ends)
        self.appeared += changed
        for account in links.ways.defined(table, key, new) if new is not None else ():
            if links.know(account):
                self.appeared.append((ACCOUNT, account))

    def finish(self, out: Resolved) -> None:
        """All rows are entered: take the deleted ones away, decide merges, forget accounts that nothing names."""
        if not (self.before or self._doubts or self._named or self._links.merges.stale):
            return  # nearly always; what is deleted has stood somewhere
        if self.gone:
            self._unlink()
        for account in self._doubts:
            if (ACCOUNT, account) in self.appeared:
                self._links.review(account, own=False)  # nothing was under it before this transaction
        if self._links.merges.stale:
            self._merge(out)
        for row in self._links.ghosts.keys() & self.gone.keys():
            if self._links.ghosts[row] not in self._links.merges.force:
                del self._links.ghosts[row]
        for account in self._doubts:
            self._links.review(account)
        self._doubts.clear()
        self._named.clear()

    def _unlink(self) -> None:
        links = self._links
        for table, key in self.gone:
            rule, link = links.rules[table], links.of[table].get(key)
            if rule is None or link is None:
                continue
            if rule.merged is not None:
                links.merges.mark((table, key), None)
                named = self._named.get((table, key), link)
                if not rule.merged.into and not rule.ways and named:
                    links.haunt((table, key), named)  # it is one if the account turns out to be merged
            if rule.ways:
                self._enter_ways((table, key), link, None)
                continue
            if table in links.ends:
                self._doubts[link] = None
            links.hanging.leave(table, key, link)
            del links.of[table][key]
            if rule.merged is not None:
                self._tell_marks((table, key), (link,))

    def _merge(self, out: Resolved) -> None:
        """Accounts whose rows belong elsewhere since now."""
        links, force = self._links, self._links.merges.force
        before = dict(force)
        changed = sorted(links.merges.settle())
        self._shake((ACCOUNT, account) for account in changed)
        for row in [row for row, account in links.ghosts.items() if account not in force and row not in self.gone]:
            del links.ghosts[row]
            out.links.append((row, None))
        for account in changed:
            if links.review(account):
                self.appeared.append((ACCOUNT, account))
            out.merged = [*out.merged, Merged(account, links.merges.into(account), force.get(account))]
            self._doubts |= dict.fromkeys(one for one in (account, before.get(account)) if one)

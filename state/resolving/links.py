"""What the rows say of one another and of accounts: links, known accounts, merges; and where a row stands by them.

Per table it keeps primary key -> link: the account id a row defines or names, or the primary key of its parent row. The
account is found by walking links upwards, then along the accounts that were merged. It is a function of the live rows,
but for this: an account that was known stays known while rows are under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from state.model import ACCOUNT, AccountRule, Place, TableSpec, normalise
from state.resolving.hanging import Hanging
from state.resolving.merges import Merges
from state.resolving.ways import NULL, SEPARATOR, Ways

RowPlace = tuple[int, str]
#: longest chain of parents that is followed; a longer one is a loop in the data
CHAIN_LENGTH_MAX = 32
_CHAIN = range(CHAIN_LENGTH_MAX)
#: in the place of a parent: the row names an account by its link, or there is no single link to follow
_END, _NONE = -1, -2
#: rows of these objects are the account itself in their system: they stay with it when it is merged into another
_OWN = ("account", "entitlement")


def _up(rule: AccountRule | None) -> int:
    """The table that a row's link leads to."""
    if rule is None or rule.kind == "ways":
        return _NONE
    return _END if rule.parent is None else rule.parent


class Links:
    """The graph over all sources; `tables` as in the model, indexed by their place."""

    def __init__(self, tables: Iterable[TableSpec]) -> None:
        tables = list(tables)
        self.rules: list[AccountRule | None] = [None if t.ignore else t.account for t in tables]
        self.parents = {r.parent for r in self.rules if r and r.parent is not None}
        self.of: list[dict[str, str]] = [{} for _ in self.rules]
        self._up = [_up(rule) for rule in self.rules]
        #: known accounts -> the one that their rows belong to: themselves, or the one they were merged into
        self.accounts: dict[str, str] = {}
        #: tables whose rows find their account by ways, and those whose rows name one by a column
        self.by_ways = frozenset(i for i, rule in enumerate(self.rules) if rule and rule.kind == "ways")
        self.ends = frozenset(
            i for i, rule in enumerate(self.rules) if rule and rule.kind != "ways" and rule.parent is None
        )
        #: tables whose rows are the account itself
        self.own = frozenset(
            t.index for t in tables if t.object and t.object.role.object in _OWN and not t.object.role.blocks
        )
        self.ways = Ways(self.rules, self.accounts)
        self.hanging = Hanging(self.rules, self.of)
        self.merges = Merges(self.rules, self.named_by, self._may_merge_into, self._is_named)
        self._merged = False
        #: rows that are gone while their account is merged into another: rows that hang on them belong there
        self.ghosts: dict[RowPlace, str] = {}
        #: accounts that are known only because they were merged into another; no row of their own is there
        self.aliases: set[str] = set()

    def carrier(self, table: int) -> bool:
        """Whether a table's rows belong to nobody and only make links known."""
        rule = self.rules[table]
        return rule is not None and rule.carrier

    def account_of(self, table: int, key: str) -> str | None:
        """Account id of a live row, None if its walk ends nowhere (or in a loop)."""
        at, row = table, key
        for _ in _CHAIN:
            link = self.of[at].get(row)
            parent = self._up[at]
            if link is None or parent < 0:
                break
            at, row = parent, link
        else:
            return None
        if parent == _END and link is not None and not self._merged:
            return self.accounts.get(link)
        return self._account_of(table, key, at, row)

    def _account_of(self, table: int, key: str, at: int, row: str) -> str | None:
        """The same where merges or ways matter; the walk came to the row `at`."""
        end = self.of[at].get(row)
        if end is None:
            end = self.ghosts.get((at, row))
        elif table in self.by_ways:
            end = self.ways.account_of((table, key))
        elif self._up[at] != _END:
            return None
        if end is None:
            return None
        if self._merged and table in self.own:
            return end if end in self.accounts else None
        return self.accounts.get(end)

    def haunt(self, row: RowPlace, account: str) -> None:
        """A row is gone while its account is, or may be, merged into another."""
        self.hanging.make()
        self.ghosts[row] = account

    def missing(self, table: int, key: str) -> Place | None:
        """What a row waits for: (table, key) of an absent parent, or (ACCOUNT, id); with ways or a loop, its own place."""
        start = (table, key)
        if table in self.by_ways:
            return None if self.account_of(table, key) else start
        for _ in range(CHAIN_LENGTH_MAX):
            link = self.of[table].get(key)
            if link is None:
                ghost = self.ghosts.get((table, key))
                return None if ghost in self.accounts else (table, key)
            rule = self.rules[table]
            if rule is None or rule.parent is None:
                return None if link in self.accounts else (ACCOUNT, link)
            table, key = rule.parent, link
        return start

    def text(self, rule: AccountRule, link: str) -> str:
        """The part of a captured link that says where the row leads to."""
        if rule.kind == "ways":
            return link
        if rule.merged is not None:
            link = link.partition(SEPARATOR)[0]
            link = "" if link == NULL else link
        return normalise(link, rule.normalise) if rule.normalise else link

    def mark_of(self, rule: AccountRule, key: str, link: str) -> str | None:
        """What a captured link says of a merge; None if nothing."""
        assert rule.merged is not None
        columns = link.split(SEPARATOR)
        text = columns[rule.merged.column] if rule.merged.column < len(columns) else NULL
        if text in (NULL, "") or (not rule.merged.by_account and text == key):
            return None
        return normalise(text, rule.normalise) if rule.merged.by_account and rule.normalise else text

    def named_by(self, table: int, key: str) -> str | None:
        """Account id that a row names itself, without regard to merges."""
        link = self.of[table].get(key)
        if link is None:
            return self.ghosts.get((table, key))
        return (self.ways.named(table, key, link) if table in self.by_ways else link) or None

    def _may_merge_into(self, account: str) -> bool:
        return account in self.accounts and account not in self.aliases

    def _is_named(self, table: int, account: str) -> bool:
        return any(place[0] == table for place in self._under((ACCOUNT, account)))

    def _under(self, place: Place) -> Iterator[Place]:
        """Places that lead to this one by one step: rows, and with ways named places."""
        return chain(self.hanging.under(place), self.ways.under(place))

    def under(self, places: Iterable[Place]) -> list[RowPlace]:
        """All live rows whose way leads over one of these places, themselves included, carriers left out."""
        found = dict.fromkeys(places)
        ahead = list(found)
        for place in ahead:  # grows while it is read
            for one in self._under(place):
                if one not in found:
                    found[one] = None
                    ahead.append(one)
            if place[0] == ACCOUNT:
                gone = [row for row, account in self.ghosts.items() if account == place[1] and row not in found]
                found |= dict.fromkeys(gone)
                ahead += gone
        rows: list[RowPlace] = []
        for table, key in ahead:
            if isinstance(table, int) and table != ACCOUNT and key in self.of[table] and not self.carrier(table):
                rows.append((table, key))
        return rows

    def know(self, account: str) -> bool:
        """An account is there in its own right; whether that is news."""
        if account in self.accounts and account not in self.aliases:
            return False
        self.aliases.discard(account)
        self.accounts[account] = self.merges.into(account) or account
        if self.merges:
            self.merges.touch((ACCOUNT, account))
        return True

    def review(self, account: str, own: bool = True) -> bool:
        """Where an account's rows belong, and whether it is known at all, seen anew; whether it was not known before.

        `own=False`: rows that name the account do not keep it known.
        """
        was = account in self.accounts
        own = own and was and account not in self.aliases
        strong = self.hanging.defining(account) or self.ways.defining(account) or self.merges.has_merged(account)
        into = self.merges.into(account)
        self.aliases.discard(account)
        if into is not None:
            self._merged = True
            self.accounts[account] = into
            if not strong and not any(table in self.own for table, _ in self.under([(ACCOUNT, account)])):
                self.aliases.add(account)
            return not was
        if strong or (own and self.under([(ACCOUNT, account)])):
            self.accounts[account] = account
            return not was
        if was:
            del self.accounts[account]
            self.merges.touch((ACCOUNT, account))
        return False

"""Which rows hang on a row, or name an account, by one column: the index of links, backwards.

It is made when it is first asked for (a parent row moves or goes, accounts are merged) and kept from then on, so that
sources whose parents stay where they are never pay for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from state.model import ACCOUNT, AccountRule, Place

RowPlace = tuple[int, str]


class Hanging:
    """Backward index over tables that are described by one column; tables with ways have their own (`state/resolving/ways.py`)."""

    def __init__(self, rules: Sequence[AccountRule | None], links: Sequence[dict[str, str]]) -> None:
        """`links`: per table {key of a row: its link}, as the identity index keeps them."""
        self._rules = rules
        self._links = links
        self._tables: dict[int | str, list[int]] = {}
        for table, rule in enumerate(rules):
            if rule is not None and rule.kind != "ways":
                self._tables.setdefault(ACCOUNT if rule.parent is None else rule.parent, []).append(table)
        #: per table {link: keys}; None until it is asked for
        self.keys: list[dict[str, dict[str, None]]] | None = None

    def enter(self, table: int, key: str, link: str) -> None:
        """A row has this link now."""
        if self.keys is not None:
            self.keys[table].setdefault(link, {})[key] = None

    def leave(self, table: int, key: str, link: str) -> None:
        """A row no longer has this link."""
        if self.keys is None:
            return
        keys = self.keys[table][link]
        del keys[key]
        if not keys:
            del self.keys[table][link]

    def under(self, place: Place) -> Iterator[RowPlace]:
        """The rows whose own link leads to the place."""
        keys = self.make()
        for table in self._tables.get(place[0], ()):
            for key in keys[table].get(place[1], ()):
                yield table, key

    def defining(self, account: str) -> bool:
        """Whether a live row brings the account into being."""
        keys = self.make()
        return any(
            account in keys[table] and (rule := self._rules[table]) is not None and rule.kind == "defines"
            for table in self._tables.get(ACCOUNT, ())
        )

    def make(self) -> list[dict[str, dict[str, None]]]:
        """The index, made now if it is not there."""
        if self.keys is not None:
            return self.keys
        self.keys = made = []
        for rule, links in zip(self._rules, self._links, strict=True):
            keys: dict[str, dict[str, None]] = {}
            if rule is not None and rule.kind != "ways":
                for key, link in links.items():
                    if link in keys:
                        keys[link][key] = None
                    else:
                        keys[link] = {key: None}
            made.append(keys)
        return made

"""Ways to the account that one foreign key cannot say: a graph of places, each with the steps that lead on from it.

A place is a row (table, primary key), a named place of a source (a unique column that other tables refer to, a user, a
role group), or an account. A row makes steps known: its own ones, and those of other places for which it carries the
link. The account of a row is the first one found along its steps, lower ranks first, then the lower carrying row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from state.model import ACCOUNT, AccountRule, Condition, Place, Way, normalise

#: between the columns of a link, and in the place of a null
SEPARATOR: Final = "\x1f"
NULL: Final = "\0"
#: most places that are looked at for one row
PLACES_MAX = 10_000

#: who made a step known, in the order in which steps are tried: (rank, length of key, key, table, number of the way)
Carrier = tuple[int, int, str, int, int]
Steps = dict[tuple[Place, Carrier], Place]


class Ways:
    """The graph. `accounts` are the known accounts, which the identity index keeps."""

    def __init__(self, rules: Sequence[AccountRule | None], accounts: Collection[str]) -> None:
        self._rules = rules
        self._accounts = accounts
        self._steps: dict[Place, dict[Carrier, Place]] = {}
        self._reverse: dict[Place, dict[Place, int]] = {}

    def counts(self, table: int, link: str | None) -> bool:
        """Whether a row counts: it is one of those that the mapping means, and one of its own ways applies."""
        rule = self._rules[table]
        if rule is None or link is None:
            return False
        columns = link.split(SEPARATOR)
        if not _holds(rule.only, columns):
            return False
        own = [way for way in rule.ways if way.own]
        return rule.carrier or not own or any(_key(way, "", columns) is not None for way in own)

    def steps(self, table: int, key: str, link: str | None) -> Steps:
        """The steps that a row with this link makes known."""
        rule = self._rules[table]
        if link is None or rule is None:
            return {}
        columns = link.split(SEPARATOR)
        found: Steps = {}
        for number, way in enumerate(rule.ways):
            target = _key(way, key, columns)
            start = key if way.start is None else columns[way.start]
            if target is not None and start != NULL:
                found[(way.origin, start), (way.rank, len(key), key, table, number)] = way.target, target
        return found

    def defined(self, table: int, key: str, link: str) -> list[str]:
        """Account ids that the row brings into being."""
        rule = self._rules[table]
        ways = [way for way in rule.ways if way.defines] if rule else []
        return [found for way in ways if (found := _key(way, key, link.split(SEPARATOR)))]

    def named(self, table: int, key: str, link: str) -> str | None:
        """Account id that the row itself names."""
        rule = self._rules[table]
        ways = [way for way in rule.ways if way.own and way.target == ACCOUNT] if rule else []
        return next((found for way in ways if (found := _key(way, key, link.split(SEPARATOR)))), None)

    def defining(self, account: str) -> bool:
        """Whether a live row brings the account into being."""
        place: Place = (ACCOUNT, account)
        return any(
            target == place and (rule := self._rules[table]) is not None and rule.ways[number].defines
            for origin in self._reverse.get(place, ())
            for (_, _, _, table, number), target in self._steps[origin].items()
        )

    def under(self, place: Place) -> Iterable[Place]:
        """The places from which a step leads to this one."""
        return self._reverse.get(place, ())

    def changed(self, table: int, key: str, old: str | None, new: str | None) -> list[Place]:
        """Places whose steps differ once the row's link goes from `old` to `new`."""
        before, after = self.steps(table, key, old), self.steps(table, key, new)
        return list(dict.fromkeys(step[0] for step in {**before, **after} if before.get(step) != after.get(step)))

    def replace(self, table: int, key: str, old: str | None, new: str | None) -> None:
        """Take back the steps of the old link, enter those of the new one."""
        for (origin, carrier), target in self.steps(table, key, old).items():
            steps = self._steps[origin]
            del steps[carrier]
            if not steps:
                del self._steps[origin]
            sources = self._reverse[target]
            sources[origin] -= 1
            if not sources[origin]:
                del sources[origin]
                if not sources:
                    del self._reverse[target]
        for (origin, carrier), target in self.steps(table, key, new).items():
            self._steps.setdefault(origin, {})[carrier] = target
            sources = self._reverse.setdefault(target, {})
            sources[origin] = sources.get(origin, 0) + 1

    def account_of(self, place: Place) -> str | None:
        """The first known account along the steps from a place; None if there is none (or only loops)."""
        seen: set[Place] = set()
        ahead = [place]
        while ahead and len(seen) < PLACES_MAX:
            place = ahead.pop()
            if place[0] == ACCOUNT:
                if place[1] in self._accounts:
                    return place[1]
                continue
            if place in seen:
                continue
            seen.add(place)
            steps = self._steps.get(place)
            if steps is None:
                continue
            if len(steps) == 1:
                ahead += steps.values()
            else:
                ahead += [steps[carrier] for carrier in sorted(steps, reverse=True)]
        return None

    def reaching(self, places: Iterable[Place]) -> list[Place]:
        """These places and all from which steps lead to them, nearest first."""
        found = dict.fromkeys(places)
        ahead = list(found)
        for place in ahead:  # grows while it is read
            for source in self._reverse.get(place, ()):
                if source not in found:
                    found[source] = None
                    ahead.append(source)
        return ahead


def _holds(conditions: tuple[Condition, ...], columns: list[str]) -> bool:
    return all(columns[number] in texts for number, texts in conditions)


def _key(way: Way, key: str, columns: list[str]) -> str | None:
    """Key of the place that a way leads to; None if the way is not there for this row."""
    if not _holds(way.when, columns):
        return None
    if way.column is None:
        return key
    text = columns[way.column]
    if text in (NULL, ""):
        return None
    if way.model is not None:
        model, comma, text = text.partition(",")
        if model != way.model or not comma:
            return None
    return normalise(text, way.normalise) if way.normalise else text

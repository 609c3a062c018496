"""What differs between two views of the same rows: objects, intents and exceptions, counted, with examples."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from state.output import Output

NEW, LOST, CHANGED = "new", "lost", "changed"
#: not compared: they move with other rows of the account
_POSITIONS = "positions"
#: what of an intent says what is wanted
_WANTED = ("desired", "current", "mode", "team")


class Example(NamedTuple):
    """One thing that differs. `fields`: name -> [before, after], of a new or lost one only what is there."""

    what: str
    kind: str
    key: str
    account: str
    change: str
    fields: dict[str, list[Any]]


@dataclass(slots=True)
class Count:
    """Of one kind: how many are new, lost, changed and the same; and how many changed in each field."""

    new: int = 0
    lost: int = 0
    changed: int = 0
    same: int = 0
    fields: Counter[str] = field(default_factory=Counter)

    @property
    def differing(self) -> int:
        """How many are not the same."""
        return self.new + self.lost + self.changed


#: (what, kind, key) -> (account, flat body)
View = dict[tuple[str, str, str], tuple[str, dict[str, Any]]]


def view_of(outputs: Iterable[Output]) -> View:
    """Everything that outputs of a derivation say, by what it is about."""
    view: View = {}
    for output in outputs:
        for kind, key, account, body in output.records:
            if body is not None and kind != "change":
                view["object", kind, key] = account, flat(body)
        for _, intent in output.intents:
            if intent is not None:
                said = {name: intent[name] for name in _WANTED}
                view["intent", intent["rule"], intent["object_id"]] = intent["account_id"], flat(said)
        for name, exception in output.exceptions:
            if exception is not None:
                view["exception", exception["kind"], name] = exception["account"], {"text": exception["text"]}
    return view


def flat(body: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested records as one level: `totals.EUR.open_minor`. Lists are JSON."""
    out: dict[str, Any] = {}
    for name, value in body.items():
        if name == _POSITIONS:
            continue
        if isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}"] = json.dumps(value, default=str) if isinstance(value, list) else value
    return out


class Comparison:
    """Adds up the differences of views, portion by portion; at most so many examples of a kind and change."""

    def __init__(self, examples_max: int) -> None:
        """Nothing is compared yet."""
        self._max = examples_max
        self._counts: dict[tuple[str, str], Count] = {}
        self.examples: list[Example] = []
        self._shown: Counter[tuple[str, str, str]] = Counter()

    def counts(self, what: str) -> dict[str, Count]:
        """Of "object", "intent" or "exception", by kind."""
        return {kind: count for (of, kind), count in sorted(self._counts.items()) if of == what}

    @property
    def differing(self) -> int:
        """How much differs altogether."""
        return sum(count.differing for count in self._counts.values())

    def add(self, before: View, after: View) -> None:
        """Compare two views of the same rows."""
        for place in dict.fromkeys([*before, *after]):
            self._compare(place, before.get(place), after.get(place))

    def _compare(
        self,
        place: tuple[str, str, str],
        old: tuple[str, dict[str, Any]] | None,
        new: tuple[str, dict[str, Any]] | None,
    ) -> None:
        what, kind, key = place
        count = self._counts.setdefault((what, kind), Count())
        if old == new:
            count.same += 1
            return
        was, now = old[1] if old else {}, new[1] if new else {}
        names = [name for name in dict.fromkeys([*was, *now]) if was.get(name) != now.get(name)]
        account = new[0] if new else old[0] if old else ""
        if old is None:
            change = NEW
            count.new += 1
        elif new is None:
            change = LOST
            count.lost += 1
        else:
            change = CHANGED
            count.changed += 1
            count.fields.update(names)
            if old[0] != account:
                names.append("account")
                was, now = {**was, "account": old[0]}, {**now, "account": account}
        self._shown[what, kind, change] += 1
        if self._shown[what, kind, change] <= self._max:
            fields = {name: [was.get(name), now.get(name)] for name in dict.fromkeys(names)}
            self.examples.append(Example(what, kind, key, account, change, fields))

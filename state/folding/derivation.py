"""Objects that no single row holds: what a derivation is, and how its function looks at the rows it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from state.folding.account import Account
from state.role import POSITION, TIME_MS, UNMAPPED, Fact, Ref, Role, RoleField

if TYPE_CHECKING:
    from state.folding.life import Step


class Shape(NamedTuple):
    """Of a table with parts: their kind, and the place of each field in the fact."""

    kind: str
    places: Mapping[str, int]


class Part:
    """One row that a derived object is made of; its fields by name."""

    __slots__ = ("_fact", "_places", "kind", "ref")

    def __init__(self, ref: Ref, shape: Shape, fact: Fact) -> None:
        self.ref, self._places, self._fact = ref, shape.places, fact
        #: which part it is, for example invoice_item
        self.kind = shape.kind

    def __getitem__(self, name: str) -> Any:
        return self._fact[self._places[name]]

    @property
    def order(self) -> tuple[int, str]:
        """Rows of a table in the order of their keys, numbers as numbers."""
        return len(self.ref[1]), self.ref[1]

    @property
    def position(self) -> int:
        """Position of the transaction that wrote the row as it is."""
        position: int = self._fact[POSITION]
        return position

    @property
    def time_ms(self) -> int:
        """Commit time of that transaction."""
        time_ms: int = self._fact[TIME_MS]
        return time_ms

    def unknown(self, name: str) -> bool:
        """Whether the mapping does not know the label that the field has."""
        return self._fact[UNMAPPED] is not None and name in self._fact[UNMAPPED]


class Parts:
    """The rows of one account and source, found by the fields that their roles name in `by`."""

    def __init__(self, account: Account, source: str, shapes: Mapping[int, Shape], digits: Mapping[str, int]) -> None:
        self._account, self._source, self._shapes = account, source, shapes
        #: decimals of each currency
        self.digits = digits
        self._used: dict[Ref, Part] = {}

    def of(self, kind: str, /, **by: str | None) -> list[Part]:
        """Rows of a kind whose field has this text, in the order of their keys; none for None."""
        ((name, value),) = by.items()
        if value is None:
            return []
        refs = self._account.parts.get((self._source, kind, name, value), ())
        found = [Part(ref, self._shapes[ref[0]], self._account.rows[ref]) for ref in refs]
        found.sort(key=lambda part: part.order)
        self._used |= {part.ref: part for part in found}
        return found

    def one(self, kind: str, /, **by: str | None) -> Part | None:
        """As `of`, when there is one at most; of several the first."""
        found = self.of(kind, **by)
        return found[0] if found else None

    def all(self, kind: str) -> list[Part]:
        """Every row of a kind."""
        return self.of(kind, **{"": ""})

    def used(self) -> list[Part]:
        """What was looked at."""
        return list(self._used.values())


class Link(NamedTuple):
    """A reference to another derived object of the same source."""

    object: str
    key: str


class Made(NamedTuple):
    """One object: `key` tells it from others of its kind in the source, `id` is the canonical id.

    `unmapped`: label fields that the mapping does not know, as in a fact. `rows`: what it is made of, if not everything
    that the function has looked at. `own`: the row that stands for it: what is noted of the object moves with that row.
    `steps`: the states that it was in, where its rows say so themselves, the last one that of now; else they are noted.
    """

    object: str
    key: str
    id: str
    fields: Mapping[str, Any]
    unmapped: tuple[str, ...] = ()
    rows: tuple[Part, ...] = ()
    own: Part | None = None
    steps: tuple[Step, ...] = ()


@dataclass(slots=True)
class Moment:
    """The time that a derivation is made for. What takes effect later calls `wait`, to be made again then."""

    now_ms: int
    until_ms: int | None = field(default=None)

    def wait(self, time_ms: int) -> None:
        """Something changes then by itself."""
        if self.until_ms is None or time_ms < self.until_ms:
            self.until_ms = time_ms


@dataclass(frozen=True, slots=True)
class Derivation:
    """A named function of several rows.

    `anchors(part, parts)`: which of its objects a row that came, went or changed concerns, by their anchor's key.
    `make(parts, anchor, moment)`: the objects of one anchor. `reads`: kinds of rows it looks at.
    """

    name: str
    system: str
    makes: tuple[str, ...]
    reads: tuple[str, ...]
    anchors: Callable[[Part, Parts], Iterable[str | None]]
    make: Callable[[Parts, str, Moment], Iterable[Made]]


def part_role(system: str, kind: str, blocks: str, fields: Sequence[RoleField], by: Sequence[str] = ()) -> Role:
    """The role of rows that only derived objects use. While such a row is parked, nothing is derived about `blocks`."""
    return Role(system, kind, tuple(fields), blocks, tuple(by))

"""A fact, and the role that says what its places mean.

A fact is a plain tuple: (position, time_ms, unmapped, id, *fields in the order of its role). `unmapped` is None or the
names of label fields whose source label the mapping does not know; then the label is kept as it came. A field that is
unknown for another reason stands there with it: "REREAD_NEEDED:tier".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

POSITION, TIME_MS, UNMAPPED, ID, FIRST = range(5)
#: the row was captured before the column existed, and its value is no constant; a term of contract that is an average
REREAD_NEEDED, INEXACT_INTERVAL = "REREAD_NEEDED", "INEXACT_INTERVAL"

#: (position, time_ms, unmapped, id, *fields)
Fact = tuple[Any, ...]
#: (table index, canonical text of the primary key)
Ref = tuple[int, str]


@dataclass(frozen=True, slots=True)
class RoleField:
    """One canonical field: `kind` is text, label, money, decimal, date, instant, integer, boolean or reference."""

    name: str
    kind: str
    required: bool = True
    labels: frozenset[str] | None = None
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """What a row of one system says about one canonical object."""

    system: str
    object: str
    fields: tuple[RoleField, ...]
    #: for rows that only derived objects use: about what nothing is derived while such a row is parked
    blocks: str | None = None
    #: and the fields by which functions find them
    by: tuple[str, ...] = ()
    #: place of the first of `SEGMENT` in the facts, 0 without them
    segment: int = field(init=False)

    def __post_init__(self) -> None:
        """Look it up once."""
        names = [one.name for one in self.fields]
        object.__setattr__(self, "segment", FIRST + names.index("legal_entity") if "legal_entity" in names else 0)

    def index(self, name: str) -> int:
        """Place of a field in the fact."""
        return FIRST + next(i for i, field in enumerate(self.fields) if field.name == name)


def label(name: str, *labels: str) -> RoleField:
    """A field with a fixed set of labels; without any, each label that the value map gives is fine."""
    return RoleField(name, "label", labels=frozenset(labels) or None)


def optional(name: str, kind: str, personal: bool = False) -> RoleField:
    """A field that a mapping may leave out; it stays unknown then."""
    return RoleField(name, kind, required=False, personal=personal)


def segment_of(role: Role, fact: Fact) -> tuple[Any, ...]:
    """Legal entity, region, product line and tenant that a fact says itself; empty for a role without them."""
    place = role.segment
    return fact[place : place + len(SEGMENT)] if place else ()


#: which legal entity, region, product line and tenant an object belongs to; unmapped: that of its parent or account
SEGMENT = tuple(optional(name, "text") for name in ("legal_entity", "region", "product_line", "tenant"))

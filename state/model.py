"""The model that the mappings describe: sources, tables, the way to the account, and how a row becomes a fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import Enum
from typing import Any, Literal

from state.roles import Fact, Role
from state.values import NANO

AccountKind = Literal["defines", "through", "reference"]
#: (row image, position, time_ms) -> fact; raises BadValue
Mapper = Callable[[Mapping[str, Any], int, int], Fact]


@dataclass(frozen=True, slots=True)
class AccountRule:
    """How a row leads to its account: `parent` is the table index that a foreign key points to, for "through"."""

    kind: AccountKind
    column: str
    parent: int | None = None
    normalise: tuple[str, ...] = ()


class Absent(Enum):
    """What a field is where its row was captured before the column existed, if the mapping gives no value for that."""

    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Zone:
    """How a wall clock becomes an instant: one zone for all rows, or the one that a column of the row names."""

    fixed: tzinfo | None
    column: str | None = None
    find: Callable[[str], tzinfo | None] | None = None


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One mapped field: `column` of the row; `labels` for value maps; `minor` for money given in minor units.

    `absent`: the source value of rows captured before the column existed. `open_ended`: source values that stand for an
    end that never comes. `zero_date`: the column may hold a zero date. `plus`: the column with the term that is added.
    """

    name: str
    kind: str
    column: str
    labels: Mapping[str, str] | None = None
    minor: bool = False
    table: int | None = None
    zone: Zone | None = None
    absent: Any = Absent.REFUSED
    open_ended: tuple[Any, ...] = ()
    zero_date: bool = False
    plus: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """What a table's rows say: the role they play, the template of the object's id, and the fields in role order."""

    role: Role
    id: str
    fields: tuple[FieldSpec | None, ...]
    mapper: Mapper
    minor: bool


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A captured table. `index` is its place in Model.tables; `ignore` the reason why its rows are not used."""

    index: int
    source: str
    name: str
    topic: str
    key: tuple[str, ...]
    account: AccountRule | None = None
    ignore: str | None = None
    object: ObjectSpec | None = None


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A captured database. `system` is the part it plays: billing, erp or support."""

    name: str
    system: str
    snapshot: Literal["initial", "none"]
    transaction_topic: str
    notification_topic: str
    version: int


@dataclass(frozen=True, slots=True)
class Model:
    """All sources and tables; `exponents` are the decimals of each currency (ISO 4217)."""

    sources: tuple[SourceSpec, ...]
    tables: tuple[TableSpec, ...]
    exponents: Mapping[str, int]
    #: 10^-9 units that make one minor unit, per currency
    steps: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Derive what every amount needs."""
        object.__setattr__(self, "steps", {code: NANO // 10**digits for code, digits in self.exponents.items()})


_STEPS: dict[str, Callable[[str], str]] = {
    "strip": str.strip,
    "upper": str.upper,
    "lower": str.lower,
    "collapse": lambda value: " ".join(value.split()),
}
NORMALISE_STEPS = tuple(_STEPS)


def normalise(value: str, steps: tuple[str, ...]) -> str:
    """Bring a reference to the form of an account id: the named steps, in order."""
    for step in steps:
        value = _STEPS[step](value)
    return value

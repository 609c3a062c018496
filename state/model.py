"""The model that the mappings describe: sources, tables, the way to the account, and how a row becomes a fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import Enum
from typing import Any, Final, Literal

from state.folding.derivation import Derivation
from state.roles import Fact, Role
from state.values import NANO

AccountKind = Literal["defines", "through", "reference", "ways"]
#: (row image, position, time_ms) -> fact; raises BadValue
Mapper = Callable[[Mapping[str, Any], int, int], Fact]


#: where a way leads: (table index, key), a named place of a source and its key, or (ACCOUNT, account id)
Place = tuple[int | str, str]
#: link column number and the texts that it may have
Condition = tuple[int, frozenset[str]]
ACCOUNT: Final = -1


@dataclass(frozen=True, slots=True)
class Way:
    """One step towards the account that a row of the table makes known. Columns are numbers of `AccountRule.columns`.

    `start`: the column with the key of the place that the step starts from (`origin`), None for the row's own key.
    `column`: the column with the key of the `target`, None for the row's own key. `model`: that column says
    'model,id', and the step is only there for this model. `own`: the step is the row's own, not one that it makes
    known of another row. `rank`: lower ranks are tried first.
    """

    rank: int
    origin: int | str
    target: int | str
    start: int | None = None
    column: int | None = None
    model: str | None = None
    when: tuple[Condition, ...] = ()
    normalise: tuple[str, ...] = ()
    defines: bool = False
    own: bool = True


@dataclass(frozen=True, slots=True)
class Merge:
    """The column that says which accounts were merged; `column` is its number in `AccountRule.columns`.

    `into`: this row's account was merged into the named one; otherwise the named one was merged into this row's.
    `by_account`: the column holds an account id, otherwise the key of another row of the table.
    """

    column: int
    into: bool
    by_account: bool


@dataclass(frozen=True, slots=True)
class AccountRule:
    """How a row leads to its account: `parent` is the table index that a foreign key points to, for "through".

    "ways" is for what one column cannot say (`state/resolving/ways.py`): `columns` are the columns that steps and conditions
    read, `only` says which rows count at all, `carrier` that rows only make links known and belong to nobody.
    `merged`: rows say which accounts were merged; then `columns` are read in any case, that of the account first.
    """

    kind: AccountKind
    column: str
    parent: int | None = None
    normalise: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    only: tuple[Condition, ...] = ()
    carrier: bool = False
    merged: Merge | None = None


class Absent(Enum):
    """What a field is where its row was captured before the column existed, if the mapping gives no value for that."""

    REFUSED = "refused"
    UNKNOWN = "unknown"


class Local(Enum):
    """A wall clock that shows the time where the customer is."""

    LOCAL = "local"


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
    `clock`: the zone of the wall clock that the column of a date shows, or LOCAL, whose own day is meant.
    `constant`: the same text for every row, without a column. `approximate`: a decimal that a float column holds.
    """

    name: str
    kind: str
    column: str
    labels: Mapping[str | None, str] | None = None
    minor: bool = False
    table: int | None = None
    zone: Zone | None = None
    absent: Any = Absent.REFUSED
    open_ended: tuple[Any, ...] = ()
    zero_date: bool = False
    plus: str | None = None
    constant: str | None = None
    approximate: bool = False
    clock: tzinfo | Local | None = None


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """What a table's rows say: the role they play, the template of the object's id, and the fields in role order.

    `history`: the states that its rows were in are remembered (`state/folding/states.py`). `divided`: rows of another table say
    which invoices each of these payments pays (`state/folding/payments.py`).
    """

    role: Role
    id: str
    fields: tuple[FieldSpec | None, ...]
    mapper: Mapper
    minor: bool
    history: bool = False
    divided: bool = False


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A captured table. `index` is its place in Model.tables; `ignore` the reason why its rows are not used.

    `derived`: no table of the source, but the objects of one kind that a derivation makes.
    """

    index: int
    source: str
    name: str
    topic: str
    key: tuple[str, ...]
    account: AccountRule | None = None
    ignore: str | None = None
    object: ObjectSpec | None = None
    #: the table that this one is a partition of: its rows are that table's
    rows_of: int | None = None
    derived: bool = False
    #: the topic that its rows come on if that is not its own, and the full name of its records there
    shared: str | None = None
    record: str | None = None

    @property
    def input_topic(self) -> str:
        """The topic to read; `topic` names the table in what is stored."""
        return self.shared or self.topic


@dataclass(frozen=True, slots=True)
class DerivationUse:
    """A derivation that a source's mapping asks for; `tables` are those of its objects, by kind, in Model.derived."""

    source: str
    derivation: Derivation
    tables: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A captured database. `system` is the part it plays: billing, erp, support or crm."""

    name: str
    system: str
    snapshot: Literal["initial", "none"]
    transaction_topic: str
    notification_topic: str
    version: int
    #: how its positions are written (connectors/capturing/positions.py)
    position: str = "postgresql"


def _no_zone(_name: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Model:
    """All sources and tables; `exponents` are the decimals of each currency (ISO 4217).

    `derived` are the tables of derived objects; their indices follow those of the captured ones.
    """

    sources: tuple[SourceSpec, ...]
    tables: tuple[TableSpec, ...]
    exponents: Mapping[str, int]
    derived: tuple[TableSpec, ...] = ()
    derivations: tuple[DerivationUse, ...] = ()
    #: the time zone of an IANA name, None if there is none
    find_zone: Callable[[str], tzinfo | None] = field(default=_no_zone, compare=False)
    #: every table that facts come from
    folded: tuple[TableSpec, ...] = field(init=False)
    #: 10^-9 units that make one minor unit, per currency
    steps: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Derive what every amount needs."""
        object.__setattr__(self, "folded", self.tables + self.derived)
        object.__setattr__(self, "steps", {code: NANO // 10**digits for code, digits in self.exponents.items()})

    @property
    def source_of_topic(self) -> dict[str, str]:
        """The source of every topic that is read, by name."""
        found = {table.input_topic: table.source for table in self.tables}
        for source in self.sources:
            found |= {source.transaction_topic: source.name, source.notification_topic: source.name}
        return found


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

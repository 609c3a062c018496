"""The part of `debezium/<source>/mapping.yaml` that says how rows lead to their account."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

#: place in a mapping file
Loc = tuple[str | int, ...]


class Shape(BaseModel):
    """Unknown keys are errors: a misspelt option must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _texts(value: Any) -> Any:
    """Conditions compare texts: `2`, `true` and lists of them may be written plainly."""
    if not isinstance(value, dict):
        return value
    lists = {column: given if isinstance(given, list) else [given] for column, given in value.items()}
    return {
        c: tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in given) for c, given in lists.items()
    }


#: column -> the texts that it may have
Conditions = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_texts)]
Normalise = tuple[Literal["strip", "upper", "lower", "collapse"], ...]


class StepShape(Shape):
    """One step towards the account: exactly one of `defines`, `reference`, `through` (with `table` or `place`).

    `by`: the unique column of `table` that is meant, if not its key. `model`: the column says 'model,id', and the step
    is there for this model only. `when`: only rows whose columns have these values take it.
    """

    defines: str | None = None
    through: str | None = None
    reference: str | None = None
    table: str | None = None
    place: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")] | None = None
    by: str | None = None
    model: str | None = None
    when: Conditions = Field(default_factory=dict)

    @model_validator(mode="after")
    def _checked(self) -> StepShape:
        self._one_way()
        return self

    def _one_way(self) -> None:
        if sum(way is not None for way in (self.defines, self.through, self.reference)) != 1:
            raise ValueError("an account rule has exactly one of defines, through, reference")
        if (self.through is None) != (self.table is None and self.place is None) or (self.table and self.place):
            raise ValueError("`through` needs `table`, the table that the foreign key points to (and only it does)")
        if self.by is not None and self.table is None:
            raise ValueError("`by` names a column of `table`, so it needs `table`")

    @property
    def column(self) -> str:
        """The column that says where the step leads."""
        column = self.defines or self.through or self.reference
        assert column is not None  # the validator demands one
        return column


class MergedShape(Shape):
    """The column that says which accounts were merged: `into` is on the one that is gone, `from` on the one that stays.

    It holds the key of another row of the table, or with `by`, which is the account's own column, an account id.
    """

    into: str | None = None
    from_: Annotated[str | None, Field(alias="from")] = None
    by: str | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> MergedShape:
        if (self.into is None) == (self.from_ is None):
            raise ValueError("`merged` has exactly one of into, from")
        return self


class AccountShape(StepShape):
    """The way to the account: one step, or `ways`, of which the first that leads to an account counts.

    `carried`: rows of other tables carry the link (their `links`); it may be the only way, or come before the others.
    """

    ways: tuple[StepShape, ...] = ()
    carried: bool = False
    normalise: Normalise = ()

    def _one_way(self) -> None:
        if not self.ways and not self.carried:
            super()._one_way()
        elif self.defines or self.through or self.reference or self.table or self.place or self.by or self.model:
            raise ValueError("write `ways` as a list of steps, with nothing of a single step beside it")

    @property
    def needs_ways(self) -> bool:
        """Whether more than one column or table decides."""
        return bool(self.ways or self.carried or self.by or self.place or self.model or self.when)

    def steps(self) -> tuple[StepShape, ...]:
        """The row's own steps, in the order in which they are tried."""
        return self.ways if self.ways or self.carried else (self,)


class LinkShape(StepShape):
    """A step of another place that the row carries: from the place `of`, whose key is in column `key`.

    `to_row: true` leads to the row itself instead of where a column says.
    """

    of: str
    key: str
    to_row: bool = False
    rank: int | None = None
    normalise: Normalise = ()

    def _one_way(self) -> None:
        if not self.to_row:
            super()._one_way()
        elif self.defines or self.through or self.reference or self.table or self.place:
            raise ValueError("`to_row` leads to the row itself: nothing else says where")

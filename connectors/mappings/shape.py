"""The shape of `debezium/<source>/mapping.yaml`; what the shape cannot say, `connectors/mappings/loading.py` checks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from connectors.mappings.account import AccountShape, Conditions, LinkShape, MergedShape, Shape

#: options and the kinds of fields that may have them
_OPTIONS = {
    "zone": ("instant", "date"),
    "open_ended": ("instant", "date"),
    "zero_date": ("instant", "date"),
    "plus": ("date",),
    "clock": ("date",),
    "approximate": ("decimal",),
}
#: objects whose earlier states are remembered if the mapping asks for it
HISTORY = ("subscription", "invoice", "payment")
KINDS = ("text", "label", "money", "decimal", "date", "instant", "integer", "boolean", "reference")


class ZoneShape(Shape):
    """The zone is named by a column of the row itself."""

    column: str


def _labels(value: Any) -> Any:
    """The labels of a boolean column are `true` and `false`; `null` is NULL, and `"null"` a text."""
    if not isinstance(value, dict):
        return value
    return {str(label).lower() if isinstance(label, bool) else label: canonical for label, canonical in value.items()}


#: source label (None: NULL) -> canonical label
Labels = Annotated[dict[str | None, str], BeforeValidator(_labels)]


class FieldShape(Shape):
    """One field: exactly one key of KINDS, whose value is the column; or a `constant`, the same text for every row.

    `derived`: the object that a reference names is made by a function, and `reference` is the key that it goes by.
    `clock`: the wall clock that a date's column without zone shows: `local`, whose day it is, or an IANA name.
    `approximate`: a decimal in a float column; its shortest text is taken for exact, as the source itself takes it.
    """

    text: str | None = None
    label: str | None = None
    money: str | None = None
    decimal: str | None = None
    date: str | None = None
    instant: str | None = None
    integer: str | None = None
    boolean: str | None = None
    reference: str | None = None
    values: Labels | None = None
    units: Literal["minor", "major"] | None = None
    table: str | None = None
    derived: str | None = None
    constant: str | None = None
    approximate: bool = False
    zone: str | ZoneShape | None = None
    absent: str | int | bool | None = None
    open_ended: tuple[str | int, ...] = ()
    zero_date: bool = False
    plus: str | None = None
    clock: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"text": value}
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> FieldShape:
        given = [kind for kind in (*KINDS, "constant") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"a field has exactly one of {', '.join(KINDS)}, constant")
        needs = {"values": "label", "units": "money", "derived" if self.derived else "table": "reference"}
        if self.derived and self.table:
            raise ValueError("a reference leads to a `table` or to a `derived` object, not to both")
        for option, kind in needs.items():
            if (getattr(self, option) is not None) != (kind in given):
                raise ValueError(f"`{option}` belongs to a {kind} field, and such a field needs it")
        if self.clock == "local" and self.zone is not None:
            raise ValueError("`clock: local` is the customer's own clock already, so there is no `zone` beside it")
        for option, kinds in _OPTIONS.items():
            if getattr(self, option) not in (None, (), False) and given[0] not in kinds:
                raise ValueError(f"`{option}` belongs to a field of kind {' or '.join(kinds)}")
        return self

    @property
    def kind(self) -> str:
        """The kind that was given."""
        return next((kind for kind in KINDS if getattr(self, kind) is not None), "text")

    @property
    def column(self) -> str:
        """The column that was given."""
        column: str | None = getattr(self, self.kind)
        return column or ""


class TableShape(Shape):
    """One captured table: ignored with a reason, or an object with its key, account, id and fields."""

    ignore: str | None = None
    key: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    account: AccountShape | None = None
    links: tuple[LinkShape, ...] = ()
    merged: MergedShape | None = None
    only: Conditions = Field(default_factory=dict)
    object: str | None = None
    part: str | None = None
    id: str | None = None
    fields: dict[str, FieldShape] = Field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")] | None = None
    record: str | None = None
    history: bool = False

    @model_validator(mode="after")
    def _whole(self) -> TableShape:
        if self.topic is not None and self.partitions:
            raise ValueError("rows of `partitions` come on topics of their own: `topic` cannot be written beside it")
        if self.record is not None and self.topic is None:
            raise ValueError("`record` tells apart the record types of a `topic`, so it needs `topic`")
        if self.ignore is not None:
            if self.object is not None:
                raise ValueError("a table is either ignored or mapped to an object, not both")
            return self
        if self.links and self.account is None and self.object is None and self.part is None and self.key is not None:
            return self
        if self.part is not None and (self.object is not None or self.id is not None):
            raise ValueError("a `part` is for derived objects only: it has neither `object` nor `id`")
        mapped = ("key", "account", "object", "id") if self.part is None else ("key", "account")
        if self.history and self.object not in HISTORY:
            raise ValueError(f"`history` is kept of {', '.join(HISTORY)} only")
        if self.merged is not None:
            self._names_accounts(self.merged)
        missing = [name for name in mapped if getattr(self, name) is None]
        if "key" in missing:
            raise ValueError("KEYLESS_SOURCE: a table needs `key`, the columns that tell its rows apart (or `ignore`)")
        if missing:
            raise ValueError(f"a table needs {', '.join(missing)} (or `ignore` with the reason)")
        return self

    def _names_accounts(self, merged: MergedShape) -> None:
        steps = self.account.steps() if self.account else ()
        columns = [step.defines or step.reference for step in steps if step.defines or step.reference]
        if not columns:
            raise ValueError("`merged` belongs to a table whose rows name their account (`defines` or `reference`)")
        if merged.by is not None and merged.by not in columns:
            raise ValueError(f"`by` of `merged` is the column that names the account: {' or '.join(map(str, columns))}")


class MappingShape(Shape):
    """A whole file. `system` is the part the source plays; `derived` names functions that make objects of several rows."""

    source: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    system: Literal["billing", "erp", "support", "crm"]
    version: Annotated[int, Field(ge=1)]
    snapshot: Literal["initial", "none"] = "initial"
    position: Literal["postgresql", "sqlserver"] = "postgresql"
    derived: tuple[str, ...] = ()
    tables: Annotated[
        dict[Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+){1,2}$")], TableShape], Field(min_length=1)
    ]

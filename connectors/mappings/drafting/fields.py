"""What a draft makes of a table's columns: a guess with its reason, or a question to a person. Never a guess about money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo

from connectors.mappings.checking.column_fit import refusal
from connectors.mappings.decisions import DECIDE
from connectors.mappings.drafting.draft import Draft, named_key
from connectors.mappings.drafting.words import COLUMNS, MINOR, MONEY, NO_MONEY, SECRET, likeness, read_label, words
from connectors.sources.catalogue import CatalogueTable, Column
from connectors.sources.postgres_types import CHARACTERS, Modes, arrives, plain_type
from state.model import FieldSpec, Zone
from state.roles import ROLES, RoleField

GUESSED_KEY = "guessed from name and type: no foreign key says it"
#: as the draft's connector.json writes them
MODES = Modes("string", "microseconds", "string")
_INTEGERS = ("smallint", "integer", "bigint")
_WALL_CLOCK = "timestamp without time zone"
_MOMENTS = (_WALL_CLOCK, "timestamp with time zone")


@dataclass(frozen=True, slots=True)
class DraftField:
    """One field as it is written: `value` in one line, label values below it, and what was guessed or is asked and why."""

    name: str
    value: str
    labels: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def fields_of(draft: Draft, table: str, kind: str) -> Iterator[DraftField]:
    """The fields of an object in the order of its role; optional ones only where a column's name says them."""
    columns = draft.catalogue[table]
    taken: set[str] = set(columns.key) if len(columns.key) == 1 else set()
    for field in ROLES[draft.system, kind].fields:
        if field.kind == "reference":
            found = _reference(draft, table, kind, field)
        else:
            column = _best(columns, field, taken)
            found = _asked(columns, field) if column is None else _guessed(kind, field, column)
            if column is not None and field.kind not in ("text", "label"):
                taken.add(column.name)
        if found is not None:
            yield found


def _best(table: CatalogueTable, field: RoleField, taken: set[str]) -> Column | None:
    """The column whose name fits best, of those whose type can be the field."""
    phrases = COLUMNS.get(field.name, (field.name.replace("_", " "),))
    best, found = 0, None
    for column in table.columns.values():
        fit = likeness(column.name, phrases)
        if fit > best and column.name not in taken and not _names_a_row(table, column) and _can_be(column, field):
            best, found = fit, column
    return found


def _names_a_row(table: CatalogueTable, column: Column) -> bool:
    """A foreign key; one that people can read may still be a field, such as the code of a plan."""
    return bool(table.foreign_of(column.name)) and plain_type(column.type)[0] not in CHARACTERS


def _can_be(column: Column, field: RoleField) -> bool:
    """Whether the column's type can be the field, with units and zone as a person may still say."""
    name = plain_type(column.type)[0]
    if field.kind == "money":
        return may_be_money(column)
    if column.array or (field.kind == "label" and not column.labels and name not in CHARACTERS):
        return False
    if field.kind in ("date", "instant") and name in _INTEGERS:
        return False
    schema = arrives(column, MODES)
    zoned = name == _WALL_CLOCK if field.kind == "instant" else name in _MOMENTS
    spec = FieldSpec(field.name, field.kind, column.name, labels={}, zone=_ANY if zoned else None)
    return schema is not None and refusal(schema, column, spec) is None


def _any_zone(_name: str) -> tzinfo:
    return UTC


#: that of a question which is still to be answered
_ANY = Zone(None, "zone", _any_zone)


def may_be_money(column: Column) -> bool:
    """A number that could be an amount: exact decimals, or an integer whose name says so."""
    name = plain_type(column.type)[0]
    said = set(words(column.name))
    if column.array or said & NO_MONEY:
        return False
    return name in ("numeric", "money") or (name in _INTEGERS and bool(said & MONEY))


def _guessed(kind: str, field: RoleField, column: Column) -> DraftField:
    notes = [] if column.name == field.name else [f"guessed from the name of column {column.name}"]
    if column.comment:
        notes.append(f"its comment: {column.comment.splitlines()[0]}")
    name, _, scale = plain_type(column.type)
    match field.kind:
        case "text":
            return DraftField(field.name, column.name, (), tuple(notes))
        case "money":
            notes.append(f"QUESTION: minor or major units? {column.name} is {column.type}, {_units(column, scale)}")
            return DraftField(field.name, f"{{money: {column.name}, units: {DECIDE}}}", (), tuple(notes))
        case "label":
            return _label(kind, field, column, notes)
        case "instant" | "date" if name == _WALL_CLOCK or (field.kind == "date" and name in _MOMENTS):
            what = "of which zone is this clock?" if field.kind == "instant" else "whose day is meant?"
            notes.append(f"QUESTION: {what} Write an IANA name such as Europe/Berlin, or {{column: NAME}}")
            return DraftField(field.name, f"{{{field.kind}: {column.name}, zone: {DECIDE}}}", (), tuple(notes))
    return DraftField(field.name, f"{{{field.kind}: {column.name}}}", (), tuple(notes))


def _units(column: Column, scale: int) -> str:
    if plain_type(column.type)[0] == "money" or scale > 0:
        return "which looks like major units (exact decimals)"
    if MINOR & set(words(column.name)):
        return "and its name says minor units (integers of the smallest unit)"
    return "which says nothing: ask those who write it"


def _label(kind: str, field: RoleField, column: Column, notes: list[str]) -> DraftField:
    allowed = ", ".join(sorted(field.labels)) if field.labels else "the tiers of ownership.yaml"
    if not column.labels:
        notes.append(f"QUESTION: which labels does {column.name} have, and which of {allowed} is each?")
        return DraftField(field.name, f"{{label: {column.name}, values: {DECIDE}}}", (), tuple(notes))
    read = {label: read_label(f"{kind}.{field.name}", label, field.labels) for label in column.labels}
    if any(found != label for label, found in read.items() if found):
        notes.append("guessed from the words: what each label means")
    if None in read.values():
        notes.append(f"QUESTION: which of {allowed} is each label marked {DECIDE}?")
    labels = tuple((label, found or DECIDE) for label, found in read.items())
    return DraftField(field.name, f"label: {column.name}", labels, tuple(notes))


def _reference(draft: Draft, table: str, kind: str, field: RoleField) -> DraftField | None:
    """The column that names the row of the object: by a foreign key, or by what it is called."""
    whole = draft.table_of(field.name)
    if whole is not None:
        key = draft.catalogue[whole].key
        for foreign in draft.catalogue[table].foreign:
            if (foreign.table, foreign.target_columns) == (whole, key) and len(foreign.columns) == 1:
                return DraftField(field.name, f"{{reference: {foreign.columns[0]}, table: {whole}}}")
        hop = named_key(draft.catalogue[table], draft.catalogue[whole])
        if hop is not None and (hop.target,) == key:
            return DraftField(field.name, f"{{reference: {hop.column}, table: {whole}}}", (), (GUESSED_KEY,))
    undivided = kind == "payment" and field.name == "invoice" and draft.table_of("allocation") is None
    if not (field.required or undivided):
        return None
    note = f"QUESTION: which column names the {field.name}? No foreign key says it"
    return DraftField(field.name, f"{{reference: {DECIDE}, table: {whole or DECIDE}}}", (), (note,))


def _asked(table: CatalogueTable, field: RoleField) -> DraftField | None:
    """A required field for which no column is in sight."""
    if not field.required:
        return None
    fitting = [column.name for column in table.columns.values() if _can_be(column, field)]
    names = ", ".join(name for name in fitting if not SECRET & set(words(name))) or "none"
    note = f"QUESTION: which column is it? By their types these could be: {names}"
    if field.name == "currency":
        note = "QUESTION: the ISO code of the currency that all amounts are in"
        return DraftField(field.name, f"{{constant: {DECIDE}}}", (), (note,))
    options = {"money": f", units: {DECIDE}", "label": f", values: {DECIDE}"}.get(field.kind, "")
    return DraftField(field.name, f"{{{field.kind}: {DECIDE}{options}}}", (), (note,))


def money_left(draft: Draft, table: str, fields: Mapping[str, DraftField]) -> list[str]:
    """Columns that may be money and that no field takes."""
    used = " ".join(field.value for field in fields.values())
    return [
        f"{column.name} ({column.type})"
        for column in draft.catalogue[table].columns.values()
        if may_be_money(column) and f": {column.name}" not in used and column.name not in draft.catalogue[table].key
    ]

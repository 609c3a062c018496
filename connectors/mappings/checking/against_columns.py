"""The mapping against the columns of the source, wherever they are known from: a catalogue, or writer schemas.

code               what is wrong
MISSING_COLUMN     the mapping names a column that the table does not have
UNMAPPED_STATUS    a label of the column is missing in the value map
UNKNOWN_LABEL      the value map names a label that the column can never have (warning)
UNCERTAIN_VALUES   text that people write is read as a number, a date or a flag (warning)
and the codes of values (docs/errors.md) for a column whose type cannot be the kind of field
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from connectors.capturing.frames import MISSING_COLUMN
from connectors.mappings.account import Loc
from connectors.mappings.checking.column_fit import refusal, term_refusal
from connectors.mappings.checking.findings import MappingFinding, at
from connectors.mappings.located_yaml import Located
from connectors.mappings.mentions import mentions
from connectors.mappings.shape import MappingShape, TableShape
from connectors.sources.catalogue import Column
from connectors.sources.postgres_types import CHARACTERS, plain_type
from state.model import FieldSpec, TableSpec

UNMAPPED_STATUS, UNKNOWN_LABEL, UNCERTAIN_VALUES = "UNMAPPED_STATUS", "UNKNOWN_LABEL", "UNCERTAIN_VALUES"
_FREE = ("text", "label", "reference")
_STEPS = {
    "ZONE_NOT_DECLARED": "add `zone`, the IANA name of the clock that the column shows",
    "INEXACT_INTERVAL": "set interval.handling.mode=string in connector.json, or take another column",
}


@dataclass(frozen=True, slots=True)
class Described:
    """One column: the Avro schema of its values without null (None: not known) and its declaration, where there is one."""

    schema: Any | None
    declared: Column | None = None
    labels: tuple[str, ...] = ()


#: table -> column -> what is known of it
Columns = Mapping[str, Mapping[str, Described]]


def check_columns(
    file: Located, shape: MappingShape, tables: Mapping[str, TableSpec], known: Columns
) -> Iterator[MappingFinding]:
    """Every column is there and can be what the mapping takes it for. Tables that are not known are left alone."""
    for name, table in shape.tables.items():
        if table.ignore is not None or name not in known:
            continue
        missing: set[str] = set()
        for mention in mentions(name, table):
            columns = known.get(mention.table)
            if columns is not None and mention.column not in columns:
                missing.add(mention.column)
                yield at(file, mention.loc, MISSING_COLUMN, *_missing(mention.table, mention.column, columns))
        spec = tables[name].object
        for field in spec.fields if spec else ():
            if field is not None and field.constant is None and field.column not in missing:
                yield from _check_field(file, ("tables", name, "fields", field.name), field, known[name])
        yield from _check_labels(file, name, table, known[name])


def _missing(table: str, column: str, columns: Mapping[str, Described]) -> tuple[str, str]:
    close = get_close_matches(column, list(columns), 1, 0.7)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{table} has no column {column}", f"{hint}its columns are {', '.join(columns)}"


def _check_field(
    file: Located, loc: Loc, field: FieldSpec, columns: Mapping[str, Described]
) -> Iterator[MappingFinding]:
    column = columns[field.column]
    if column.schema is not None and not field.approximate:
        found = refusal(column.schema, column.declared, field)
        if found:
            yield at(file, (*loc, field.kind), found[0], _declared(column, found[1]), _next_step(found[0], field))
    term = columns.get(field.plus or "")
    if (
        term is not None
        and term.schema is not None
        and (found := term_refusal(term.schema, field.plus or "", field.name))
    ):
        yield at(file, (*loc, "plus"), found[0], found[1], _STEPS[found[0]])
    declared = column.declared
    if declared and field.kind not in _FREE and not declared.labels and plain_type(declared.type)[0] in CHARACTERS:
        problem = f"column {field.column} is {declared.type}, and field {field.name} takes each text for a {field.kind}"
        step = "make sure that the application writes nothing else; other rows are parked one by one"
        yield at(file, (*loc, field.kind), UNCERTAIN_VALUES, problem, step, "warning")


def _declared(column: Described, reason: str) -> str:
    return f"{reason} (declared as {column.declared.type})" if column.declared else reason


def _next_step(code: str, field: FieldSpec) -> str:
    if code in ("NOT_AN_AMOUNT", "INVALID_PRECISION") and field.minor:
        return "minor units are whole numbers: write `units: major` if the column holds exact decimals"
    if code == "ZONE_NOT_DECLARED" and field.kind == "date":
        return "add `clock`: `local` if the column shows the customer's own clock, else the IANA name of the clock it shows"
    return _STEPS.get(code, f"map a column that can be a {field.kind} field; docs/types.md lists what each type can be")


def _check_labels(
    file: Located, name: str, table: TableShape, columns: Mapping[str, Described]
) -> Iterator[MappingFinding]:
    for field, given in table.fields.items():
        column = columns.get(given.column)
        if given.values is None or column is None or not (possible := _labels_of(column)):
            continue
        loc: Loc = ("tables", name, "fields", field, "values")
        for label in possible:
            if label not in given.values:
                problem = f"column {given.column} can be {label}, which the value map lacks"
                step = (
                    f"add {label} with its canonical label; until then such an object is flagged and nothing is derived"
                )
                yield at(file, loc, UNMAPPED_STATUS, problem, step)
        for other in given.values:
            if other is not None and other not in possible:
                problem = f"column {given.column} can never be {other}; it can be {', '.join(possible)}"
                yield at(file, (*loc, other), UNKNOWN_LABEL, problem, "correct the label, or remove it", "warning")


def _labels_of(column: Described) -> tuple[str, ...]:
    """Every label that the column can have, empty if anything may stand there."""
    return ("true", "false") if column.schema == "boolean" or _is_boolean(column.schema) else column.labels


def _is_boolean(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "boolean"

"""Every column that a mapping names, with its place in the file and what it is there for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from connectors.mappings.account import Loc, StepShape
from connectors.mappings.shape import FieldShape, TableShape, ZoneShape
from state.mapping.mapper import id_columns


class Mention(NamedTuple):
    """A column of `table` that is named at `loc`."""

    loc: Loc
    table: str
    column: str


class Step(NamedTuple):
    """A step towards the account, or a reference: `column` of `table` names a row of `target` by its column `by`."""

    loc: Loc
    table: str
    column: str
    target: str
    by: str | None = None
    #: the column holds 'model,id': no foreign key can be declared for it
    model: bool = False
    #: a field refers to the row, so that `by` cannot be written
    field: bool = False


def account_steps(name: str, table: TableShape) -> Iterator[tuple[Loc, StepShape]]:
    """The table's own steps towards its account."""
    if table.account is None:
        return
    loc: Loc = ("tables", name, "account")
    for number, step in enumerate(table.account.steps()):
        yield (*loc, "ways", number) if table.account.ways else loc, step


def mentions(name: str, table: TableShape) -> Iterator[Mention]:
    """Columns of the table (and, for `by`, of the one that a step leads to), in the order of the file."""
    loc: Loc = ("tables", name)
    for number, column in enumerate(table.key or ()):
        yield Mention((*loc, "key", number), name, column)
    for here, step in account_steps(name, table):
        yield from _of_step(here, name, step)
    for number, link in enumerate(table.links):
        here = (*loc, "links", number)
        yield Mention((*here, "key"), name, link.key)
        if not link.to_row:
            yield from _of_step(here, name, link)
    for column in table.only:
        yield Mention((*loc, "only", column), name, column)
    for column in id_columns(table.id) if table.id else ():
        yield Mention((*loc, "id"), name, column)
    for field, given in table.fields.items():
        yield from _of_field((*loc, "fields", field), name, given)


def _of_step(loc: Loc, name: str, step: StepShape) -> Iterator[Mention]:
    way = "defines" if step.defines else "through" if step.through else "reference"
    yield Mention((*loc, way), name, step.column)
    if step.by and step.table:
        yield Mention((*loc, "by"), step.table, step.by)
    for column in step.when:
        yield Mention((*loc, "when", column), name, column)


def _of_field(loc: Loc, name: str, field: FieldShape) -> Iterator[Mention]:
    if field.constant is None:
        yield Mention((*loc, field.kind), name, field.column)
    if isinstance(field.zone, ZoneShape):
        yield Mention((*loc, "zone", "column"), name, field.zone.column)
    if field.plus:
        yield Mention((*loc, "plus"), name, field.plus)


def steps(name: str, table: TableShape) -> Iterator[Step]:
    """Everything by which a row of the table names a row of another table of the source."""
    for loc, step in account_steps(name, table):
        if step.through and step.table:
            yield Step((*loc, "through"), name, step.through, step.table, step.by, step.model is not None)
    for number, link in enumerate(table.links):
        loc = ("tables", name, "links", number)
        if link.through and link.table:
            yield Step((*loc, "through"), name, link.through, link.table, link.by, link.model is not None)
        if "." in link.of:
            yield Step((*loc, "key"), name, link.key, link.of, None)
    for field, given in table.fields.items():
        if given.reference and given.table:
            yield Step(("tables", name, "fields", field, "reference"), name, given.reference, given.table, field=True)

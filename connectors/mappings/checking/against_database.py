"""The mapping against a source's real database: tables, keys and foreign keys. Only the catalogue is read.

code                what is wrong
TABLE_MISSING       the database has no such table
KEY_NOT_UNIQUE      two rows could have the same `key`
REPLICA_IDENTITY    a delete would not say the columns of `key`
THROUGH_DIFFERS     the foreign key of the column leads to another table or column than the mapping says
KEY_NOT_SINGLE      one column is to name rows that are told apart by several
NO_FOREIGN_KEY      nothing in the database makes sure that the named row exists (warning)
ACCOUNT_MAY_BE_NULL the column that leads to the account may be NULL: such rows wait (warning)
ACCOUNT_NOT_UNIQUE  two rows could make the same account known (warning)
AMBIGUOUS           two rows could have the same object id (warning)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.mappings.account import Loc
from connectors.mappings.checking.against_columns import Columns, Described
from connectors.mappings.checking.findings import MappingFinding, at
from connectors.mappings.located_yaml import Located
from connectors.mappings.mentions import Step, account_steps, steps
from connectors.mappings.shape import MappingShape, TableShape
from connectors.sources.catalogue import CatalogueTable
from connectors.sources.database import quoted
from connectors.sources.postgres_types import Modes, arrives
from state.mapping.mapper import id_columns

TABLE_MISSING, KEY_NOT_UNIQUE, REPLICA_IDENTITY = "TABLE_MISSING", "KEY_NOT_UNIQUE", "REPLICA_IDENTITY"
THROUGH_DIFFERS, KEY_NOT_SINGLE, NO_FOREIGN_KEY = "THROUGH_DIFFERS", "KEY_NOT_SINGLE", "NO_FOREIGN_KEY"
ACCOUNT_MAY_BE_NULL, ACCOUNT_NOT_UNIQUE, AMBIGUOUS = "ACCOUNT_MAY_BE_NULL", "ACCOUNT_NOT_UNIQUE", "AMBIGUOUS"
Catalogue = Mapping[str, CatalogueTable]


def columns_of(catalogue: Catalogue, modes: Modes) -> Columns:
    """What the connector will write of each column."""
    return {
        name: {
            column: Described(arrives(one, modes), one, one.labels if not one.array else ())
            for column, one in table.columns.items()
        }
        for name, table in catalogue.items()
    }


def check_database(file: Located, shape: MappingShape, catalogue: Catalogue) -> Iterator[MappingFinding]:
    """Tables, keys, ways and references, in the order of the file."""
    for name, table in shape.tables.items():
        found = catalogue.get(name)
        if found is None:
            near = ", ".join(sorted(one for one in catalogue if one.partition(".")[2] == name.partition(".")[2]))
            there = f": there is {near}" if near else ""
            fix = f"correct the name{there}, or remove the table from mapping and capture"
            yield at(file, ("tables", name), TABLE_MISSING, f"the database has no table {name}", fix)
        elif table.ignore is None:
            yield from _check_key(file, name, table, found)
            yield from _check_account(file, name, table, found)
            yield from _check_id(file, name, table, found)
            for step in steps(name, table):
                yield from _check_step(file, step, shape, found, catalogue)


def _check_key(file: Located, name: str, table: TableShape, found: CatalogueTable) -> Iterator[MappingFinding]:
    key = table.key or ()
    if any(column not in found.columns for column in key):
        return  # told as a missing column
    loc: Loc = ("tables", name, "key")
    primary = ", ".join(found.key) or "none"
    if not found.tells_apart(key):
        partitioned = found.partitioned and set(key) < set(found.key)
        problem = f"no constraint makes ({', '.join(key)}) unique in {name}; its primary key is ({primary})"
        step = "make sure that it is unique over all partitions" if partitioned else "use the columns of a unique key"
        yield at(file, loc, KEY_NOT_UNIQUE, problem, step, "warning" if partitioned else "error")
    if found.identity == "d" and not set(key) <= set(found.key):
        problem = f"a delete says only the primary key ({primary}), not ({', '.join(key)})"
        step = f"use the primary key, or ALTER TABLE {quoted(name)} REPLICA IDENTITY FULL"
        yield at(file, loc, REPLICA_IDENTITY, problem, step)


def _check_account(file: Located, name: str, table: TableShape, found: CatalogueTable) -> Iterator[MappingFinding]:
    owned = list(account_steps(name, table))
    for loc, step in owned:
        column = found.columns.get(step.column)
        if column is None:
            continue
        if column.nullable and len(owned) == 1 and not step.when:
            problem = f"{name}.{step.column} may be NULL: such a row has no account and waits"
            fix = f"ALTER TABLE {quoted(name)} ALTER COLUMN {quoted(step.column)} SET NOT NULL, or leave it if such rows are meant to wait"
            yield at(file, loc, ACCOUNT_MAY_BE_NULL, problem, fix, "warning")
        if step.defines and not found.tells_apart((step.column,)):
            problem = f"no constraint makes {name}.{step.column} unique: two rows could make the same account known"
            yield at(file, loc, ACCOUNT_NOT_UNIQUE, problem, "make the column unique, or take another one", "warning")


def _check_id(file: Located, name: str, table: TableShape, found: CatalogueTable) -> Iterator[MappingFinding]:
    columns = tuple(id_columns(table.id)) if table.id else ()
    if columns and all(column in found.columns for column in columns) and not found.tells_apart(columns):
        problem = f"no constraint makes ({', '.join(columns)}) unique in {name}: two rows could have the same object id"
        yield at(file, ("tables", name, "id"), AMBIGUOUS, problem, "use the columns of a unique key in `id`", "warning")


def _check_step(
    file: Located, step: Step, shape: MappingShape, found: CatalogueTable, catalogue: Catalogue
) -> Iterator[MappingFinding]:
    """A column that names a row of another table does so by the columns that the other table's mapping has as its key."""
    target = shape.tables.get(step.target)
    if target is None or step.column not in found.columns or step.target not in catalogue:
        return  # told elsewhere
    wanted = (step.by,) if step.by else target.key or ()
    if (step.table, (step.column,)) == (step.target, wanted):
        return  # the row itself
    here = f"{step.table}.{step.column}"
    if len(wanted) != 1:
        problem = (
            f"{here} is one column, and rows of {step.target} are told apart by {len(wanted)}: {', '.join(wanted)}"
        )
        yield at(
            file,
            step.loc,
            KEY_NOT_SINGLE,
            problem,
            "give the other table a `key` of one unique column, or name one by `by`",
        )
        return
    single = [key for key in found.foreign_of(step.column) if len(key.columns) == 1]
    right = [key for key in single if (key.table, key.target_columns) == (step.target, wanted)]
    if right or step.model:
        return
    if not single:
        if _part_of_right(found, step, wanted[0]):
            return
        problem = (
            f"{here} has no foreign key to {step.target}: a row that does not exist may be named, and its children wait"
        )
        yield at(
            file, step.loc, NO_FOREIGN_KEY, problem, "add the foreign key, or make sure of it otherwise", "warning"
        )
        return
    other = single[0]
    problem = f"{here} refers to {other.table} ({', '.join(other.target_columns)}), not to {step.target} ({', '.join(wanted)})"
    if other.table == step.target and step.field:
        fix = f"make {other.target_columns[0]} the `key` of {step.target}, if it is unique and part of every delete"
    elif other.table == step.target:
        fix = f"add `by: {other.target_columns[0]}`, or use that column as the key of {step.target}"
    else:
        fix = f"write `table: {other.table}`, or name the column that leads to {step.target}"
    yield at(file, step.loc, THROUGH_DIFFERS, problem, fix)


def _part_of_right(found: CatalogueTable, step: Step, wanted: str) -> bool:
    """Whether a foreign key of several columns (tenant, id) pairs the column with the wanted one."""
    pairs = {
        (column, key.table, target)
        for key in found.foreign_of(step.column)
        for column, target in zip(key.columns, key.target_columns, strict=True)
    }
    return (step.column, step.target, wanted) in pairs

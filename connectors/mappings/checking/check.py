"""Validates a source's folder: the mapping language first, then what the mapping speaks of.

code                     what is wrong
MAPPING_INVALID          mapping.yaml is not in the mapping language
UNDECIDED                a value that a draft left to a person
others                   see mapping_check_connector.py, _contracts.py, _columns.py and _database.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.mappings.checking.against_columns import Columns, check_columns
from connectors.mappings.checking.against_connector import check_connector, load_connector
from connectors.mappings.checking.against_contracts import check_contracts, check_tiers
from connectors.mappings.checking.against_database import check_database, columns_of
from connectors.mappings.checking.against_schemas import record_of
from connectors.mappings.checking.findings import MappingFinding, MappingReport, at, of_error
from connectors.mappings.decisions import open_decisions
from connectors.mappings.loading import Loader, MappingError
from connectors.mappings.located_yaml import Located, LocatedError
from connectors.mappings.shape import MappingShape, TableShape
from connectors.sources.catalogue import CatalogueTable
from connectors.sources.postgres_types import Modes
from state.model import TableSpec

MAPPING_INVALID, UNDECIDED = "MAPPING_INVALID", "UNDECIDED"
_LANGUAGE_FIRST = "the mapping's language comes first"


@dataclass(frozen=True, slots=True)
class Truth:
    """What the mapping is held against besides the contracts: a database's catalogue, or columns of writer schemas.

    `find_columns`: for a registry, which is asked about the tables of the mapping (source, tables).
    """

    name: str
    catalogue: Mapping[str, CatalogueTable] | None = None
    columns: Columns | None = None
    find_columns: Callable[[str, Mapping[str, TableShape]], Columns] | None = None


def check(
    folder: Path, contracts_dir: Path, truth: Truth | None = None, tiers: Sequence[str] | None = None
) -> MappingReport:
    """Everything that can be said of the folder; nothing is raised for what the check is there to find.

    `tiers`: those of the ownership rules, None where service levels are not to be held against them.
    """
    path = folder / "mapping.yaml"
    names = ("connector", "contracts", *((truth.name,) if truth else ()))
    unchecked = tuple((name, _LANGUAGE_FIRST) for name in names)
    try:
        file = Located(path, MappingError)
    except LocatedError as error:
        return MappingReport(("language",), unchecked, (of_error(error, MAPPING_INVALID, path),))
    wrong = list(language(file, folder.resolve().name))
    if wrong:
        return MappingReport(("language",), unchecked, tuple(wrong))
    loader = Loader(file, 0)
    loader.place_derived(loader.count)
    tables = {table.name: table for table in loader.tables()}
    config, found = load_connector(folder)
    if config:
        found += check_connector(file, loader.shape, config)
    found += check_contracts(file, loader.shape, contracts_dir)
    if tiers is not None:
        found += check_tiers(file, loader.shape, tiers)
    left: list[tuple[str, str]] = []
    if truth is None:
        left.append(("columns", "name a database, a recording or the registry"))
    else:
        found += _against(truth, file, loader.shape, tables, Modes.of(config), left)
    ordered = sorted(dict.fromkeys(found), key=lambda one: (one.file != str(path), one.file, one.line, one.column))
    return MappingReport(("language", *names), tuple(left), tuple(ordered))


def _against(
    truth: Truth,
    file: Located,
    shape: MappingShape,
    tables: Mapping[str, TableSpec],
    modes: Modes,
    left: list[tuple[str, str]],
) -> Iterator[MappingFinding]:
    """What differs from the source; tables that nothing is known of are added to `left`."""
    if truth.catalogue is not None:
        yield from check_database(file, shape, truth.catalogue)
        yield from check_columns(file, shape, tables, columns_of(truth.catalogue, modes))
        return
    columns = dict(truth.columns or {})
    if truth.find_columns is not None:
        columns |= truth.find_columns(shape.source, shape.tables)
    for name, table in shape.tables.items():
        if (record := record_of(shape.source, name, table)) in columns:
            columns[name] = columns[record]
    yield from check_columns(file, shape, tables, columns)
    unknown = (name for name, table in shape.tables.items() if table.ignore is None and name not in columns)
    left += [(f"columns of {name}", f"the {truth.name} know nothing of it") for name in unknown]


def language(file: Located, name: str) -> Iterator[MappingFinding]:
    """What the loader would refuse: undecided values, else all of the shape, else one thing a table."""
    undecided = [of_error(error, UNDECIDED, file.path) for error in open_decisions(file)]
    if undecided:
        yield from undecided
        return
    shape = [of_error(error, MAPPING_INVALID, file.path) for error in file.problems(MappingShape)]
    if shape:
        yield from shape
        return
    try:
        loader = Loader(file, 0)
        loader.place_derived(loader.count)
    except LocatedError as error:
        yield of_error(error, MAPPING_INVALID, file.path)
        return
    if loader.shape.source != name:
        problem = f"source is {loader.shape.source}, but the folder is {name}"
        yield at(file, ("source",), MAPPING_INVALID, problem, "rename one of them")
    for table in loader.shape.tables:
        try:
            loader.table(table, loader.shape.tables[table])
        except LocatedError as error:
            yield of_error(error, MAPPING_INVALID, file.path)

"""Validates a source's folder: the mapping language, then what the mapping speaks of.

code              what is wrong
MAPPING_INVALID   mapping.yaml is not in the mapping language
UNDECIDED         a value that a draft left to a person
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from connectors.located_yaml import Located, LocatedError
from connectors.mapping import Loader, MappingError
from connectors.mapping_decisions import open_decisions
from connectors.mapping_findings import MappingFinding, MappingReport, at, of_error
from connectors.mapping_shape import MappingShape

MAPPING_INVALID, UNDECIDED = "MAPPING_INVALID", "UNDECIDED"


def check(folder: Path) -> MappingReport:
    """Everything that can be said of the folder alone; nothing is raised for what the check is there to find."""
    path = folder / "mapping.yaml"
    try:
        file = Located(path, MappingError)
    except LocatedError as error:
        return MappingReport(("language",), (), (of_error(error, MAPPING_INVALID, path),))
    return MappingReport(("language",), (), tuple(language(file, folder.resolve().name)))


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

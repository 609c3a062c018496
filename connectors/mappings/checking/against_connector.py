"""The mapping against the folder's connector.json: what is captured is what is mapped.

code                   what is wrong
TEMPLATE_INVALID       connector.json is missing or no flat JSON object
INCLUDE_LIST_DIFFERS   table.include.list and the tables of the mapping are not the same
MISSING_COLUMN         column.exclude.list leaves out a column that the mapping names
CONNECTOR_NAME         topic.prefix is not the source's name, so that its topics are others
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from connectors.capturing.frames import MISSING_COLUMN
from connectors.mappings.checking.findings import NEXT_STEP, MappingFinding, at
from connectors.mappings.located_yaml import Located
from connectors.mappings.mentions import mentions
from connectors.mappings.shape import MappingShape
from connectors.sources.connect import TemplateError, load_template
from connectors.sources.preflight_database import include_list

TEMPLATE_INVALID, INCLUDE_LIST_DIFFERS, CONNECTOR_NAME = "TEMPLATE_INVALID", "INCLUDE_LIST_DIFFERS", "CONNECTOR_NAME"


def load_connector(folder: Path) -> tuple[Mapping[str, str], list[MappingFinding]]:
    """The connector's settings, placeholders and all, and what is wrong with the file."""
    path = folder / "connector.json"
    try:
        return load_template(path), []
    except TemplateError as error:
        problem, _, step = str(error).partition(NEXT_STEP)
        return {}, [MappingFinding(str(path), 1, 1, TEMPLATE_INVALID, problem, step or "correct the file")]


def check_connector(file: Located, shape: MappingShape, config: Mapping[str, str]) -> Iterator[MappingFinding]:
    """Include list and tables agree; the signal table is the connector's own."""
    path = file.path.with_name("connector.json")
    signal = config.get("signal.data.collection", "")
    included = {name.replace("\\.", ".") for name in include_list(dict(config))} - {signal}
    mapped = {one: name for name, table in shape.tables.items() for one in table.partitions or (name,)}
    for one, name in mapped.items():
        if one not in included:
            problem = f"{one} is not in table.include.list of {path.name}: its rows would never arrive"
            step = f"add it there and to the publication in prepare.sql, or remove {name} here"
            yield at(file, ("tables", name), INCLUDE_LIST_DIFFERS, problem, step)
    for one in sorted(included - mapped.keys()):
        problem = (
            f"table.include.list has {one}, which {file.path.name} does not: its rows would be captured for nobody"
        )
        step = f"map it, write `{one}: {{ignore: the reason}}`, or remove it from the list and the publication"
        yield _in_connector(path, "table.include.list", INCLUDE_LIST_DIFFERS, problem, step)
    yield from _excluded(file, shape, config)
    prefix = config.get("topic.prefix", shape.source)
    if prefix != shape.source:
        problem = f"topic.prefix is {prefix}, and the source is {shape.source}: Concord would wait on other topics"
        yield _in_connector(path, "topic.prefix", CONNECTOR_NAME, problem, f"set topic.prefix to {shape.source}")


def _excluded(file: Located, shape: MappingShape, config: Mapping[str, str]) -> Iterator[MappingFinding]:
    """Columns that the connector is told to leave out, and that the mapping needs."""
    patterns = [one.strip() for one in config.get("column.exclude.list", "").split(",") if one.strip()]
    for name, table in shape.tables.items():
        for mention in mentions(name, table) if table.ignore is None else ():
            full = f"{mention.table}.{mention.column}"
            if any(re.fullmatch(pattern, full) for pattern in patterns):
                step = "remove it from column.exclude.list of connector.json, or from the mapping"
                yield at(file, mention.loc, MISSING_COLUMN, f"column.exclude.list keeps {full} out of the rows", step)


def _in_connector(path: Path, setting: str, code: str, problem: str, step: str) -> MappingFinding:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if (column := line.find(f'"{setting}"')) >= 0:
            return MappingFinding(str(path), number, column + 1, code, problem, step)
    return MappingFinding(str(path), 1, 1, code, problem, step)

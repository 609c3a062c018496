"""The `topic` and `record` of a mapping's tables: rows that come with those of other tables on one topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.mappings.located_yaml import Located
from connectors.mappings.shape import MappingShape
from state.model import TableSpec


def placed(file: Located, shape: MappingShape, tables: Sequence[TableSpec]) -> list[TableSpec]:
    """The tables with the topics that they are read from. Raises the file's error where two could not be told apart.

    Without `record` a table's records have the name that Debezium gives them: that of the topic that it would have alone.
    """
    own = {
        table.topic: table.name
        for table in tables
        if table.name not in shape.tables or not shape.tables[table.name].topic
    }
    own |= {f"{shape.source}.{name}": f"the source's {name}" for name in ("transaction", "notifications")}
    taken: dict[tuple[str, str], str] = {}
    out: list[TableSpec] = []
    for table in tables:
        given = shape.tables.get(table.name)
        if given is None or given.topic is None:
            out.append(table)
            continue
        loc = ("tables", table.name, "topic")
        if given.topic in own:
            step = "give that table `topic` and `record`, too, or choose another topic"
            raise file.error(loc, f"{given.topic} is the topic of {own[given.topic]} alone. Next step: {step}")
        record = (given.record or table.topic).removesuffix(".Envelope")
        if other := taken.get((given.topic, record)):
            problem = f"{record} on {given.topic} is the record of {other} already. Next step: correct `record`"
            raise file.error(("tables", table.name, "record"), problem)
        taken[given.topic, record] = table.name
        out.append(replace(table, shared=given.topic, record=record))
    return out


def of_another_source(tables: Sequence[TableSpec]) -> tuple[TableSpec, str] | None:
    """A table on a topic that another source reads, and that source: positions of two sources have no order."""
    sources: dict[str, str] = {}
    for table in tables:
        if (other := sources.setdefault(table.input_topic, table.source)) != table.source:
            return table, other
    return None

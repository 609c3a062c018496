"""Loads the mappings of all sources into the model that the flows run on; every error names file, line and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from connectors.mappings import allocations
from connectors.mappings import derived as mapping_derived
from connectors.mappings.account import Loc
from connectors.mappings.currencies import exponents
from connectors.mappings.decisions import open_decisions
from connectors.mappings.located_yaml import Located, LocatedError
from connectors.mappings.shape import FieldShape, MappingShape, TableShape
from connectors.mappings.topics import of_another_source, placed
from connectors.mappings.ways import account_rules
from connectors.mappings.zones import clock_of, find_zone, zone_of
from state.mapping.mapper import compile_mapper, id_columns
from state.model import (
    Absent,
    DerivationUse,
    FieldSpec,
    Model,
    ObjectSpec,
    SourceSpec,
    TableSpec,
    Zone,
)
from state.roles import ROLES, Role


class MappingError(LocatedError):
    """A mapping is wrong: the message names file, line, column and the next step."""


def load_model(sources_dir: Path, sources: Sequence[str], folders: Mapping[str, Path] | None = None) -> Model:
    """Read `<sources_dir>/<source>/mapping.yaml` (or that in `folders`). Raises MappingError for the first thing wrong."""
    loaders: list[Loader] = []
    first = 0
    for name in sources:
        loader = Loader(Located((folders or {}).get(name, sources_dir / name) / "mapping.yaml", MappingError), first)
        if loader.shape.source != name:
            raise loader.file.error(("source",), f"source is {loader.shape.source}, but the folder is {name}")
        loaders.append(loader)
        first += loader.count
    for loader in loaders:
        first += loader.place_derived(first)
    tables = tuple(table for loader in loaders for table in loader.tables())
    if clash := of_another_source(tables):
        file = next(loader.file for loader in loaders if loader.shape.source == clash[0].source)
        problem = f"{clash[0].input_topic} is read by source {clash[1]}. Next step: give each source topics of its own"
        raise file.error(("tables", clash[0].name, "topic"), problem)
    derived = [table for loader in loaders for table in loader.derived_tables()]
    uses = tuple(use for loader in loaders for use in loader.uses())
    every, count = allocations.marked([*tables, *derived], uses), len(tables)
    described = tuple(loader.source() for loader in loaders)
    return Model(described, every[:count], exponents(), every[count:], uses, find_zone)


class Loader:
    """One file; `first` is the index that its first table gets."""

    def __init__(self, file: Located, first: int) -> None:
        self.file = file
        for error in open_decisions(file):
            raise error
        self.shape = file.validate(MappingShape)
        self._index = {name: first + number for number, name in enumerate(self.shape.tables)}
        self._rules = account_rules(self.shape.tables, self._index, self.shape.source, self._row_table)
        mapping_derived.check(file, self.shape.system, self.shape.derived)
        allocations.check(file, self.shape)
        self._parts = mapping_derived.part_roles(self.shape.derived)
        self._derived: dict[str, int] = {}

    @property
    def count(self) -> int:
        """How many captured tables it describes."""
        return sum(1 + len(table.partitions) for table in self.shape.tables.values())

    def place_derived(self, first: int) -> int:
        """Give the derived objects' tables their indices; returns how many they are."""
        self._derived = mapping_derived.objects(self.shape.derived, first)
        return len(self._derived)

    def derived_tables(self) -> list[TableSpec]:
        """Tables of the derived objects."""
        return mapping_derived.tables(self.shape.source, self.shape.system, self._derived)

    def uses(self) -> list[DerivationUse]:
        """The derivations that the mapping asks for."""
        return mapping_derived.uses(self.shape.source, self.shape.derived, self._derived)

    def source(self) -> SourceSpec:
        """The source itself; Debezium's topics carry its name."""
        name, shape = self.shape.source, self.shape
        transaction, notification = f"{name}.transaction", f"{name}.notifications"
        return SourceSpec(name, shape.system, shape.snapshot, transaction, notification, shape.version, shape.position)

    def tables(self) -> list[TableSpec]:
        """All tables of the file, in its order."""
        found = [self.table(name, table) for name, table in self.shape.tables.items()]
        return placed(self.file, self.shape, found + self._partitions(found))

    def _partitions(self, tables: list[TableSpec]) -> list[TableSpec]:
        """Tables whose partitions are captured one by one: each has a topic of its own and rows of the one table."""
        out: list[TableSpec] = []
        for table in tables:
            for number, name in enumerate(self.shape.tables[table.name].partitions):
                if name in self._index or any(name == other.name for other in out):
                    loc = ("tables", table.name, "partitions", number)
                    raise self.file.error(loc, f"{name} is given twice. Next step: remove one")
                index, topic = tables[0].index + len(tables) + len(out), f"{table.source}.{name}"
                out.append(replace(table, index=index, name=name, topic=topic, object=None, rows_of=table.index))
        return out

    def table(self, name: str, table: TableShape) -> TableSpec:
        """One captured table."""
        source = self.shape.source
        index, topic = self._index[name], f"{source}.{name}"
        if table.ignore is not None:
            return TableSpec(index, source, name, topic, table.key or (), ignore=table.ignore)
        if table.key is None:
            raise AssertionError("the shape demands it")
        if table.object is None and table.part is None:  # its rows only carry links of others
            return TableSpec(index, source, name, topic, table.key, self._rules[name])
        return TableSpec(
            index, source, name, topic, table.key, self._rules[name], None, self._object(table, ("tables", name))
        )

    def _row_table(self, table: str, loc: Loc) -> int:
        """Index of a table that rows refer to: one of this file, and not an ignored one."""
        if table not in self._index:
            known = ", ".join(self._index)
            raise self.file.error(loc, f"{table} is no table of this source. Next step: use one of {known}")
        if self.shape.tables[table].ignore is not None:
            raise self.file.error(loc, f"{table} is ignored, so rows cannot be found through it. Next step: map it")
        return self._index[table]

    def _object(self, table: TableShape, loc: Loc) -> ObjectSpec:
        role = self._role(table, loc)
        template = table.id or "-".join(f"{{{column}}}" for column in table.key or ())
        try:
            if not id_columns(template):
                raise ValueError("no column in it")
        except ValueError as cause:
            problem = f"id {template!r}: {cause}. Next step: write it as in 'PAY-{{id}}'"
            raise self.file.error((*loc, "id"), problem) from cause
        fields = self._fields(table, role, loc)
        units = {spec.minor for spec in fields if spec and spec.kind == "money"}
        if len(units) > 1:
            raise self.file.error(
                (*loc, "fields"), "one table mixes minor and major units. Next step: split the fields"
            )
        mapper = compile_mapper(template, fields)
        return ObjectSpec(role, template, fields, mapper, units != {False}, table.history)

    def _role(self, table: TableShape, loc: Loc) -> Role:
        system = self.shape.system
        if table.part is not None:
            if (part := self._parts.get(table.part)) is None:
                known = ", ".join(self._parts) or "none: the mapping names no `derived` function"
                problem = f"no function of `derived` reads {table.part}. Next step: use one of {known}"
                raise self.file.error((*loc, "part"), problem)
            return part
        role = ROLES.get((system, table.object or ""))
        if role is None:
            known = ", ".join(kind for owner, kind in ROLES if owner == system)
            problem = f"a {system} source has no object {table.object}. Next step: use one of {known}"
            raise self.file.error((*loc, "object"), problem)
        if role.object in self._derived:
            problem = f"{role.object} is made by a function of `derived` already. Next step: map the table as a `part`"
            raise self.file.error((*loc, "object"), problem)
        return role

    def _fields(self, table: TableShape, role: Role, loc: Loc) -> tuple[FieldSpec | None, ...]:
        known = {field.name for field in role.fields}
        for name in table.fields:
            if name not in known:
                problem = f"{role.object} has no field {name}. Next step: use one of {', '.join(sorted(known))}"
                raise self.file.error((*loc, "fields", name), problem)
        out: list[FieldSpec | None] = []
        for field in role.fields:
            given = table.fields.get(field.name)
            if given is None:
                if field.required:
                    problem = f"{role.object} of {role.system} needs field {field.name} ({field.kind})"
                    raise self.file.error((*loc, "fields"), f"{problem}. Next step: map it to a column")
                out.append(None)
                continue
            here = (*loc, "fields", field.name)
            if given.kind != field.kind:
                raise self.file.error(here, f"{field.name} is a {field.kind} field, not {given.kind}")
            for label, canonical in (given.values or {}).items():
                if field.labels is not None and canonical not in field.labels:
                    problem = f"{canonical} is no {field.name}. Next step: use one of {', '.join(sorted(field.labels))}"
                    raise self.file.error((*here, "values", "null" if label is None else label), problem)
            out.append(self._field(field.name, given, here))
        return tuple(out)

    def _field(self, name: str, given: FieldShape, here: Loc) -> FieldSpec:
        parent = self._row_table(given.table, (*here, "table")) if given.table else None
        if given.derived is not None and (parent := self._derived.get(given.derived)) is None:
            problem = (
                f"no function of `derived` makes {given.derived}. Next step: use one of {', '.join(self._derived)}"
            )
            raise self.file.error((*here, "derived"), problem)
        absent = given.absent if "absent" in given.model_fields_set else Absent.REFUSED
        return FieldSpec(
            name,
            given.kind,
            given.column,
            labels=given.values,
            minor=given.units == "minor",
            table=parent,
            zone=Zone(None, None, find_zone) if name == "zone" else zone_of(self.file, given.zone, (*here, "zone")),
            absent=Absent.UNKNOWN if absent == "unknown" else absent,
            open_ended=given.open_ended,
            zero_date=given.zero_date,
            plus=given.plus,
            constant=given.constant,
            approximate=given.approximate,
            clock=clock_of(self.file, given.clock, (*here, "clock")),
        )

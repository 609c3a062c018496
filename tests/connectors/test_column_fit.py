"""A catalogue's column becomes the schema that Debezium was recorded to write, and fits the fields that docs/types.md says."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.avro.schema import parse_schema
from connectors.mappings.checking.column_fit import refusal, term_refusal
from connectors.sources.catalogue import Column
from connectors.sources.postgres_types import CHARACTERS, Modes, arrives, plain_type
from state.model import FieldSpec
from tests.connectors.types_table import COLUMNS, KINDS, arrives_as, columns_of, outcome

#: recording -> the settings that it was made with
MODES = {
    "precise_adaptive": Modes(),
    "string_micro": Modes("string", "adaptive_time_microseconds"),
    "str_microseconds": Modes("string", "microseconds", "string"),
    "isostring": Modes("string", "isostring", "string", "base64"),
    "connect": Modes("double", "connect"),
}
#: what the catalogue calls what the page calls otherwise
DECLARED = {
    "domain over numeric(18,4)": "numeric(18,4)", "timestamp": "timestamp without time zone",
    "timestamp(3)": "timestamp(3) without time zone", "timestamptz": "timestamp with time zone", "enum": "mood",
    "time": "time without time zone", "timetz": "time with time zone", "varchar(10)": "character varying(10)",
    "bit(1)": "bit(1)", "enum[]": "mood[]",
}  # fmt: skip


def declared(name: str) -> Column:
    """The recorded column as the catalogue declares it."""
    kind = DECLARED.get(COLUMNS[name], COLUMNS[name])
    labels = ("ok", "bad", "so-so") if kind.startswith("mood") else ()
    return Column(name, kind, True, kind.endswith("[]"), kind == "mood", labels)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "ea" and name != "pt"])
def test_a_declared_type_arrives_as_recorded(name: str, mode: str) -> None:
    """Without a row and without a connector: the schema is the recorded one, in every mode."""
    node = columns_of(mode)[name][1]
    made = parse_schema(arrives(declared(name), MODES[mode]))
    assert arrives_as(made) == arrives_as(node)
    for attribute in ("connect.name", "logicalType", "scale", "precision"):
        assert made.properties.get(attribute) == node.properties.get(attribute), attribute


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "pt"])
def test_a_refusal_is_that_of_the_rows(name: str, mode: str) -> None:
    """Code by code what a recorded value of the type meets; of free text nothing is said, since each value may differ."""
    schema, node = columns_of(mode)[name]
    column = declared(name)
    for kind, options in KINDS.items():
        given: dict[str, Any] = {"kind": kind, "column": "x", **options}
        field = FieldSpec("field", given.pop("kind"), given.pop("column"), **given)
        said = refusal(schema, column, field) if kind != "term" else term_refusal(schema, "x", "field")
        wanted = outcome(name, schema, node, kind)
        free = plain_type(column.type)[0] in CHARACTERS or (kind == "term" and arrives_as(node) == "string")
        if wanted in ("yes", "UNMAPPED_STATUS", "null") or free:
            assert said is None, (name, kind, said)
        else:
            assert said is not None and said[0] == wanted, (name, kind, said, wanted)


def test_a_type_that_is_not_known_is_left_open() -> None:
    """Nothing is claimed of types of extensions that were never recorded."""
    assert arrives(Column("place", "geography(Point,4326)", True), Modes()) is None

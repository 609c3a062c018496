"""What each PostgreSQL type is, in each mode of Debezium, for each kind of field: made by running the product on it.

The writer schemas are recorded ones (tests/recorded/types); each value is written with its schema, read by the decoder
and mapped. `python -m tests.connectors.types_table` prints the table of docs/types.md.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

from connectors.avro import compile_reader, compile_writer
from connectors.avro.schema import Node, parse_schema
from connectors.capturing.column_types import WRONG_COLUMN_TYPE, unfit
from state.mapping.mapper import compile_mapper
from state.model import FieldSpec, Zone
from state.roles import FIRST, UNMAPPED
from state.values import BadValue

FOLDER = Path(__file__).parents[1] / "recorded" / "types"
MODES = {
    "precise_adaptive": "precise, adaptive",
    "string_micro": "string, adaptive_time_microseconds",
    "str_microseconds": "string, microseconds (ours)",
    "isostring": "string, isostring",
    "connect": "double, connect",
}
#: column of the recorded table -> its PostgreSQL type
COLUMNS = {
    "n12": "numeric(12,2)", "n": "numeric", "mon": "money", "dom": "domain over numeric(18,4)", "si": "smallint",
    "dflt": "integer", "id": "bigint", "r": "real", "f": "double precision", "b": "boolean", "bt": "bit(1)", "bts": "bit(5)",
    "d": "date", "ts": "timestamp", "ts3": "timestamp(3)", "tstz": "timestamptz", "t": "time", "ttz": "timetz",
    "iv": "interval", "vc": "varchar(10)", "ct": "citext", "u": "uuid", "e": "enum", "jb": "jsonb", "js": "json",
    "hs": "hstore", "xm": "xml", "inet_": "inet", "rng": "int4range", "by": "bytea", "ta": "text[]", "ia": "integer[]",
    "na": "numeric(10,2)[]", "ea": "enum[]", "pt": "point",
}  # fmt: skip
_TEXTS = {
    "n12": "12.50", "n": "12.5", "mon": "12.34", "dom": "9.9999", "vc": "vc", "ct": "CiT", "e": "so-so", "inet_": "10.0.0.1",
    "rng": "[1,5)", "jb": '{"b": 1}', "js": '{"b": 1}', "hs": '{"a":"1"}', "xm": "<a/>", "by": "3q2+7w==",
    "u": "8d8e8b3a-1111-4222-8333-444455556666", "iv": "P1Y2M3DT0H0M0S", "d": "2026-02-28Z", "ts": "2026-01-02T03:04:05.123456Z",
    "ts3": "2026-01-02T03:04:05.123Z", "tstz": "2026-03-29T00:30:00.123456Z", "t": "23:59:59.123456Z", "ttz": "06:30:00Z",
}  # fmt: skip
_NUMBERS = {
    "io.debezium.time.Date": 20512, "org.apache.kafka.connect.data.Date": 20512, "io.debezium.time.Timestamp": 1767323045123,
    "org.apache.kafka.connect.data.Timestamp": 1767323045123, "io.debezium.time.MicroTimestamp": 1767323045123456,
    "io.debezium.time.MicroTime": 86399123456, "org.apache.kafka.connect.data.Time": 86399123,
    "io.debezium.time.MicroDuration": 37089846789000,
}  # fmt: skip
UTC_ZONE = Zone(UTC)
KINDS: dict[str, dict[str, Any]] = {
    "text": {}, "label": {"labels": {"so-so": "x", "vc": "x", "CiT": "x", "7": "x", "true": "x"}}, "money": {}, "decimal": {},
    "integer": {}, "boolean": {}, "date": {}, "day in a zone": {"kind": "date", "zone": UTC_ZONE}, "day on a clock": {"kind": "date", "clock": UTC}, "instant": {},
    "instant in a zone": {"kind": "instant", "zone": UTC_ZONE}, "reference": {"table": 0},
    "term": {"kind": "date", "column": "start", "plus": "x"},
}  # fmt: skip


def sample(node: Node, column: str) -> Any:
    """A value of the column as its schema writes it."""
    name = node.properties.get("connect.name", node.name)
    if node.kind == "array":
        assert node.items is not None
        return [sample(node.items.nullable or node.items, column)]
    if name == "io.debezium.data.VariableScaleDecimal":
        return {"scale": 1, "value": b"\x7d"}
    if node.kind == "record":
        return {"x": 1.0, "y": 2.0, "wkb": None, "srid": None}
    if node.kind == "bytes":
        return b"\x15" if name.endswith("Bits") else b"\x04\xe2"
    if node.kind in ("float", "double"):
        return 2.5
    if node.kind == "boolean":
        return True
    return _NUMBERS.get(name, 7) if node.kind in ("int", "long") else _TEXTS.get(column, "a")


def columns_of(mode: str) -> dict[str, tuple[Any, Node]]:
    """Column -> (schema alone, node) of the recorded row type."""
    (path,) = FOLDER.glob(f"{mode}.*all_types.value.json")
    rows = next(f for f in json.loads(path.read_text())["fields"] if f["name"] == "before")["type"]
    row = next(branch for branch in rows if isinstance(branch, dict))
    return {f["name"]: (f["type"], (n := parse_schema(f["type"])).nullable or n) for f in row["fields"]}


def outcome(column: str, schema: Any, node: Node, kind: str) -> str:
    """`yes`, or the code of the refusal, of one field of this kind made of the column."""
    options = {"kind": kind, "column": "x", **KINDS[kind]}
    field = FieldSpec("field", options.pop("kind"), options.pop("column"), **options)
    image = {"type": "record", "name": "Row", "fields": [{"name": "x", "type": schema}]}
    convert = frozenset({"decimal", "time"})
    frame = compile_writer(image, b"12345")({"x": sample(node, column)})
    row = compile_reader(image, convert=convert)(frame) | {"start": 20512}
    if unfit((field,), parse_schema(image)):
        return WRONG_COLUMN_TYPE
    try:
        fact = compile_mapper("{start}", (field,))(row, 1, 1)
    except BadValue as error:
        return error.code
    unknown = fact[UNMAPPED]
    if unknown == ("field",):
        return "UNMAPPED_STATUS"
    return unknown[0].partition(":")[0] if unknown else ("yes" if fact[FIRST] is not None else "null")


def arrives_as(node: Node) -> str:
    """Avro type and the name that Connect gives it."""
    name = node.properties.get("connect.name", node.name).rpartition(".")[2]
    items = f" of {arrives_as(node.items.nullable or node.items)}" if node.items else ""
    return f"{node.kind}{items}" + (f" ({name})" if name and not node.items else "")


@cache
def render() -> str:
    """The table."""
    lines = ["| PostgreSQL | decimal and time mode | arrives as | can be | refused |", "|---|---|---|---|---|"]
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    seen = {mode: columns_of(mode) for mode in MODES}
    for column, declared in COLUMNS.items():
        groups: dict[str, list[str]] = {}
        for mode in MODES:
            groups.setdefault(arrives_as(seen[mode][column][1]), []).append(mode)
        for arrival, modes in groups.items():
            schema, node = seen[modes[0]][column]
            verdicts = {kind: outcome(column, schema, node, kind) for kind in KINDS}
            can = ", ".join(kind for kind, verdict in verdicts.items() if verdict == "yes") or "nothing"
            codes: dict[str, list[str]] = {}
            for kind, verdict in verdicts.items():
                if verdict not in ("yes", "UNMAPPED_STATUS"):
                    codes.setdefault(verdict, []).append(kind)
            refused = "; ".join(f"`{code}`: {', '.join(kinds)}" for code, kinds in sorted(codes.items()))
            which = "all" if len(modes) == len(MODES) else "; ".join(MODES[mode] for mode in modes)
            rows.setdefault((which, arrival, can, refused), []).append(declared)
    lines += [f"| {', '.join(types)} | {' | '.join(cells)} |" for cells, types in rows.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(render() + "\n")

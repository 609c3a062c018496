"""Hypothesis strategies: random Avro schemas, each with a strategy of its values."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

Typed = tuple[Any, st.SearchStrategy[Any]]

#: where a number takes another byte, or our tables and unrolled code end
_EDGES = [
    sign * (1 << bits) + more for bits in (6, 11, 13, 20, 27, 34, 41, 55, 62) for sign in (1, -1) for more in (-1, 0, 1)
]
LONGS = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(-200, 200),
    st.sampled_from(_EDGES),
)
INTS = st.one_of(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(-70, 70))
TEXTS = st.one_of(
    st.text(max_size=5), st.text(min_size=60, max_size=70), st.text(alphabet="x", min_size=8100, max_size=8300)
)
BYTES = st.one_of(st.binary(max_size=5), st.binary(min_size=60, max_size=70))

_PRIMITIVES: list[Typed] = [
    ("null", st.none()),
    ("boolean", st.booleans()),
    ("int", INTS),
    ("long", LONGS),
    ("float", st.floats(width=32, allow_nan=False)),
    ("double", st.floats(allow_nan=False)),
    ("bytes", BYTES),
    ("string", TEXTS),
]


@st.composite
def typed(draw: st.DrawFn, depth: int, names: Any) -> Typed:
    """A schema without unions at its top, and its values."""
    kinds = ["primitive"] * 4 + ["enum", "fixed"]
    if depth > 0:
        kinds += ["record", "record", "array", "map", "union", "union"]
    kind = draw(st.sampled_from(kinds))
    if kind == "primitive":
        return draw(st.sampled_from(_PRIMITIVES))
    if kind == "enum":
        symbols = [f"S{i}" for i in range(draw(st.integers(1, 70)))]
        return {"type": "enum", "name": f"E{next(names)}", "symbols": symbols}, st.sampled_from(symbols)
    if kind == "fixed":
        size = draw(st.integers(0, 9))
        return {"type": "fixed", "name": f"F{next(names)}", "size": size}, st.binary(min_size=size, max_size=size)
    if kind == "record":
        return draw(record(depth - 1, names))
    inner, values = draw(typed(depth - 1, names))
    if kind == "array":
        return {"type": "array", "items": inner}, st.lists(values, max_size=3)
    if kind == "map":
        return {"type": "map", "values": inner}, st.dictionaries(st.text(max_size=3), values, max_size=3)
    if inner == "null" or isinstance(inner, list):
        return inner, values
    branches = draw(st.permutations(["null", inner]))
    return branches, st.one_of(st.none(), values)


@st.composite
def record(draw: st.DrawFn, depth: int, names: Any) -> Typed:
    """A record schema and its values."""
    namespace = draw(st.sampled_from(["", "a", "a.b"]))
    members = draw(st.lists(typed(depth, names), max_size=5))
    schema = {
        "type": "record",
        "name": f"R{next(names)}",
        "namespace": namespace,
        "fields": [{"name": f"f{i}", "type": s} for i, (s, _) in enumerate(members)],
    }
    return schema, st.fixed_dictionaries({f"f{i}": v for i, (_, v) in enumerate(members)})


@st.composite
def schema_and_value(draw: st.DrawFn, depth: int = 3) -> tuple[Any, Any]:
    """A random record schema and one of its values."""
    schema, values = draw(record(depth, itertools.count()))
    return schema, draw(values)


def field_paths(schema: Any, prefix: str = "") -> list[str]:
    """Dotted paths of every field, through nullable unions, as a projection may name them."""
    if isinstance(schema, list) and len(schema) == 2 and "null" in schema:
        schema = next(b for b in schema if b != "null")
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return []
    found = []
    for item in schema["fields"]:
        path = f"{prefix}{item['name']}"
        found += [path, *field_paths(item["type"], f"{path}.")]
    return found


@st.composite
def flat_paths(draw: st.DrawFn, schema: Any) -> list[str]:
    """Paths of which none lies inside another."""
    paths = field_paths(schema)
    if not paths:
        return []
    chosen: list[str] = []
    for path in draw(st.lists(st.sampled_from(paths), max_size=4, unique=True)):
        if not any(f"{path}.".startswith(f"{c}.") or f"{c}.".startswith(f"{path}.") for c in chosen):
            chosen.append(path)
    return chosen

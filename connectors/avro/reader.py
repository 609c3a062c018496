"""Readers compiled per writer schema: straight-line Python that keeps wanted fields and steps over the others.

`compile_reader(schema, want)` gives `read(frame, p=5) -> value`. Bounds are proved, not hoped for: positions only grow,
the end must be met exactly, and an index beyond it fails by itself; so a slice that came out short can never be
returned. fastavro is the oracle in the tests and the fallback for a schema the generator does not know.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

from connectors.avro import native
from connectors.avro.errors import DecodeError, UnsupportedSchema
from connectors.avro.fallback import fallback_reader
from connectors.avro.reading import ReaderSource
from connectors.avro.schema import Node, Projection, Raw, parse_schema
from connectors.avro.shape import High, Low, Shapes, Text
from connectors.avro.values import BOOLEAN, STEP, ZIGZAG, decimal_of, long_length

Reader = Callable[..., Any]

#: Parts of numbers, shared by all readers: what one table has seen is known to the next.
LOW, HIGH = Low(), High()


class Learned(NamedTuple):
    """How a wanted value of a learned tail comes out: texts through `mapping`; `repeating` for numbers met again soon."""

    mapping: Mapping[str, str] = MappingProxyType({})
    repeating: bool = False


_TEMPLATE = """def read({parameters}):
    end = len(buf)
    try:
{body}
    except (IndexError, AttributeError, UnicodeDecodeError, RecursionError, struct_error) as error:
        raise DecodeError(f"The bytes are not a value of {{NAME}}: {{type(error).__name__}} at byte {{p}} of {{end}}") from error
"""


def compile_reader(
    schema: Any, want: Projection = True, convert: frozenset[str] = frozenset(), whole: bool = True
) -> Reader:
    """A reader `read(frame, p=5)` of one writer schema (JSON values, self-contained, or a Node).

    `want`: True for everything; a mapping of wanted fields, nested ({"after": True, "source": {"lsn": True}}) gives
    dictionaries; a list of dotted paths gives a flat tuple in that order, None below a null. `convert` names the
    logical types turned into Python values (see `values.CONVERSIONS`), all others stay raw. `whole=False` stops after
    the last wanted field of a frame already known to be sound. Raises UnknownPath, SchemaError; the reader DecodeError.
    """
    node = schema if isinstance(schema, Node) else parse_schema(schema)
    check_paths(node, want)
    try:
        if isinstance(want, (list, tuple)):
            return compile_flat(node, want, convert=convert, whole=whole)
        return _compile(node, want, convert, whole)
    except (UnsupportedSchema, SyntaxError, RecursionError):
        if isinstance(schema, Node):
            raise
        return fallback_reader(schema, want, convert)


def check_paths(node: Node, want: Projection) -> None:
    """Raise UnknownPath for a wanted field that the schema lacks."""
    if isinstance(want, (list, tuple)):
        for path in want:
            node.find(path)
    elif isinstance(want, Mapping):
        for name, inner in want.items():
            check_paths(node.find(name), inner)


def slots_of(paths: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Nested wishes whose leaves are the slot variables r0, r1, ... of a flat tuple; '' marks flat levels."""
    tree: dict[str, Any] = {"": None}
    for index, path in enumerate(paths):
        level = tree
        *parents, leaf = path.split(".")
        for name in parents:
            level = level.setdefault(name, {"": None})
            if not isinstance(level, dict):
                raise UnsupportedSchema(f"{path!r} lies inside another wanted path.")
        if leaf in level:
            raise UnsupportedSchema(f"{path!r} is wanted twice.")
        level[leaf] = Raw(f"r{index}") if isinstance(path, Raw) else f"r{index}"
    return tree


def _compile(node: Node, want: bool | Mapping[str, Any], convert: frozenset[str], whole: bool) -> Reader:
    generated = generate_reader(node, want, convert, whole)
    if native.runs():
        from connectors.avro.native.operations import native_reader

        with suppress(UnsupportedSchema):
            return native_reader(node, want, convert, whole, generated)
    return generated


def generate_reader(node: Node, want: bool | Mapping[str, Any], convert: frozenset[str], whole: bool) -> Reader:
    """A reader of a value or of nested parts as generated Python, always. Raises UnsupportedSchema."""
    source = ReaderSource(convert)
    source.value(node, want, "result", not whole)
    return _finish(source, node, "result", "buf, p=5", whole, {})


def compile_flat(
    node: Node,
    paths: list[str] | tuple[str, ...],
    result: str = "",
    constants: Mapping[str, Any] | None = None,
    convert: frozenset[str] = frozenset(),
    whole: bool = True,
) -> Reader:
    """A reader whose return value is the expression `result` over r0, r1, ... (the values at `paths`), or their tuple.

    `constants`: what `result` refers to. For callers that need another shape than a tuple without paying for a second
    one. Raises UnsupportedSchema.
    """
    if native.runs():
        from connectors.avro.native.operations import native_flat_reader

        with suppress(UnsupportedSchema):
            values = native_flat_reader(node, paths, convert, whole, generate_flat(node, paths, "", {}, convert, whole))
            scope = {**(constants or {}), "VALUES": values}
            shaped = f"def read(buf, p=5):\n    {slots_text(len(paths)) or '_'} = VALUES(buf, p)\n    return {result}\n"
            return _executed(shaped, scope) if result else values
    return generate_flat(node, paths, result, constants or {}, convert, whole)


def generate_flat(
    node: Node,
    paths: list[str] | tuple[str, ...],
    result: str,
    constants: Mapping[str, Any],
    convert: frozenset[str],
    whole: bool,
) -> Reader:
    """The same as generated Python, always. Raises UnsupportedSchema."""
    source = ReaderSource(convert)
    if paths:
        source.add(" = ".join(f"r{i}" for i in range(len(paths))) + " = None")
    source.value(node, slots_of(paths), "_", not whole)
    return _finish(source, node, result or f"({slots_text(len(paths))})", "buf, p=5", whole, constants)


def compile_learning(
    node: Node,
    paths: Mapping[str, Learned],
    tail: str,
    result: str,
    parameters: str,
    constants: Mapping[str, Any],
    convert: frozenset[str] = frozenset(),
) -> Reader:
    """Like `compile_flat`, with shapes learned for everything from the field `tail` on (see `shape.py`).

    Wanted values of the tail are longs and texts; a null long comes out as 0, a null text as "", both through the
    mapping of their `Learned`. Raises UnsupportedSchema.
    """
    start = next(i for i, f in enumerate(node.fields) if f.name == tail)
    names = {f"r{i}": (path, how) for i, (path, how) in enumerate(paths.items())}
    wishes = slots_of(tuple(paths))
    shapes = Shapes(node.fields[start:], wishes, frozenset(v for v, (_, how) in names.items() if how.repeating))
    general = Node("record", name=node.name, fields=shapes.fields)
    inside = [names[v][0] for v in shapes.slots]
    read_tail = generate_flat(general, inside, "", {}, frozenset(), True)
    source = ReaderSource(convert)
    source.add(*(f"{v} = None" for v in names if v not in shapes.slots))
    source.fields(Node("record", fields=node.fields[:start]), wishes, lambda _: "_")
    source.flush()
    source.add("m = SHAPES.match(buf, p) or SHAPES.other(buf, p)")
    scope = {**constants, "SHAPES": shapes, "TAIL": read_tail, "LOW": LOW, "HIGH": HIGH}
    with source.block("if m is None:"):
        source.add(f"{', '.join(shapes.slots)}, = TAIL(buf, p)", "SHAPES.learn(buf, p)")
        for variable, slot in shapes.slots.items():
            if slot.kind == "text":
                mapping = scope[f"MAP_{variable}"] = names[variable][1].mapping
                scope[f"TEXT_{variable}"] = Text(mapping)
                source.add(f"{variable} = {variable} or ''", f"{variable} = MAP_{variable}.get({variable}, {variable})")
            else:
                source.add(f"{variable} = {variable} or 0")
    with source.block("else:"):
        source.add(*shapes.code())
    return _finish(source, node, result, parameters, None, scope)


def slots_text(count: int) -> str:
    """r0, r1, ... as the inside of a tuple."""
    return "".join(f"r{i}, " for i in range(count))


def _finish(
    source: ReaderSource, node: Node, result: str, parameters: str, whole: bool | None, constants: Mapping[str, Any]
) -> Reader:
    source.flush()
    if whole is not None:
        with source.block("if p != end:" if whole else "if p > end:"):
            source.add(source.bad("the value does not end with the buffer"))
    source.add(f"return {result}")
    text = "".join(source.functions.values()) + _TEMPLATE.format(parameters=parameters, body="\n".join(source.lines))
    scope: dict[str, Any] = {
        "STEP": STEP, "ZIGZAG": ZIGZAG, "BOOLEAN": BOOLEAN, "decimal_of": decimal_of, "long_length": long_length, "DecodeError": DecodeError,
        "struct_error": struct.error, "unpack_float": struct.Struct("<f").unpack_from,
        "unpack_double": struct.Struct("<d").unpack_from, "NAME": node.name or node.kind, **constants, **source.constants,
    }  # fmt: skip
    return _executed(text, scope)


def _executed(text: str, scope: dict[str, Any]) -> Reader:
    exec(compile(text, "<compiled Avro reader>", "exec"), scope)  # noqa: S102  # generated here, from parsed nodes only
    read: Reader = scope["read"]
    vars(read)["source"] = text  # for people who debug it
    return read

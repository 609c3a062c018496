"""Readers compiled per writer schema: straight-line Python that keeps wanted fields and steps over the others.

`compile_reader(schema, want)` gives `read(frame, p=5) -> value`. Bounds are proved, not hoped for: positions only grow,
the end must be met exactly, and an index beyond it fails by itself; so a slice that came out short can never be
returned. fastavro is the oracle in the tests and the fallback for a schema the generator does not know.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from connectors.avro.errors import DecodeError, UnsupportedSchema
from connectors.avro.fallback import fallback_reader
from connectors.avro.reading import ReaderSource
from connectors.avro.schema import Node, Projection, parse_schema
from connectors.avro.values import BOOLEAN, STEP, ZIGZAG, decimal_of

Reader = Callable[..., Any]
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
        level[leaf] = f"r{index}"
    return tree


def _compile(node: Node, want: Projection, convert: frozenset[str], whole: bool) -> Reader:
    if isinstance(want, (list, tuple)):
        return compile_flat(
            node, want, f"({''.join(f'r{i}, ' for i in range(len(want)))})", convert=convert, whole=whole
        )
    source = ReaderSource(convert)
    source.value(node, want, "result", not whole)
    return _finish(source, node, "result", "buf, p=5", whole, {})


def compile_flat(
    node: Node,
    paths: list[str] | tuple[str, ...],
    result: str,
    parameters: str = "buf, p=5",
    constants: Mapping[str, Any] | None = None,
    convert: frozenset[str] = frozenset(),
    whole: bool = True,
) -> Reader:
    """A reader whose return value is the expression `result` over r0, r1, ... (the values at `paths`).

    `parameters` are those of the generated function (buf and p among them), `constants` what `result` refers to. For
    callers that need another shape than a tuple without paying for a second one. Raises UnsupportedSchema.
    """
    source = ReaderSource(convert)
    if paths:
        source.add(" = ".join(f"r{i}" for i in range(len(paths))) + " = None")
    source.value(node, slots_of(paths), "_", not whole)
    return _finish(source, node, result, parameters, whole, constants or {})


def _finish(
    source: ReaderSource, node: Node, result: str, parameters: str, whole: bool, constants: Mapping[str, Any]
) -> Reader:
    source.flush()
    with source.block("if p != end:" if whole else "if p > end:"):
        source.add(source.bad("the value does not end with the buffer"))
    source.add(f"return {result}")
    text = "".join(source.functions.values()) + _TEMPLATE.format(parameters=parameters, body="\n".join(source.lines))
    scope: dict[str, Any] = {
        "STEP": STEP, "ZIGZAG": ZIGZAG, "BOOLEAN": BOOLEAN, "decimal_of": decimal_of, "DecodeError": DecodeError,
        "struct_error": struct.error, "unpack_float": struct.Struct("<f").unpack_from,
        "unpack_double": struct.Struct("<d").unpack_from, "NAME": node.name or node.kind, **constants, **source.constants,
    }  # fmt: skip
    exec(compile(text, "<compiled Avro reader>", "exec"), scope)  # noqa: S102  # generated here, from parsed nodes only
    read: Reader = scope["read"]
    read.source = text  # type: ignore[attr-defined]  # for people who debug it
    return read

"""Writers compiled per schema: straight-line Python from a dictionary to Avro bytes.

Strict on purpose: a missing field without default, an unknown field, a number out of range or a value of the wrong
type raises EncodeError; nothing is dropped or rounded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from connectors.avro.code import Code
from connectors.avro.errors import EncodeError, UnsupportedSchema
from connectors.avro.fallback import fallback_writer
from connectors.avro.schema import MISSING, Node, parse_schema
from connectors.avro.values import writing

Writer = Callable[[Any], bytes]

#: Varints of 0..16383, ready to append.
VARINT = tuple(bytes([z]) if z < 128 else bytes([z & 127 | 128, z >> 7]) for z in range(16384))
_LIMIT = {"int": (-(1 << 31), (1 << 31) - 1), "long": (-(1 << 63), (1 << 63) - 1)}
_TEMPLATE = """def write(value):
    out = bytearray(PREFIX)
    try:
{body}
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError, struct_error, RecursionError, OverflowError, ArithmeticError) as error:
        raise EncodeError(f"The value does not fit {{NAME}}: {{type(error).__name__}}: {{error}}") from error
    return bytes(out)
"""
#: Python types (source text) that mark a branch of a union of several types.
_MARK = {"null": "type(None)", "boolean": "bool", "int": "int", "long": "int", "string": "str", "bytes": "bytes", "fixed": "bytes",
         "enum": "str", "array": "list", "map": "dict", "record": "dict"}  # fmt: skip


def varint(z: int) -> bytes:
    """Unsigned varint of a zigzag number."""
    out = bytearray()
    while z > 127:
        out.append(z & 127 | 128)
        z >>= 7
    out.append(z)
    return bytes(out)


def complete(value: dict[str, Any], names: tuple[str, ...], defaults: dict[str, Any], record: str) -> dict[str, Any]:
    """`value` with the schema's defaults for absent fields. Raises EncodeError naming missing or unknown fields."""
    unknown = [k for k in value if k not in names]
    missing = [n for n in names if n not in value and n not in defaults]
    if unknown or missing:
        raise EncodeError(
            f"{record}: missing fields {missing}, unknown fields {unknown}; the value must have exactly the schema's fields."
        )
    return {n: value[n] if n in value else defaults[n] for n in names}


class _Source(Code):
    """Generates the body of a writer."""

    def __init__(self, convert: frozenset[str]) -> None:
        super().__init__()
        self.convert = convert
        self.functions: dict[str, str] = {}
        self.pending: dict[str, str] = {}

    def write(self, node: Node, src: str) -> None:
        """Statements that append the value in variable `src`."""
        conversion = writing(node, self.convert)
        if conversion is not None:
            self.add(f"{src} = {self.constant(conversion)}({src})")
        if node.recursive:
            self.add(f"{self.function(node)}(out, {src})")
        elif node.kind == "union":
            self.union(node, src)
        elif node.kind == "record":
            self.record(node, src)
        elif node.kind in ("array", "map"):
            self.collection(node, src)
        else:
            self.scalar(node, src)

    def scalar(self, node: Node, src: str) -> None:
        """A primitive, enum or fixed."""
        match node.kind:
            case "null":
                self.refuse(f"{src} is not None", node, src)
            case "boolean":
                self.refuse(f"{src} is not True and {src} is not False", node, src)
                self.add(f"out.append({src})")
            case "int" | "long":
                low, high = _LIMIT[node.kind]
                self.refuse(f"not {low} <= {src} <= {high}", node, src)
                self.number(f"({src} << 1) ^ ({src} >> 63)")
            case "string":
                self.add(f"e = {src}.encode()")
                self.number("len(e) << 1")
                self.add("out += e")
            case "bytes" | "fixed":
                wrong = f"{src}.__class__ is not bytes"
                self.refuse(wrong if node.kind == "bytes" else f"{wrong} or len({src}) != {node.size}", node, src)
                if node.kind == "bytes":
                    self.number(f"len({src}) << 1")
                self.add(f"out += {src}")
            case "float" | "double":
                self.refuse(f"{src}.__class__ is not float and {src}.__class__ is not int", node, src)
                self.add(f"out += pack_{node.kind}({src})")
            case "enum":
                self.number(f"{self.constant({s: i << 1 for i, s in enumerate(node.symbols)})}[{src}]")
            case _:
                raise UnsupportedSchema(f"No generated code for {node.kind}.")

    def refuse(self, condition: str, node: Node, src: str) -> None:
        """Raise where the value is not of the type."""
        self.add(f"if {condition}: raise TypeError('not a value of {node.kind}: %.80r' % ({src},))")

    def number(self, expression: str) -> None:
        """Append an unsigned varint."""
        self.add(f"z = {expression}", "out += VARINT[z] if z < 16384 else varint(z)")

    def union(self, node: Node, src: str) -> None:
        """The branch by the value's Python type."""
        for position, (index, branch) in enumerate(
            sorted(enumerate(node.branches), key=lambda pair: pair[1].kind != "null")
        ):
            test = self.test(node, branch, src)
            with self.block(f"{'elif' if position else 'if'} {test}:"):
                self.add(f"out.append({index * 2})")
                if branch.kind != "null":
                    self.write(branch, src)
        if node.nullable is None:
            self.add(f"else: raise TypeError('no branch of the union takes %.80r' % ({src},))")

    def test(self, union: Node, branch: Node, src: str) -> str:
        """The condition that selects a branch."""
        if branch.kind == "null":
            return f"{src} is None"
        if union.nullable is not None:
            return "True"
        if len(union.branches) > 64 or writing(branch, self.convert) is not None:
            raise UnsupportedSchema("This union needs fastavro.")
        kinds = [b.kind for b in union.branches]
        if sum(k in ("record", "map") for k in kinds) > 1 or kinds.count("array") > 1:
            raise UnsupportedSchema("A union of several records is written by fastavro.")
        if branch.kind in ("float", "double"):
            return f"{src}.__class__ is float" + ("" if {"int", "long"} & set(kinds) else f" or {src}.__class__ is int")
        test = f"{src}.__class__ is {_MARK[branch.kind]}"
        if branch.kind in _LIMIT:
            return test + " and {} <= {src} <= {}".format(*_LIMIT[branch.kind], src=src)
        if branch.kind == "enum":
            return test + f" and {src} in {self.constant(branch.symbols)}"
        return test + (f" and len({src}) == {branch.size}" if branch.kind == "fixed" else "")

    def record(self, node: Node, src: str) -> None:
        """All fields, in order, from a dictionary that has exactly them (or lacks some with a default)."""
        names = self.constant(tuple(f.name for f in node.fields))
        defaults = self.constant(
            {f.name: default_value(f.node, f.default) for f in node.fields if f.default is not MISSING}
        )
        row = self.name("r")
        self.add(f"{row} = {src}")
        self.add(f"if len({row}) != {len(node.fields)}: {row} = complete({row}, {names}, {defaults}, {node.name!r})")
        for item in node.fields:
            var = self.name()
            self.add(f"{var} = {row}[{item.name!r}]")
            self.write(item.node, var)

    def collection(self, node: Node, src: str) -> None:
        """One block of items, then the end mark."""
        assert node.items is not None
        item, key = self.name(), self.name("k")
        wanted = "list" if node.kind == "array" else "dict"
        self.refuse(f"not isinstance({src}, {'(list, tuple)' if wanted == 'list' else 'dict'})", node, src)
        with self.block(f"if {src}:"):
            self.number(f"len({src}) << 1")
            with self.block(f"for {item} in {src}:" if wanted == "list" else f"for {key}, {item} in {src}.items():"):
                if wanted == "dict":
                    self.scalar(Node("string"), key)
                self.write(node.items, item)
        self.add("out.append(0)")

    def function(self, node: Node) -> str:
        """The function of a record that refers to itself."""
        if node.name not in self.pending:
            name = self.pending[node.name] = f"write_{len(self.pending)}"
            saved = self.lines, self.depth
            self.lines, self.depth = [], 1
            self.record(node, "value")
            self.functions[name] = f"def {name}(out, value):\n" + "\n".join(self.lines) + "\n"
            self.lines, self.depth = saved
        return self.pending[node.name]


def default_value(node: Node, default: Any) -> Any:
    """A JSON default as a value: bytes are written as ISO-8859-1 text there; a union's default is of its first branch."""
    if node.kind == "union":
        return default_value(node.branches[0], default) if default is not None else None
    if node.kind in ("bytes", "fixed") and isinstance(default, str):
        return default.encode("iso-8859-1")
    if node.kind == "record":
        given = {f.name: default.get(f.name, f.default) for f in node.fields}
        return {f.name: default_value(f.node, given[f.name]) for f in node.fields if given[f.name] is not MISSING}
    return default


def compile_writer(schema: Any, prefix: bytes = b"", convert: frozenset[str] = frozenset()) -> Writer:
    """A writer `write(value) -> prefix + Avro bytes`; `convert` names logical types given as Python values.

    `prefix` is usually the Confluent frame head, see `frame_prefix`. Raises SchemaError; the writer EncodeError.
    """
    node = schema if isinstance(schema, Node) else parse_schema(schema)
    source = _Source(convert)
    try:
        source.write(node, "value")
        text = "".join(source.functions.values()) + _TEMPLATE.format(body="\n".join(source.lines) or "        pass")
        code = compile(text, "<compiled Avro writer>", "exec")
    except (UnsupportedSchema, SyntaxError, RecursionError):
        if isinstance(schema, Node):
            raise
        return fallback_writer(schema, convert, prefix)
    scope: dict[str, Any] = {
        "VARINT": VARINT, "varint": varint, "complete": complete, "EncodeError": EncodeError, "PREFIX": prefix, "NAME": node.name or node.kind,
        "struct_error": struct.error, "pack_float": struct.Struct("<f").pack, "pack_double": struct.Struct("<d").pack, **source.constants,
    }  # fmt: skip
    exec(code, scope)  # noqa: S102  # generated here, from parsed nodes only
    write: Writer = scope["write"]
    write.source = text  # type: ignore[attr-defined]
    return write


def frame_prefix(schema_id: int) -> bytes:
    """Head of a Confluent frame: magic byte 0 and the schema id, 4 bytes big-endian."""
    return b"\0" + schema_id.to_bytes(4, "big")

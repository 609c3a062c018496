"""Writers compiled per schema: straight-line Python from a dictionary to Avro bytes.

A frame is put together as text whose characters are its bytes (ISO-8859-1) and encoded once: ASCII text, which most
text is, then needs no encoding of its own, and all pieces meet in one join. Strict on purpose: a missing field without
default, an unknown field, a number out of range or a value of the wrong type raises EncodeError; nothing is dropped or
rounded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from connectors.avro import native
from connectors.avro.errors import EncodeError, UnsupportedSchema
from connectors.avro.fallback import fallback_writer
from connectors.avro.pieces import WRITE_SCOPE
from connectors.avro.schema import Node, parse_schema
from connectors.avro.writing import WriterSource

Writer = Callable[[Any], bytes]

_TEMPLATE = """def write(value):
    try:
{body}
        return {result}.encode("latin-1")
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError, struct_error, RecursionError, OverflowError, ArithmeticError) as error:
        raise EncodeError(f"The value does not fit {{NAME}}: {{type(error).__name__}}: {{error}}") from error
"""


def compile_writer(schema: Any, prefix: bytes = b"", convert: frozenset[str] = frozenset()) -> Writer:
    """A writer `write(value) -> prefix + Avro bytes`; `convert` names logical types given as Python values.

    `prefix` is usually the Confluent frame head, see `frame_prefix`. It is native where the native codec runs and knows
    the schema. Raises SchemaError; the writer EncodeError.
    """
    node = schema if isinstance(schema, Node) else parse_schema(schema)
    try:
        generated = generate_writer(node, prefix, convert)
    except (UnsupportedSchema, SyntaxError, RecursionError):
        if isinstance(schema, Node):
            raise
        return fallback_writer(schema, convert, prefix)
    if native.runs():
        from connectors.avro.native.forms import native_writer

        with suppress(UnsupportedSchema):
            return native_writer(node, prefix, convert, generated)
    return generated


def generate_writer(node: Node, prefix: bytes, convert: frozenset[str]) -> Writer:
    """The same as generated Python, always. Raises UnsupportedSchema."""
    source = WriterSource(convert)
    pieces = source.pieces(node, "value")
    body = "\n".join(source.lines) or "        pass"
    functions = "".join(source.functions.values())
    text = functions + _TEMPLATE.format(body=body, result=source.joined(["PREFIX", *pieces]))
    scope: dict[str, Any] = {
        **WRITE_SCOPE, "EncodeError": EncodeError, "PREFIX": prefix.decode("latin-1"), "NAME": node.name or node.kind,
        "struct_error": struct.error, **source.constants,
    }  # fmt: skip
    exec(compile(text, "<compiled Avro writer>", "exec"), scope)  # noqa: S102  # generated here, from parsed nodes only
    write: Writer = scope["write"]
    vars(write)["source"] = text  # for people who debug it
    return write


def frame_prefix(schema_id: int) -> bytes:
    """Head of a Confluent frame: magic byte 0 and the schema id, 4 bytes big-endian."""
    return b"\0" + schema_id.to_bytes(4, "big")

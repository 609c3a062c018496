"""Run-time pieces of generated writers: numbers, lengths and text as text whose characters are their Avro bytes."""

from __future__ import annotations

import struct
from typing import Any

from connectors.avro.errors import EncodeError
from connectors.avro.schema import MISSING, Node

LIMIT = {"int": (-(1 << 31), (1 << 31) - 1), "long": (-(1 << 63), (1 << 63) - 1)}
#: Numbers from -SMALL to SMALL - 1 are ready in a list; a negative index counts from its end.
SMALL = 2048
#: 14 bits of a varint as two characters: the last ones of a number, and those that more follow.
_LAST = [chr(z) if z < 128 else chr(z & 127 | 128) + chr(z >> 7) for z in range(1 << 14)]
_MORE = [chr(z & 127 | 128) + chr(z >> 7 | 128) for z in range(1 << 14)]


def varint(z: int) -> str:
    """A zigzag number as varint, one character a byte."""
    out = ""
    while z > 16383:
        out += _MORE[z & 16383]
        z >>= 14
    return out + _LAST[z]


def _smalls(tag: str) -> list[str]:
    """The small numbers in the order of Python's indexes, behind the branch `tag` of a union."""
    return [tag + varint((v << 1) ^ (v >> 63)) for v in (*range(SMALL), *range(-SMALL, 0))]


class Lengths(dict[int, str]):
    """Lengths in bytes as varints, behind the branch `tag` of a union."""

    def __init__(self, tag: str) -> None:
        super().__init__()
        self.tag = tag

    def __missing__(self, length: int) -> str:
        """Encode."""
        text = self.tag + varint(length << 1)
        if length < SMALL:
            self[length] = text
        return text


def long_text(value: Any) -> str:
    """A number that is not small. Raises TypeError, OverflowError."""
    if value.__class__ is not int:
        raise TypeError(f"not a value of long: {value!r:.80}")
    z = (value << 1) ^ (value >> 63)
    if z < 1 << 14:
        return _LAST[z]
    if z < 1 << 28:
        return _MORE[z & 16383] + _LAST[z >> 14]
    if z < 1 << 42:
        return _MORE[z & 16383] + _MORE[z >> 14 & 16383] + _LAST[z >> 28]
    if z < 1 << 56:
        return _MORE[z & 16383] + _MORE[z >> 14 & 16383] + _MORE[z >> 28 & 16383] + _LAST[z >> 42]
    low, high = LIMIT["long"]
    if not low <= value <= high:
        raise OverflowError(f"{value} is not a long")
    return varint(z)


def int_text(value: Any) -> str:
    """The same for 32 bits."""
    low, high = LIMIT["int"]
    if not low <= value <= high:
        raise OverflowError(f"{value} is not an int")
    return long_text(value)


def recode(text: str) -> str:
    """Text whose characters are the UTF-8 bytes of `text`. Raises UnicodeEncodeError."""
    return text.encode().decode("latin-1")


def complete(value: dict[str, Any], names: tuple[str, ...], defaults: dict[str, Any], record: str) -> dict[str, Any]:
    """`value` with the schema's defaults for absent fields. Raises EncodeError naming missing or unknown fields."""
    unknown = [k for k in value if k not in names]
    missing = [n for n in names if n not in value and n not in defaults]
    if unknown or missing:
        raise EncodeError(
            f"{record}: missing fields {missing}, unknown fields {unknown}; the value must have exactly the schema's fields."
        )
    return {n: value[n] if n in value else defaults[n] for n in names}


#: What generated writers refer to; tables exist without a branch and behind the two branches of a nullable type.
WRITE_SCOPE: dict[str, Any] = {
    "long_text": long_text, "int_text": int_text, "recode": recode, "complete": complete, "BOOLEAN": ("\0", "\1"),
    "SMALL": _smalls(""), "SMALL0": _smalls("\0"), "SMALL2": _smalls("\2"),
    "LENGTH": Lengths(""), "LENGTH0": Lengths("\0"), "LENGTH2": Lengths("\2"),
    "pack_float": struct.Struct("<f").pack, "pack_double": struct.Struct("<d").pack,
}  # fmt: skip


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

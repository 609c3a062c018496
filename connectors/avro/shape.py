"""Learned shapes: the tail of a record as one regular expression.

Much of a Debezium envelope hardly changes from event to event: which branches are null and how long the names and
positions are. Given one frame, that shape is written down as a pattern with the wanted values as groups. A pattern
fixes every branch and every length, and varints are self-delimiting, so a match to the end of the buffer is the one
possible reading of the bytes; anything else does not match and takes the general reader. Numbers are taken apart into
their low 14 bits and the rest, which repeat so much that two dictionary look-ups replace their decoding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from connectors.avro.errors import UnsupportedSchema
from connectors.avro.schema import Field, Node

#: A shape is learned for one of the first frames, or after so many frames that the cost of compiling it is small.
SHAPES_AT_ONCE = 12
FRAMES_BETWEEN = 500
SHAPES_KEPT = 6
MEMO_MAX = 65_536

_VARINT = rb"[\x80-\xff]{0,9}+[\x00-\x7f]"
_EVEN_MORE = b"[" + b"".join(b"\\x%02x" % b for b in range(128, 256, 2)) + b"]"
_EVEN_LAST = b"[" + b"".join(b"\\x%02x" % b for b in range(0, 128, 2)) + b"]"
#: Number patterns, not negative: low 14 bits and the rest; both in one group, which repeats anyway.
_SHORT = b"(%b[\\x00-\\x7f]|%b)()" % (_EVEN_MORE, _EVEN_LAST)
_LONG = b"(%b[\\x80-\\xff])([\\x80-\\xff]{0,6}+[\\x00-\\x7f])" % _EVEN_MORE
_REPEATING = b"(%b[\\x80-\\xff]{0,7}+[\\x00-\\x7f]|%b)" % (_EVEN_MORE, _EVEN_LAST)
_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}


class Low(dict[bytes, int]):
    """Bytes of a number that is not negative, or its two low ones -> their part of its value; emptied when large."""

    def __missing__(self, raw: bytes) -> int:
        """Decode once; the zigzag bit is 0."""
        if len(self) >= MEMO_MAX:
            self.clear()
        value = self[raw] = _assemble(raw) >> 1
        return value


class High(dict[bytes, int]):
    """Bytes above the 14 low bits -> their part of the value; emptied when large."""

    def __missing__(self, raw: bytes) -> int:
        """Decode once."""
        if len(self) >= MEMO_MAX:
            self.clear()
        value = self[raw] = _assemble(raw) << 13
        return value


class Text(dict[bytes, str]):
    """Short repeated texts, one object each, replaced by `mapping` where it names them; emptied when large."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        super().__init__()
        self.mapping = mapping

    def __missing__(self, raw: bytes) -> str:
        """Decode once. Raises UnicodeDecodeError."""
        if len(self) >= MEMO_MAX:
            self.clear()
        text = raw.decode()
        value = self[raw] = self.mapping.get(text, text)
        return value


class Slot(NamedTuple):
    """A wanted value of the tail: its variable, and how its group is read."""

    variable: str
    kind: Literal["split", "repeating", "text"]


def _assemble(raw: bytes) -> int:
    value = 0
    for index, byte in enumerate(raw):
        value |= (byte & 127) << 7 * index
    return value


class Shapes:
    """The shapes learned for the tail of one writer schema. `match` is the one that matched last."""

    def __init__(self, fields: list[Field], wishes: Mapping[str, Any], repeating: frozenset[str]) -> None:
        """`wishes`: variables of the wanted values (see `reader.slots_of`); `repeating`: those whose numbers repeat.

        Raises UnsupportedSchema.
        """
        self.fields = fields
        self.wishes = wishes
        self.slots: dict[str, Slot] = {}
        for item in fields:
            self._collect(item.node, wishes.get(item.name), repeating)
        self.kept: list[Callable[[bytes, int], re.Match[bytes] | None]] = []
        self.learned = 0
        self._frames = 0
        self.match: Callable[[bytes, int], re.Match[bytes] | None] = lambda _buf, _p: None

    def _collect(self, node: Node, wish: Any, repeating: frozenset[str]) -> None:
        """Slots in schema order; refuses what has no fixed shape."""
        inner = node.nullable or node
        if inner.recursive or inner.kind in ("array", "map", "union"):
            raise UnsupportedSchema(f"A {inner.kind} has no fixed shape.")
        if inner.kind == "record":
            for item in inner.fields:
                self._collect(item.node, wish.get(item.name) if isinstance(wish, Mapping) else None, repeating)
        elif isinstance(wish, str):
            if inner.kind not in ("long", "string"):
                raise UnsupportedSchema(f"A wanted {inner.kind} has no group.")
            kind: Any = "text" if inner.kind == "string" else "repeating" if wish in repeating else "split"
            self.slots[wish] = Slot(wish, kind)

    def other(self, buf: bytes, p: int) -> re.Match[bytes] | None:
        """Try the other known shapes; the one that matches comes first from now on."""
        self._frames += 1
        for known in self.kept:
            found = known(buf, p)
            if found is not None:
                self.match = known
                return found
        return None

    def learn(self, buf: bytes, p: int) -> None:
        """Write down the shape of a frame that the general reader has just accepted."""
        if self.learned >= SHAPES_AT_ONCE and self._frames < FRAMES_BETWEEN:
            return
        self.learned += 1
        self._frames = 0
        pattern = _Shape(buf, p, self.slots)
        for item in self.fields:
            pattern.add(item.node, self.wishes.get(item.name))
        self.match = re.compile(b"".join(pattern.parts), re.DOTALL).fullmatch
        self.kept = [self.match, *self.kept[: SHAPES_KEPT - 1]]

    def code(self) -> list[str]:
        """Statements that take the wanted values out of the match `m`."""
        groups: list[str] = []
        values: list[str] = []
        for variable, kind in self.slots.values():
            groups.append(f"g{len(groups)}")
            source = groups[-1]
            if kind == "split":
                groups.append(f"g{len(groups)}")
                values.append(f"{variable} = LOW[{source}] + HIGH[{groups[-1]}]")
            else:
                values.append(f"{variable} = {'TEXT_' + variable if kind == 'text' else 'LOW'}[{source}]")
        return [f"{', '.join(groups)}, = m.groups()", *values]


class _Shape:
    """Walks one frame and writes its pattern."""

    def __init__(self, buf: bytes, p: int, slots: Mapping[str, Slot]) -> None:
        self.slots = slots
        self.buf = buf
        self.p = p
        self.parts: list[bytes] = []

    def add(self, node: Node, wish: Any) -> None:
        """The pattern of one value; `wish` is its slot, the wishes inside it, or None."""
        if node.kind == "union":
            inner = node.nullable or node
            node = node.branches[self.buf[self.p] >> 1]
            self.literal(1)
            if node.kind == "null":
                self.absent(inner, wish)
                return
        if node.kind == "record":
            for item in node.fields:
                self.add(item.node, wish.get(item.name) if isinstance(wish, Mapping) else None)
        elif node.kind in ("int", "long", "enum"):
            size = self.varint_size()
            self.p += size
            if wish is None:
                self.parts.append(_VARINT)
            elif self.slots[wish].kind == "repeating":
                self.parts.append(_REPEATING)
            else:
                self.parts.append(_SHORT if size <= 2 else _LONG)
        elif node.kind in ("string", "bytes"):
            size = self.varint_size()
            length = _assemble(self.buf[self.p : self.p + size]) >> 1
            self.literal(size)
            self.parts.append(b"(.{%d})" % length if wish else b".{%d}" % length)
            self.p += length
        else:
            size = _SIZES.get(node.kind, node.size)
            self.parts.append(b".{%d}" % size)
            self.p += size

    def literal(self, size: int) -> None:
        """Bytes that must be the same."""
        self.parts.append(re.escape(self.buf[self.p : self.p + size]))
        self.p += size

    def varint_size(self) -> int:
        """Bytes of the varint at the position."""
        end = self.p
        while self.buf[end] > 127:
            end += 1
        return end - self.p + 1

    def absent(self, node: Node, wish: Any) -> None:
        """Empty groups for what is wanted of a value that is null here: a number is 0 then, a text is empty."""
        if isinstance(wish, Mapping):
            for item in node.fields:
                self.absent(item.node.nullable or item.node, wish.get(item.name))
        elif wish:
            self.parts.append(b"()()" if self.slots[wish].kind == "split" else b"()")

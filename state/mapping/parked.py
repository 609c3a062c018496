"""A parked row as it is stored in `facts`: what it said last, why it is parked, and the frame that is at fault.

References in what it said are stored by topic: a table's number is another one in another mapping.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from state.model import TableSpec
from state.roles import FIRST, Fact

#: first byte of a stored parked row; a Confluent frame begins with 0
_MAGIC = b"\x02"


class ParkedRow(NamedTuple):
    """`fact` is what the row said before; it stays in force until a good image comes. `version` is the mapping's."""

    code: str
    reason: str
    version: int
    fact: Fact
    frame: bytes


def pack(row: ParkedRow) -> bytes:
    """Bytes to store instead of the frame."""
    head = json.dumps([row.code, row.reason, row.version, row.fact], separators=(",", ":")).encode()
    return _MAGIC + len(head).to_bytes(4, "big") + head + row.frame


def unpack(stored: bytes) -> ParkedRow | None:
    """The parked row, None if the bytes are an ordinary frame."""
    if stored[:1] != _MAGIC:
        return None
    end = 5 + int.from_bytes(stored[1:5], "big")
    code, reason, version, fact = json.loads(stored[5:end])
    return ParkedRow(code, reason, version, _tuples(fact), stored[end:])


def by_topic(fact: Fact, tables: tuple[TableSpec, ...]) -> Fact:
    """The fact as it is stored."""
    return fact[:FIRST] + tuple((tables[v[0]].topic, v[1]) if v.__class__ is tuple else v for v in fact[FIRST:])


def by_table(fact: Fact, tables: Iterable[TableSpec]) -> Fact:
    """A stored fact for these tables. Raises KeyError where one is gone that it refers to."""
    index = {table.topic: table.index for table in tables}
    return fact[:FIRST] + tuple((index[v[0]], v[1]) if v.__class__ is tuple else v for v in fact[FIRST:])


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value

"""Writes Python source: lines, indentation, fresh names, and a read position whose constant part is added late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.avro.errors import UnsupportedSchema

LINES_MAX = 20_000


class Code:
    """Source of one function under construction.

    `buf` is the frame, `p` the position, `ahead` a constant that still has to be added to it: fixed sizes and union
    branches cost no statement of their own.
    """

    def __init__(self, depth: int = 2) -> None:
        """`depth`: indentation of the body."""
        self.lines: list[str] = []
        self.depth = depth
        self.ahead = 0
        self.count = 0
        self.constants: dict[str, Any] = {}

    def add(self, *lines: str) -> None:
        """Statements at the current depth."""
        if len(self.lines) > LINES_MAX:
            raise UnsupportedSchema(
                f"The schema needs more than {LINES_MAX} lines of generated code; fastavro reads it."
            )
        self.lines += ["    " * self.depth + line for line in lines]

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """An indented block that leaves `p` complete at its end."""
        self.add(head)
        self.depth += 1
        start, before = len(self.lines), self.ahead
        yield
        self.flush()
        if len(self.lines) == start:
            self.add("pass")
        self.depth -= 1
        self.ahead = before

    def join(self) -> None:
        """After the last of alternative blocks: `p` is complete in each of them."""
        self.ahead = 0

    def flush(self) -> None:
        """Bring `p` up to date."""
        if self.ahead:
            self.add(f"p += {self.ahead}")
            self.ahead = 0

    def at(self, more: int = 0) -> str:
        """The current position as an expression."""
        ahead = self.ahead + more
        return f"p + {ahead}" if ahead else "p"

    def name(self, stem: str = "v") -> str:
        """A fresh variable."""
        self.count += 1
        return f"{stem}{self.count}"

    def constant(self, value: Any, stem: str = "K") -> str:
        """A global of the generated module."""
        for name, known in self.constants.items():
            if known is value:
                return name
        name = f"{stem}{len(self.constants)}"
        self.constants[name] = value
        return name

    def bad(self, what: str) -> str:
        """A statement that refuses the bytes."""
        return f"raise DecodeError({what + ' at byte %d'!r} % p)"

"""Generated statements that step over values, runs of them merged, and the pieces shared with reading."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connectors.avro.code import Code
from connectors.avro.errors import UnsupportedSchema
from connectors.avro.schema import Node

_FIXED_SIZE = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_VARINT = rb"[\x80-\xff]{0,9}+[\x00-\x7f]"
EMPTY_ITEMS_MAX = 1_000_000


class Skipper(Code):
    """Code that moves over an Avro value without building it."""

    def __init__(self) -> None:
        """Functions are those of recursive records, by name."""
        super().__init__()
        self.functions: dict[str, str] = {}
        self.pending: dict[str, str] = {}

    def skip_run(self, nodes: list[Node]) -> None:
        """Step over consecutive values; neighbours that are numbers become one match of a regular expression."""
        flat = list(_flatten(nodes))
        while flat:
            longs = 0
            while longs < len(flat) and _number_pattern(flat[longs]) is not None:
                longs += 1
            if longs >= 2:
                self.skip_numbers(flat[:longs])
                flat = flat[longs:]
            else:
                self.skip(flat.pop(0))

    def skip_numbers(self, nodes: list[Node]) -> None:
        """A run of varints, nullable or not, in one call into C."""
        pattern = re.compile(b"".join(_number_pattern(n) or b"" for n in nodes), re.DOTALL)
        self.add(f"p = {self.constant(pattern.match, 'M')}(buf, {self.at()}).end()")
        self.ahead = 0

    def skip(self, node: Node) -> None:
        """Step over one value."""
        if node.recursive:
            self.flush()
            self.add(f"p = {self.function(node, 'skip')}(buf, p, end)")
        elif node.kind in _FIXED_SIZE or node.kind == "fixed":
            self.ahead += _FIXED_SIZE.get(node.kind, node.size)
        elif node.kind in ("int", "long", "enum"):
            self.flush()
            with self.block("while buf[p] > 127:"):
                self.add("p += 1")
            self.ahead = 1
        elif node.kind in ("string", "bytes"):
            self.skip_text()
        elif node.kind == "record":
            self.skip_run([f.node for f in node.fields])
        elif node.kind == "union":
            self.union(node, self.skip, "pass")
        elif node.kind in ("array", "map"):
            assert node.items is not None
            self.flush()
            with self.blocks(node):
                if node.kind == "map":
                    self.skip_text()
                self.skip_run([node.items])
        else:
            raise UnsupportedSchema(f"No generated code for {node.kind}.")

    def skip_text(self) -> None:
        """Step over length-prefixed bytes."""
        self.add(f"s = STEP[buf[{self.at()}]]")
        with self.block("if s:"):
            self.add(f"p += s + {self.ahead}" if self.ahead else "p += s")
            self.ahead = 0
        with self.block("else:"):
            self.length()
            self.add("p += n")
        self.join()

    def union(self, node: Node, branch_code: Callable[[Node], None], null_code: str) -> None:
        """One block per branch; an unknown branch is refused."""
        if len(node.branches) > 64:
            raise UnsupportedSchema("A union of more than 64 branches is read by fastavro.")
        self.add(f"b = buf[{self.at()}]")
        self.ahead += 1
        ordered = sorted(enumerate(node.branches), key=lambda pair: pair[1].kind == "null")
        for position, (index, branch) in enumerate(ordered):
            with self.block(f"{'elif' if position else 'if'} b == {index * 2}:"):
                if branch.kind == "null":
                    self.add(null_code)
                else:
                    branch_code(branch)
        with self.block("else:"):
            self.add(self.bad("unknown union branch"))
        self.join()

    @contextmanager
    def blocks(self, node: Node) -> Iterator[None]:
        """The loop over an array's or map's blocks; the caller emits one item."""
        size_min = 1 if node.kind == "map" else smallest(node.items)
        with self.block("while True:"):
            count = self.name("c")
            self.long(count, 64)
            self.flush()
            with self.block(f"if not {count}:"):
                self.add("break")
            with self.block(f"if {count} < 0:"):
                self.add(f"{count} = -{count}")
                self.long("n", 64)
                with self.block("if n < 0:"):
                    self.add(self.bad("negative block size"))
            self.join()
            limit = f"(end - p) // {size_min}" if size_min else str(EMPTY_ITEMS_MAX)
            with self.block(f"if {count} > {limit}:"):
                self.add(self.bad("more items than bytes"))
            with self.block(f"for _ in range({count}):"):
                yield
            self.join()

    def length(self) -> None:
        """A length of two or more bytes into n, checked against the end of the buffer."""
        self.add(f"n, p = long_length(buf, {self.at()}, end)")
        self.ahead = 0

    def long(self, dst: str, bits: int) -> None:
        """A zigzag varint into `dst`: up to four bytes without a loop."""
        self.add(f"b = buf[{self.at()}]")
        with self.block("if b < 128:"):
            self.add(f"{dst} = ZIGZAG[b]")
            self.ahead += 1
        with self.block("else:"):
            self.add(f"c = buf[{self.at(1)}]")
            self.more("c < 128", 2, "n = b + (c << 7) - 128")
            with self.block("else:"):
                self.add(f"d = buf[{self.at(2)}]")
                self.more("d < 128", 3, "n = b + (c << 7) + (d << 14) - 16512")
                with self.block("else:"):
                    self.add(f"e = buf[{self.at(3)}]")
                    self.more("e < 128", 4, "n = b + (c << 7) + (d << 14) + (e << 21) - 2113664")
                    with self.block("else:"):
                        self.ahead += 4
                        self.flush()
                        self.add("n = b + (c << 7) + (d << 14) + (e << 21) - 270549120", "s = 28")
                        with self.block("while True:"):
                            self.add("b = buf[p]", "p += 1", "n += (b & 127) << s", "if b < 128: break", "s += 7")
                            self.add(f"if s > 63: {self.bad('a number longer than 64 bits')}")
                        self.add(f"if n >> {bits}: {self.bad(f'a number longer than {bits} bits')}")
                    self.join()
                self.join()
            self.join()
            self.add(f"{dst} = (n >> 1) ^ -(n & 1)")
        self.join()

    def more(self, condition: str, size: int, value: str) -> None:
        """One more length of a varint."""
        with self.block(f"if {condition}:"):
            self.add(value)
            self.ahead += size

    def function(self, node: Node, action: str) -> str:
        """The function of a recursive record, generated once."""
        key = f"{action}:{node.name}"
        if key not in self.pending:
            name = self.pending[key] = f"{action}_{len(self.pending)}"
            saved = self.lines, self.depth, self.ahead
            self.lines, self.depth, self.ahead = [], 1, 0
            last = self.body_of(node, action)
            body = "\n".join([*self.lines, f"    {last}"])
            self.functions[name] = f"def {name}(buf, p, end):\n{body}\n"
            self.lines, self.depth, self.ahead = saved
        return self.pending[key]

    def body_of(self, node: Node, action: str) -> str:
        """Emit the body of such a function; returns its last statement."""
        raise NotImplementedError


def smallest(node: Node | None, depth: int = 0) -> int:
    """The least bytes one value takes (0 for null and empty records)."""
    if node is None or depth > 8:
        return 0
    if node.kind == "record":
        return sum(smallest(f.node, depth + 1) for f in node.fields)
    if node.kind == "fixed":
        return node.size
    return _FIXED_SIZE.get(node.kind, 1)


def _flatten(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        if node.kind == "record" and not node.recursive:
            yield from _flatten([f.node for f in node.fields])
        else:
            yield node


def _number_pattern(node: Node) -> bytes | None:
    if node.kind in ("int", "long", "enum"):
        return _VARINT
    inner = node.nullable
    if inner is not None and inner.kind in ("int", "long", "enum"):
        null = node.branches.index(next(b for b in node.branches if b.kind == "null"))
        return b"(?:%b|%b%b)" % (re.escape(bytes([null * 2])), re.escape(bytes([2 - null * 2])), _VARINT)
    return None

"""Generated statements that read values: whole ones, or the wanted parts of records with the rest stepped over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.avro.errors import UnsupportedSchema
from connectors.avro.schema import Node, Raw
from connectors.avro.skipping import Skipper
from connectors.avro.values import is_variable_decimal, reading


class ReaderSource(Skipper):
    """Generates the body of a reader."""

    def __init__(self, convert: frozenset[str]) -> None:
        super().__init__()
        self.convert = convert

    def read(self, node: Node, dst: str) -> None:
        """Statements that put the whole value of `node` into `dst`."""
        conversion = reading(node, self.convert)
        if node.recursive:
            self.call(node, dst)
        elif node.kind == "union":
            self.union(node, lambda branch: self.read(branch, dst), f"{dst} = None")
        elif node.kind == "record":
            if "decimal" in self.convert and is_variable_decimal(node):
                return self.variable_decimal(node, dst)
            self.record(node, {f.name: True for f in node.fields}, dst)
        elif node.kind in ("array", "map"):
            self.collection(node, dst)
        else:
            self.scalar(node, dst)
        if conversion is not None:
            self.flush()
            self.add(f"{dst} = {self.constant(conversion)}({dst})")
        return None

    def scalar(self, node: Node, dst: str) -> None:
        """A primitive, enum or fixed."""
        match node.kind:
            case "null":
                self.add(f"{dst} = None")
            case "boolean":
                self.add(f"{dst} = BOOLEAN[buf[{self.at()}]]")
                self.ahead += 1
            case "int" | "long":
                self.long(dst, 64 if node.kind == "long" else 32)
            case "string" | "bytes":
                self.text(dst, ".decode()" if node.kind == "string" else "")
            case "float" | "double":
                size = 4 if node.kind == "float" else 8
                self.add(f"{dst}, = unpack_{node.kind}(buf, {self.at()})")
                self.ahead += size
            case "fixed":
                self.add(f"{dst} = buf[{self.at()}:{self.at(node.size)}]")
                self.ahead += node.size
            case "enum":
                self.long("n", 32)
                with self.block("if n < 0:"):
                    self.add(self.bad("negative enum index"))
                self.add(f"{dst} = {self.constant(node.symbols)}[n]")
            case _:
                raise UnsupportedSchema(f"No generated code for {node.kind}.")

    def text(self, dst: str, decode: str) -> None:
        """Length-prefixed bytes: the one-byte length by table, longer ones by the loop."""
        self.add(f"s = STEP[buf[{self.at()}]]")
        with self.block("if s:"):
            self.add(f"q = {self.at()} + s", f"{dst} = buf[{self.at(1)}:q]{decode}", "p = q")
            self.ahead = 0
        with self.block("else:"):
            self.length()
            self.add("q = p + n", f"{dst} = buf[p:q]{decode}", "p = q")
        self.join()

    def variable_decimal(self, node: Node, dst: str) -> None:
        """A number with its own scale becomes one exact decimal."""
        scale, raw = self.name(), self.name()
        self.read(node.fields[0].node, scale)
        self.read(node.fields[1].node, raw)
        self.flush()
        self.add(f"{dst} = decimal_of({raw}, {scale})")

    def record(self, node: Node, want: Mapping[str, Any], dst: str, last: bool = False) -> None:
        """A record as a dictionary of its wanted fields."""
        kept = self.fields(node, {k: w for k, w in want.items() if w}, lambda _: self.name(), last)
        self.add(f"{dst} = {{{', '.join(f'{name!r}: {var}' for name, var in kept.items())}}}")

    def fields(
        self, node: Node, want: Mapping[str, Any], target: Callable[[str], str], last: bool = False
    ) -> dict[str, str]:
        """Read wanted fields into `target(name)`, skip runs of the others. Returns {name: variable}.

        `last`: nothing wanted follows this record, so what follows its own last wanted field is not even skipped.
        """
        kept: dict[str, str] = {}
        run: list[Node] = []
        for item in node.fields:
            wish = want.get(item.name)
            if wish is None:
                run.append(item.node)
                continue
            self.skip_run(run)
            run = []
            kept[item.name] = target(item.name)
            self.value(item.node, wish, kept[item.name], last and len(kept) == sum(f.name in want for f in node.fields))
        if not last:
            self.skip_run(run)
        return kept

    def value(self, node: Node, wish: Any, dst: str, last: bool = False) -> None:
        """One wanted field: whole (True), into a slot (text), or a part of a record (mapping)."""
        if wish is True:
            return self.read(node, dst)
        if isinstance(wish, Raw):
            return self.raw(node, wish)
        if isinstance(wish, str):
            return self.read(node, wish)
        if node.kind == "union":
            null = "pass" if "" in wish else f"{dst} = None"
            return self.union(node, lambda branch: self.value(branch, wish, dst, last), null)
        if "" in wish:  # flat: the leaves are slots, the record itself is not built
            self.fields(node, wish, lambda _: "_", last)
        else:
            self.record(node, wish, dst, last)
        return None

    def raw(self, node: Node, dst: str) -> None:
        """The bytes of a value, stepped over and cut out."""
        self.flush()
        start = self.name("start")
        self.add(f"{start} = p")
        self.skip_run([node])
        self.flush()
        self.add(f"{dst} = buf[{start}:p]")

    def collection(self, node: Node, dst: str) -> None:
        """An array or a map, block by block."""
        assert node.items is not None
        result, item, key = self.name(), self.name(), self.name()
        self.flush()
        self.add(f"{result} = {'[]' if node.kind == 'array' else '{}'}")
        with self.blocks(node):
            if node.kind == "map":
                self.text(key, ".decode()")
            self.read(node.items, item)
            self.add(f"{result}.append({item})" if node.kind == "array" else f"{result}[{key}] = {item}")
        self.add(f"{dst} = {result}")

    def call(self, node: Node, dst: str) -> None:
        """A self-referring record is read by a function of its own."""
        self.flush()
        self.add(f"{dst}, p = {self.function(node, 'read')}(buf, p, end)")

    def body_of(self, node: Node, action: str) -> str:
        """Body of the function of a recursive record."""
        if action == "skip":
            self.skip_run([f.node for f in node.fields])
            self.flush()
            return "return p"
        self.record(node, {f.name: True for f in node.fields}, "v")
        self.flush()
        return "return v, p"

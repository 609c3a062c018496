"""Generated statements that write values; each value becomes pieces of text, joined at the end of the record."""

from __future__ import annotations

from connectors.avro.code import Code
from connectors.avro.errors import UnsupportedSchema
from connectors.avro.pieces import LIMIT, SMALL, default_value, varint
from connectors.avro.schema import MISSING, Node
from connectors.avro.values import writing

#: Python types (source text) that mark a branch of a union of several types.
_MARK = {"boolean": "bool", "int": "int", "long": "int", "string": "str", "bytes": "bytes", "fixed": "bytes",
         "enum": "str", "array": "list", "map": "dict", "record": "dict"}  # fmt: skip
_TABLE = {"": "", "\0": "0", "\2": "2"}


class WriterSource(Code):
    """Generates the body of a writer. `tag` is the branch of a union that stands before a value."""

    def __init__(self, convert: frozenset[str]) -> None:
        super().__init__()
        self.convert = convert
        self.functions: dict[str, str] = {}
        self.pending: dict[str, str] = {}

    def pieces(self, node: Node, src: str, tag: str = "") -> list[str]:
        """Statements that prepare the value in variable `src`; returns expressions of its text, in order."""
        conversion = writing(node, self.convert)
        if conversion is not None:
            self.add(f"{src} = {self.constant(conversion)}({src})")
        before = [repr(tag)] if tag else []
        if node.recursive:
            return [*before, f"{self.function(node)}({src})"]
        if node.kind == "union":
            return self.union(node, src)
        if node.kind == "record":
            return before + self.record(node, src)
        if node.kind in ("array", "map"):
            return before + self.collection(node, src)
        if node.kind == "string":
            self.add(f"if not {src}.isascii(): {src} = recode({src})")
            return [*self.length(src, tag), src]
        if node.kind in LIMIT:
            table = f"SMALL{_TABLE[tag]}" if tag in _TABLE else f"{tag!r} + SMALL"
            text = self.name("t")
            behind = f"{tag!r} + " if tag else ""
            self.add(f"{text} = {table}[{src}] if -{SMALL} <= {src} < {SMALL} else {behind}{node.kind}_text({src})")
            return [text]
        return before + self.scalar(node, src)

    def length(self, src: str, tag: str = "") -> list[str]:
        """The length of text or bytes."""
        if tag in _TABLE:
            return [f"LENGTH{_TABLE[tag]}[len({src})]"]
        return [repr(tag), f"LENGTH[len({src})]"]

    def scalar(self, node: Node, src: str) -> list[str]:
        """The rarer types."""
        wrong = f"{src}.__class__ is not bytes"
        match node.kind:
            case "null":
                self.refuse(f"{src} is not None", node, src)
                return []
            case "boolean":
                self.refuse(f"{src} is not True and {src} is not False", node, src)
                return [f"BOOLEAN[{src}]"]
            case "bytes":
                self.refuse(wrong, node, src)
                return [*self.length(src), f"{src}.decode('latin-1')"]
            case "fixed":
                self.refuse(f"{wrong} or len({src}) != {node.size}", node, src)
                return [f"{src}.decode('latin-1')"]
            case "float" | "double":
                self.refuse(f"{src}.__class__ is not float and {src}.__class__ is not int", node, src)
                return [f"pack_{node.kind}({src}).decode('latin-1')"]
            case "enum":
                return [f"{self.constant({s: varint(i << 1) for i, s in enumerate(node.symbols)})}[{src}]"]
        raise UnsupportedSchema(f"No generated code for {node.kind}.")

    def refuse(self, condition: str, node: Node, src: str) -> None:
        """Raise where the value is not of the type."""
        self.add(f"if {condition}: raise TypeError('not a value of {node.kind}: %.80r' % ({src},))")

    def union(self, node: Node, src: str) -> list[str]:
        """The branch by the value's Python type."""
        inner = node.nullable
        text = self.name("t")
        split = inner is not None and inner.kind == "string" and writing(inner, self.convert) is None
        for position, (index, branch) in enumerate(
            sorted(enumerate(node.branches), key=lambda pair: pair[1].kind != "null")
        ):
            test, tag = self.test(node, branch, src), chr(index * 2)
            with self.block(f"{'elif' if position else 'if'} {test}:"):
                if branch.kind == "null":
                    self.add(f"{text} = {tag!r}", *([f"{src} = ''"] if split else []))
                elif split:
                    self.add(f"{text} = {self.pieces(branch, src, tag)[0]}")
                else:
                    self.add(f"{text} = {self.joined(self.pieces(branch, src, tag))}")
        if inner is None:
            self.add(f"else: raise TypeError('no branch of the union takes %.80r' % ({src},))")
        return [text, src] if split else [text]

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
        if branch.kind in LIMIT:
            return test + " and {} <= {src} <= {}".format(*LIMIT[branch.kind], src=src)
        if branch.kind == "enum":
            return test + f" and {src} in {self.constant(branch.symbols)}"
        return test + (f" and len({src}) == {branch.size}" if branch.kind == "fixed" else "")

    def record(self, node: Node, src: str) -> list[str]:
        """All fields, in order, from a dictionary that has exactly them (or lacks some with a default)."""
        names = self.constant(tuple(f.name for f in node.fields))
        defaults = self.constant(
            {f.name: default_value(f.node, f.default) for f in node.fields if f.default is not MISSING}
        )
        row = self.name("r")
        self.add(f"{row} = {src}")
        self.add(f"if len({row}) != {len(node.fields)}: {row} = complete({row}, {names}, {defaults}, {node.name!r})")
        found: list[str] = []
        for item in node.fields:
            var = self.name()
            self.add(f"{var} = {row}[{item.name!r}]")
            found += self.pieces(item.node, var)
        return found

    def collection(self, node: Node, src: str) -> list[str]:
        """One block of items, then the end mark."""
        assert node.items is not None
        item, key, parts, text = self.name(), self.name("k"), self.name("parts"), self.name("t")
        is_array = node.kind == "array"
        self.refuse(f"not isinstance({src}, {'(list, tuple)' if is_array else 'dict'})", node, src)
        self.add(f"{text} = '\\0'")
        with self.block(f"if {src}:"):
            self.add(f"{parts} = [LENGTH[len({src})]]")
            with self.block(f"for {item} in {src}:" if is_array else f"for {key}, {item} in {src}.items():"):
                found = [] if is_array else self.pieces(Node("string"), key)
                found += self.pieces(node.items, item)
                self.add(f"{parts} += ({''.join(f'{piece}, ' for piece in found)})")
            self.add(f"{parts}.append('\\0')", f"{text} = ''.join({parts})")
        return [text]

    def joined(self, pieces: list[str]) -> str:
        """One expression of all pieces; a join refuses what is not text."""
        if len(pieces) == 1 and pieces[0] != "PREFIX":
            return pieces[0]
        return f"''.join(({''.join(f'{piece}, ' for piece in pieces)}))"

    def function(self, node: Node) -> str:
        """The function of a record that refers to itself."""
        if node.name not in self.pending:
            name = self.pending[node.name] = f"write_{len(self.pending)}"
            saved = self.lines, self.depth
            self.lines, self.depth = [], 1
            result = self.joined(self.record(node, "value"))
            body = "\n".join([*self.lines, f"    return {result}"])
            self.functions[name] = f"def {name}(value):\n{body}\n"
            self.lines, self.depth = saved
        return self.pending[node.name]

"""An Avro schema as a graph of nodes: names resolved once, references shared, cycles marked.

Names follow the Avro specification 1.11: a name without dots belongs to the enclosing namespace; a reference without
dots is looked up there first, then among the names without namespace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.avro.errors import SchemaError, UnknownPath

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NAMED = frozenset({"record", "error", "enum", "fixed"})
MISSING: Any = object()

#: Nested wanted fields ({"after": True, "source": {"lsn": True}}), or True for all, or paths for a flat tuple.
Projection = bool | Mapping[str, Any] | tuple[str, ...] | list[str]


class Raw(str):
    """A wanted path (or its variable) whose Avro bytes are kept as they are, for callers that know them by heart."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Field:
    """One field of a record; `default` is MISSING where the schema gives none."""

    name: str
    node: Node
    default: Any = MISSING
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Node:
    """One type. Only the attributes of its kind are filled; `properties` are the schema's other attributes."""

    kind: str
    name: str = ""
    fields: list[Field] = field(default_factory=list)
    branches: list[Node] = field(default_factory=list)
    items: Node | None = None
    symbols: tuple[str, ...] = ()
    size: int = 0
    recursive: bool = False
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def nullable(self) -> Node | None:
        """X of a union of null and X in any order, else None."""
        if self.kind != "union" or len(self.branches) != 2:
            return None
        first, second = self.branches
        if (first.kind == "null") == (second.kind == "null"):
            return None
        return second if first.kind == "null" else first

    def find(self, path: str) -> Node:
        """The node at a dotted path, through nullable unions. Raises UnknownPath."""
        node = self
        for name in path.split("."):
            node = node.nullable or node
            for item in node.fields:
                if item.name == name:
                    node = item.node
                    break
            else:
                raise UnknownPath(
                    f"The schema of {self.name or self.kind} has no field {path!r}; check the mapping against the table's columns."
                )
        return node

    def has(self, path: str) -> bool:
        """Whether a dotted path exists."""
        try:
            self.find(path)
        except UnknownPath:
            return False
        return True


class _Parser:
    """Turns schema JSON into nodes; `open` holds the records whose fields are being read."""

    def __init__(self) -> None:
        self.named: dict[str, Node] = {}
        self.open: list[Node] = []

    def parse(self, schema: Any, namespace: str) -> Node:
        """One type in its enclosing namespace."""
        if isinstance(schema, str):
            return Node(schema) if schema in PRIMITIVES else self.reference(schema, namespace)
        if isinstance(schema, list):
            return self.union(schema, namespace)
        if not isinstance(schema, dict) or "type" not in schema:
            raise SchemaError(f"{schema!r:.80} is not an Avro type; it needs a 'type'.")
        kind = schema["type"]
        if isinstance(kind, (dict, list)):
            return self.parse(kind, namespace)
        properties = {
            k: v
            for k, v in schema.items()
            if k not in ("type", "fields", "items", "values", "symbols", "name", "namespace")
        }
        if kind in NAMED:
            return self.define(schema, kind, namespace, properties)
        if kind == "array":
            return Node("array", items=self.parse(schema["items"], namespace), properties=properties)
        if kind == "map":
            return Node("map", items=self.parse(schema["values"], namespace), properties=properties)
        if kind in PRIMITIVES:
            return Node(kind, properties=properties)
        return self.reference(kind, namespace)

    def union(self, branches: list[Any], namespace: str) -> Node:
        """A union of at least one branch."""
        if not branches:
            raise SchemaError("A union needs at least one branch.")
        return Node("union", branches=[self.parse(b, namespace) for b in branches])

    def reference(self, name: str, namespace: str) -> Node:
        """A type by full or short name; a reference to a record still open makes it recursive."""
        for full in (name,) if "." in name else (f"{namespace}.{name}" if namespace else name, name):
            node = self.named.get(full)
            if node is not None:
                if node in self.open:
                    node.recursive = True
                return node
        raise SchemaError(
            f"The type {name!r} is not defined in the schema nor in its references; register the reference with the schema."
        )

    def define(self, schema: dict[str, Any], kind: str, namespace: str, properties: dict[str, Any]) -> Node:
        """A record, enum or fixed: enters the table of names before its fields are read."""
        full, inner = full_name(schema, namespace)
        node = Node("record" if kind == "error" else kind, name=full, properties=properties)
        if full in self.named:
            raise SchemaError(f"The type {full!r} is defined twice; refer to it by name the second time.")
        self.named[full] = node
        if kind == "enum":
            node.symbols = tuple(schema["symbols"])
        elif kind == "fixed":
            node.size = int(schema["size"])
        else:
            self.open.append(node)
            node.fields = [
                Field(f["name"], self.parse(f["type"], inner), f.get("default", MISSING), f) for f in schema["fields"]
            ]
            self.open.pop()
        return node


def full_name(schema: Mapping[str, Any], namespace: str) -> tuple[str, str]:
    """(full name, namespace for what is inside) of a named type."""
    name = str(schema["name"])
    if "." in name:
        return name, name.rpartition(".")[0]
    inner = schema.get("namespace", namespace)
    return (f"{inner}.{name}" if inner else name), inner or ""


def parse_schema(schema: Any) -> Node:
    """The node graph of a self-contained schema (JSON values). Raises SchemaError."""
    return _Parser().parse(schema, "")


def named_types(schema: Any, namespace: str = "") -> dict[str, Any]:
    """{full name: definition with its namespace spelled out} of every type that a schema document defines."""
    if isinstance(schema, list):
        return {k: v for s in schema for k, v in named_types(s, namespace).items()}
    if not isinstance(schema, dict):
        return {}
    found: dict[str, Any] = {}
    if schema.get("type") in NAMED:
        full, namespace = full_name(schema, namespace)
        found[full] = {**schema, "name": full.rpartition(".")[2], "namespace": full.rpartition(".")[0]}
    for key in ("type", "items", "values"):
        found.update(named_types(schema.get(key), namespace))
    for item in schema.get("fields", ()):
        found.update(named_types(item.get("type"), namespace))
    return found


def inline_references(root: Any, references: Mapping[str, Any]) -> Any:
    """`root` with each referenced type put in at its first use, so that it stands alone.

    `references`: {full name: schema of that name}, each already alone or referring to others of the mapping. Types
    that occur twice (two parts sharing an address) are defined once and named after that.
    """
    return _inline(root, "", dict(references), set())


def _inline(schema: Any, namespace: str, references: dict[str, Any], defined: set[str]) -> Any:
    if isinstance(schema, str):
        if schema in PRIMITIVES:
            return schema
        for full in (schema,) if "." in schema else (f"{namespace}.{schema}" if namespace else schema, schema):
            if full in defined:
                return full
            if full in references:
                return _inline(references[full], "", references, defined)
        return schema
    if isinstance(schema, list):
        return [_inline(s, namespace, references, defined) for s in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind in NAMED:
        full, inner = full_name(schema, namespace)
        if full in defined:
            return full
        defined.add(full)
        local = {**schema, "name": full.rpartition(".")[2], "namespace": full.rpartition(".")[0]}
        if "fields" in schema:
            local["fields"] = [{**f, "type": _inline(f["type"], inner, references, defined)} for f in schema["fields"]]
        return local
    inside = {"array": "items", "map": "values"}.get(kind if isinstance(kind, str) else "", "type")
    return {**schema, inside: _inline(schema[inside], namespace, references, defined)}

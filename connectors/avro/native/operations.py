"""The compact program of a native reader: a tree of operations made from a schema's nodes and what is wanted of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.avro.cell import Cell
from connectors.avro.errors import UnsupportedSchema
from connectors.avro.native import boundary, operation, peeking, reader
from connectors.avro.schema import Node, Raw
from connectors.avro.values import decimal_of, is_variable_decimal, reading

_SLOTS_INSIDE = -2
_BRANCHES_MAX = 64


def native_reader(
    node: Node, want: bool | Mapping[str, Any], convert: frozenset[str], whole: bool, again: Callable[..., Any]
) -> Callable[..., Any]:
    """A native reader of a value or of nested parts. Raises UnsupportedSchema."""
    return reader.Reader(_Operations(convert).value(node, want, last=not whole), whole, again).read


def native_flat_reader(
    node: Node, paths: list[str] | tuple[str, ...], convert: frozenset[str], whole: bool, again: Callable[..., Any]
) -> Callable[..., Any]:
    """A native reader of a flat tuple. Raises UnsupportedSchema."""
    cells = {path: Cell(slot, raw=isinstance(path, Raw)) for slot, path in enumerate(paths)}
    return reader.FlatReader(_flat(node, cells, convert, whole), whole, (None,) * len(paths), again).read


def native_text_reader(
    node: Node, cells: Mapping[str, Cell], null: str, separator: str, convert: frozenset[str], again: Callable[..., Any]
) -> Callable[..., Any]:
    """A native reader of some columns as one text, with `null` for a null. Raises UnsupportedSchema."""
    return peeking.TextReader(_flat(node, cells, convert), (null,) * len(cells), separator, again).read


def native_boundary_reader(
    node: Node, paths: Sequence[str], counts: Mapping[bytes, dict[str, int]], again: Callable[..., Any]
) -> Callable[..., Any]:
    """A native reader of the four values of BEGIN and END. Raises UnsupportedSchema."""
    cells = {path: Cell(slot, raw=isinstance(path, Raw)) for slot, path in enumerate(paths)}
    return boundary.BoundaryReader(_flat(node, cells, frozenset()), counts, again).read


def native_row_reader(
    node: Node, cells: Mapping[str, Cell], template: tuple[Any, ...], separator: str, convert: frozenset[str],
    again: Callable[..., Any],
) -> Callable[..., Any]:  # fmt: skip
    """A native reader of row tuples; `template` has what stands for nulls. Raises UnsupportedSchema."""
    return peeking.RowReader(_flat(node, cells, convert), template, separator, again).read


def _flat(node: Node, cells: Mapping[str, Cell], convert: frozenset[str], whole: bool = True) -> operation.Op:
    """The program that fills a flat row. Raises UnsupportedSchema."""
    tree: dict[str, Any] = {}
    for path, cell in cells.items():
        level = tree
        *parents, leaf = path.split(".")
        for name in parents:
            level = level.setdefault(name, {})
            if not isinstance(level, dict):
                raise UnsupportedSchema(f"{path!r} lies inside another wanted path.")
        if leaf in level:
            raise UnsupportedSchema(f"{path!r} is wanted twice.")
        level[leaf] = cell
    return _Operations(convert).value(node, tree, last=not whole, flat=True)


class _Operations:
    """Makes the operations of one reader."""

    def __init__(self, convert: frozenset[str]) -> None:
        self._convert = convert

    def value(self, node: Node, wish: Any, last: bool = False, flat: bool = False, **more: Any) -> operation.Op:
        """One value. `wish`: None to step over it, True for all of it, a cell of a row, or wishes inside it.

        `last`: nothing wanted follows, so what follows its own last wanted field is not even stepped over.
        """
        if node.recursive:
            raise UnsupportedSchema(f"{node.name!r} refers to itself; generated code reads it.")
        if isinstance(wish, Cell) and wish.raw:
            return operation.Op(operation.KINDS["raw"], slot=wish.slot, parts=(self.value(node, None),))
        if node.kind == "union":
            inner = node.nullable
            if inner is not None and inner.kind != "union":
                index = node.branches.index(inner)
                return self._plain(inner, wish, last, flat, {**more, "null_tag": 2 - 2 * index, "tag": 2 * index})
            if len(node.branches) > _BRANCHES_MAX:
                raise UnsupportedSchema(f"A union of more than {_BRANCHES_MAX} branches is read by fastavro.")
            branches = tuple(self.value(branch, None if wish is None else True) for branch in node.branches)
            return self._plain(node, wish, last, flat, {**more, "parts": branches})
        return self._plain(node, wish, last, flat, more)

    def _plain(self, node: Node, wish: Any, last: bool, flat: bool, more: dict[str, Any]) -> operation.Op:
        """One value that is not null."""
        if node.recursive or node.kind not in operation.KINDS:
            raise UnsupportedSchema(f"A {node.kind} like {node.name!r} is read by generated code.")
        more |= {"size": node.size, "symbols": node.symbols}
        if isinstance(wish, Cell):
            more |= {"slot": wish.slot, "as_text": wish.as_text, "memo": wish.memo}
            more |= {"mapping": None if wish.mapping is None else dict(wish.mapping)}
        if node.kind == "record":
            more["parts"] = self._fields(node, wish, last, flat)
            if flat and isinstance(wish, Mapping):
                more["slot"] = _SLOTS_INSIDE
        elif node.items is not None:
            more["parts"] = (self.value(node.items, None if wish is None else True),)
        return operation.Op(operation.KINDS[node.kind], convert=self._conversion(node, wish), **more)

    def _conversion(self, node: Node, wish: Any) -> Callable[[Any], Any] | None:
        """From the raw value to what comes out."""
        if wish is None or isinstance(wish, Mapping):
            return None
        own = reading(node, self._convert)
        if "decimal" in self._convert and is_variable_decimal(node):
            scale, unscaled = (item.name for item in node.fields)
            own = lambda pair: decimal_of(pair[unscaled], pair[scale])  # noqa: E731  # one of two forms of one thing
        then = wish.convert if isinstance(wish, Cell) else None
        if own is None or then is None:
            return own or then
        first, second = own, then
        return lambda raw: second(first(raw))

    def _fields(self, node: Node, wish: Any, last: bool, flat: bool) -> tuple[operation.Op, ...]:
        """The fields of a record, up to the last wanted one if nothing behind it is wanted."""
        inside = {f.name: True for f in node.fields} if wish is True or isinstance(wish, Cell) else wish or {}
        inside = {name: one for name, one in inside.items() if one}
        wanted = [position for position, item in enumerate(node.fields) if item.name in inside]
        end = (wanted[-1] + 1 if wanted else 0) if last and isinstance(wish, Mapping) else len(node.fields)
        parts = []
        for position, item in enumerate(node.fields[:end]):
            one = inside.get(item.name)
            final = last and position + 1 == end
            kept = {} if flat and isinstance(wish, Mapping) else {"name": item.name, "kept": one is not None}
            parts.append(self.value(item.node, one, final, flat and not isinstance(one, Cell), **kept))
        return tuple(parts)

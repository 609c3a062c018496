"""The columns of a captured row that identity needs: one, or several as one text (`state/resolving/ways.py`)."""

from __future__ import annotations

from connectors.avro.cell import Cell
from connectors.avro.schema import Node
from connectors.avro.text import text_cell, text_expression
from connectors.capturing.frames import MISSING_COLUMN, BadFrameError
from state.model import TableSpec
from state.resolving.ways import NULL, SEPARATOR
from state.row import LINK


def link_columns(table: TableSpec) -> tuple[str, ...]:
    """Columns that lead a table's rows to their account; none for an ignored table."""
    rule = table.account
    if rule is None or table.ignore is not None:
        return ()
    return rule.columns or ((rule.column,) if rule.kind != "ways" else ())


def link_cells(node: Node, table: TableSpec, beyond: int) -> tuple[dict[str, Cell], str | None]:
    """({path: its cell}, link of a row in which it is null) of a native row; several columns lie `beyond` the row.

    For a schema that `link_reader` has taken.
    """
    columns = link_columns(table)
    first = LINK if len(columns) == 1 else beyond
    cells = {f"after.{column}": text_cell(node.find(f"after.{column}"), first + i) for i, column in enumerate(columns)}
    return cells, (NULL if columns else "") if _is_joined(table) else None


def link_reader(node: Node, table: TableSpec, first: int) -> tuple[str, list[str]]:
    """(expression of the link's text, paths that it reads), its variables counting up from `first`.

    Raises BadFrameError MISSING_COLUMN for a column that the row's schema lacks.
    """
    paths, texts = [], []
    for number, column in enumerate(link_columns(table), first):
        path = f"after.{column}"
        if not node.has(path):
            raise BadFrameError(
                MISSING_COLUMN,
                f"{node.name} has no column {column!r} that the mapping names as the way to the account",
            )
        inner = node.find(path)
        text = text_expression(inner.nullable or inner, f"r{number}", "None")
        paths.append(path)
        texts.append((text, f"r{number}"))
    if _is_joined(table):
        parts = [f"({text} if {variable} is not None else {NULL!r})" for text, variable in texts]
        return f"{SEPARATOR!r}.join([{', '.join(parts)}])", paths
    if not paths:
        return "None", []
    text, variable = texts[0]
    return (text if text == variable else f"({text} if {variable} is not None else None)"), paths


def _is_joined(table: TableSpec) -> bool:
    """Whether the link is several columns as one text, or one that is written as such."""
    rule = table.account
    return rule is not None and (rule.kind == "ways" or rule.merged is not None) and table.ignore is None

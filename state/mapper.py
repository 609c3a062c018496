"""Mappings compiled to straight-line Python: row image -> fact in about three microseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from state import values
from state.model import FieldSpec, Mapper
from state.values import BadValue

#: most distinct dates whose text is remembered, per process
DATES_MAX = 50_000


class _Dates(dict[int, str]):
    """Day number -> ISO text; bounded, since a bad source could send every number."""

    def __missing__(self, number: int) -> str:
        found = values.day(number)
        assert found is not None
        if len(self) < DATES_MAX:
            self[number] = found
        return found


_DATES = _Dates()
_CONVERT = {
    "text": ("str", values.text),
    "integer": ("int", values.integer),
    "boolean": ("bool", values.boolean),
    "minor": ("int", values.minor_units),
}
_CALL = {"decimal": values.decimal, "major": values.major_units, "instant": values.instant}


def id_columns(template: str) -> list[str]:
    """Columns that an id template names: "PAY-{id}" -> ["id"]. Raises ValueError for a broken template."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def compile_mapper(id_template: str, fields: Sequence[FieldSpec | None]) -> Mapper:
    """Generate the function of one table; a None field is one that the mapping leaves out and that stays unknown."""
    names: dict[str, Any] = {"BadValue": BadValue, "DATES": _DATES, "day": values.day, "refuse": _refuse}
    lines = ["def mapper(row, position, time_ms):", " bad = None", " try:"]
    out: list[str] = []
    for number, spec in enumerate(fields):
        if spec is None:
            out.append("None")
            continue
        lines += [f"  {line}" for line in _field_lines(number, spec, names)]
        out.append(f"v{number}")
    identity = _identity(id_template, lines)
    lines.append(f"  return (position, time_ms, bad, {identity}, {', '.join(out)},)")
    lines.append(" except KeyError as error:")
    lines.append("  raise refuse(error, row) from error")
    scope: dict[str, Any] = names
    exec("\n".join(lines), scope)  # noqa: S102 - the text is made here, of column names quoted by repr
    mapper: Mapper = scope["mapper"]
    return mapper


def _field_lines(number: int, spec: FieldSpec, names: dict[str, Any]) -> list[str]:
    v, column = f"v{number}", repr(spec.column)
    kind = spec.kind
    if kind == "money":
        kind = "minor" if spec.minor else "major"
    if kind == "label":
        names[f"M{number}"] = dict(spec.labels or {})
        names[f"text{number}"] = values.text
        return [
            f"{v} = row[{column}]",
            f"m = M{number}.get({v}) if {v}.__class__ is str else None",
            f"if m is None: {v} = text{number}({v}); bad = (bad or ()) + ({spec.name!r},)",
            f"else: {v} = m",
        ]
    if kind == "date":
        return [
            f"{v} = row[{column}]",
            f"if {v} is not None: {v} = DATES[{v}] if {v}.__class__ is int else day({v})",
        ]
    if kind == "reference":
        return [
            f"{v} = row[{column}]",
            f"if {v} is not None: {v} = ({spec.table}, {v} if {v}.__class__ is str else str({v}))",
        ]
    if kind in _CONVERT:
        native, function = _CONVERT[kind]
        names[f"f{number}"] = function
        return [f"{v} = row[{column}]", f"if {v}.__class__ is not {native} and {v} is not None: {v} = f{number}({v})"]
    if kind == "instant" and spec.zone is None:
        names[f"f{number}"] = values.instant
        # canonical already: 2026-01-05T10:00:00Z, and with six digits after the point that do not end in 000
        plain = f"len({v}) == 20 or len({v}) == 27 and {v}[23:26] != '000'"
        canonical = f"{v}.__class__ is str and {v}[-1:] == 'Z' and {v}[10:11] == 'T' and ({plain})"
        return [f"{v} = row[{column}]", f"if {v} is not None and not ({canonical}): {v} = f{number}({v})"]
    names[f"f{number}"] = values.instant_from_us if kind == "instant" else _CALL[kind]
    return [f"{v} = f{number}(row[{column}])"]


def _identity(template: str, lines: list[str]) -> str:
    """Code of the object's id; a null in it is refused, since no object could be told from another."""
    parts: list[str] = []
    for literal, name, _, _ in Formatter().parse(template):
        if literal:
            parts.append(repr(literal))
        if name is not None:
            variable = f"k{len(parts)}"
            lines.append(f"  {variable} = row[{name!r}]")
            lines.append(
                f"  if {variable} is None: raise BadValue('MISSING_IDENTITY', {'column ' + name + ' is null'!r})"
            )
            parts.append(f"str({variable})")
    return " + ".join(parts)


def _refuse(error: KeyError, row: Mapping[str, Any]) -> BadValue:
    column = error.args[0]
    return BadValue(
        "MISSING_COLUMN",
        f"the row has no column {column}; it has {', '.join(row)}. Change the mapping, or restore the column",
    )

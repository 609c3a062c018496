"""Mappings compiled to straight-line Python: row image -> fact in about three microseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any

from state import values
from state.mapping.times import day_of, day_on_clock, end_of_term, instant_of
from state.model import Absent, FieldSpec, Mapper
from state.roles import REREAD_NEEDED
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
_CALL = {"decimal": values.decimal, "major": values.major_units}


def id_columns(template: str) -> list[str]:
    """Columns that an id template names: "PAY-{id}" -> ["id"]. Raises ValueError for a broken template."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def compile_mapper(id_template: str, fields: Sequence[FieldSpec | None]) -> Mapper:
    """Generate the function of one table; a None field is one that the mapping leaves out and that stays unknown."""
    names: dict[str, Any] = {"BadValue": BadValue, "DATES": _DATES, "day": values.day, "refuse": _refuse}
    names["named"] = _named(fields)
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
    lines.append(" except BadValue as error:")
    lines.append("  raise named(error, row) from error")
    scope: dict[str, Any] = names
    exec("\n".join(lines), scope)  # noqa: S102 - the text is made here, of column names quoted by repr
    mapper: Mapper = scope["mapper"]
    return mapper


def _named(fields: Sequence[FieldSpec | None]) -> Callable[[BadValue, Mapping[str, Any]], BadValue]:
    """Says which column a refused value stands in: found by trying them one by one, since it is rarely asked."""

    def named(error: BadValue, row: Mapping[str, Any]) -> BadValue:
        for spec in fields:
            scope: dict[str, Any] = {"BadValue": BadValue, "DATES": _DATES, "day": values.day, "row": row, "bad": None}
            if spec is None:
                continue
            try:
                exec("\n".join(_field_lines(0, spec, scope)), scope)  # noqa: S102 - as in compile_mapper
            except BadValue as found:
                if (found.code, found.reason) == (error.code, error.reason):
                    return BadValue(error.code, f"column {spec.column}: {error.reason}")
            except KeyError:
                continue
        return error

    return named


def _field_lines(number: int, spec: FieldSpec, names: dict[str, Any]) -> list[str]:
    v, given = f"v{number}", f"row[{spec.column!r}]"
    if spec.constant is not None:
        return [f"{v} = {spec.constant!r}"]
    extra: list[str] = []
    if spec.absent is Absent.UNKNOWN:
        note = f"{REREAD_NEEDED}:{spec.name}"
        extra = [f"if {spec.column!r} not in row: bad = (bad or ()) + ({note!r},)"]
        given = f"row.get({spec.column!r})"
    elif spec.absent is not Absent.REFUSED:
        names[f"d{number}"] = spec.absent
        given = f"row.get({spec.column!r}, d{number})"
    if spec.kind == "label":
        return _label_lines(number, spec, names, given)
    return [f"{v} = {given}", *_convert_lines(number, spec, names), *extra]


def _label_lines(number: int, spec: FieldSpec, names: dict[str, Any], given: str) -> list[str]:
    v = f"v{number}"
    names[f"M{number}"] = dict(spec.labels or {})
    names[f"text{number}"], names["odd"] = values.label, values.odd_label
    unknown = repr(spec.name)
    if spec.absent is Absent.UNKNOWN:
        unknown = f"{spec.name!r} if {spec.column!r} in row else {f'{REREAD_NEEDED}:{spec.name}'!r}"
    return [
        f"{v} = {given}",
        f"m = M{number}.get({v} if {v}.__class__ is str else str({v}) if {v}.__class__ is int else odd({v}))",
        f"if m is None: {v} = text{number}({v}); bad = (bad or ()) + ({unknown},)",
        f"else: {v} = m",
    ]


def _convert_lines(number: int, spec: FieldSpec, names: dict[str, Any]) -> list[str]:
    """Statements that bring the value of one field, in its variable, to canonical form."""
    v, kind = f"v{number}", spec.kind
    if kind == "money":
        kind = "minor" if spec.minor else "major"
    if kind == "reference":
        names[f"f{number}"] = values.key_text
        text = f"{v} if {v}.__class__ is str else str({v}) if {v}.__class__ is int else f{number}({v})"
        return [f"if {v} is not None: {v} = ({spec.table}, {text})"]
    if kind == "text" and spec.zone is not None:
        names[f"f{number}"] = _zone_checker(spec)
        return [f"if {v} is not None: {v} = f{number}({v})"]
    if kind in _CONVERT:
        native, function = _CONVERT[kind]
        names[f"f{number}"] = function
        return [f"if {v}.__class__ is not {native} and {v} is not None: {v} = f{number}({v})"]
    if kind in ("date", "instant"):
        return _time_lines(number, spec, names)
    names[f"f{number}"] = values.shortest_decimal if spec.approximate else _CALL[kind]
    return [f"{v} = f{number}({v})"]


def _time_lines(number: int, spec: FieldSpec, names: dict[str, Any]) -> list[str]:
    v, declared = f"v{number}", bool(spec.zone or spec.open_ended or spec.zero_date or spec.clock)
    if not declared and spec.kind == "date":
        lines = [f"if {v} is not None: {v} = DATES[{v}] if {v}.__class__ is int else day({v})"]
    elif not declared:
        names[f"f{number}"] = values.instant
        # canonical already: 2026-01-05T10:00:00Z, and with six digits after the point that do not end in 000
        plain = f"len({v}) == 20 or len({v}) == 27 and {v}[23:26] != '000'"
        canonical = f"{v}.__class__ is str and {v}[-1:] == 'Z' and {v}[10:11] == 'T' and ({plain})"
        lines = [f"if {v} is not None and not ({canonical}): {v} = f{number}({v})"]
    else:
        make = day_of if spec.kind == "date" else instant_of
        names[f"f{number}"] = make(frozenset(spec.open_ended), spec.zero_date, spec.zone is not None)
        if spec.clock is not None:
            names[f"f{number}"] = day_on_clock(frozenset(spec.open_ended), spec.zero_date, spec.clock)
        zone = "None"
        if spec.zone is not None:
            names[f"z{number}"] = spec.zone.fixed
            zone = f"z{number}"
            if spec.zone.column is not None:
                names[f"z{number}"] = _zone_finder(spec)
                zone = f"z{number}(row[{spec.zone.column!r}])"
        lines = [f"{v} = f{number}({v}, {zone})"]
    if spec.plus is not None:
        names[f"e{number}"] = end_of_term
        lines.append(f"{v}, why = e{number}({v}, row[{spec.plus!r}], {spec.name!r})")
        lines.append("if why: bad = (bad or ()) + (why,)")
    return lines


def _zone_checker(spec: FieldSpec) -> Callable[[Any], str]:
    """For the name of a zone: BadValue UNKNOWN_ZONE for one that is none."""

    def check(name: Any) -> str:
        assert spec.zone is not None and spec.zone.find is not None
        if not isinstance(name, str) or spec.zone.find(name) is None:
            raise BadValue("UNKNOWN_ZONE", f"{name!r} names no time zone")
        return name

    return check


def _zone_finder(spec: FieldSpec) -> Callable[[Any], Any]:
    """Zone of a row's own zone column; BadValue UNKNOWN_ZONE for a name that is none."""

    def find(name: Any) -> Any:
        assert spec.zone is not None and spec.zone.find is not None
        zone = spec.zone.find(name) if isinstance(name, str) else None
        if zone is None:
            raise BadValue("UNKNOWN_ZONE", f"{name!r} in column {spec.zone.column} names no time zone")
        return zone

    return find


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

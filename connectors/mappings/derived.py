"""The derived objects that a mapping asks for: functions of several rows, by their names in `state/derived/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.mappings.located_yaml import Located
from state.derived import DERIVATIONS, PARTS
from state.model import DerivationUse, ObjectSpec, TableSpec
from state.roles import ROLES, Fact, Role


def check(file: Located, system: str, names: Sequence[str]) -> None:
    """Raise the file's error for a name that is no derivation of the system, or an object that two of them make."""
    makers: dict[str, str] = {}
    for number, name in enumerate(names):
        found = DERIVATIONS.get(name)
        if found is None or found.system != system:
            known = ", ".join(sorted(name for name, one in DERIVATIONS.items() if one.system == system))
            problem = f"{name} is no derivation of a {system} source. Next step: use one of {known}"
            raise file.error(("derived", number), problem)
        for kind in found.makes:
            if kind in makers:
                problem = f"{name} and {makers[kind]} both make {kind}. Next step: keep one"
                raise file.error(("derived", number), problem)
            makers[kind] = name


def part_roles(names: Sequence[str]) -> dict[str, Role]:
    """Kinds of rows that these derivations read."""
    return {kind: PARTS[name.partition(".")[0]][kind] for name in names for kind in DERIVATIONS[name].reads}


def objects(names: Sequence[str], first: int) -> dict[str, int]:
    """Kind of object -> index of its table, counted up from `first`."""
    kinds = [kind for name in names for kind in DERIVATIONS[name].makes]
    return {kind: first + number for number, kind in enumerate(kinds)}


def tables(source: str, system: str, indices: Mapping[str, int]) -> list[TableSpec]:
    """The tables of derived objects. They have no topic: nothing is captured for them."""
    out = []
    for kind, index in indices.items():
        role = ROLES[system, kind]
        spec = ObjectSpec(role, "{id}", (None,) * len(role.fields), _no_row, False)
        name = f"derived.{kind}"
        out.append(TableSpec(index, source, name, f"{source}.{name}", ("id",), None, None, spec, derived=True))
    return out


def _no_row(_row: Mapping[str, Any], _position: int, _time_ms: int) -> Fact:
    raise AssertionError("no row is ever mapped to a derived table")


def uses(source: str, names: Sequence[str], indices: Mapping[str, int]) -> list[DerivationUse]:
    """The derivations of a source, each with the tables of what it makes."""
    return [
        DerivationUse(source, d, {kind: indices[kind] for kind in d.makes}) for d in (DERIVATIONS[n] for n in names)
    ]

"""Which columns of a row the compiled mappers read; all others need not be decoded."""

from __future__ import annotations

from state.mapping.mapper import id_columns
from state.model import ObjectSpec


def columns_of(spec: ObjectSpec) -> frozenset[str]:
    """Every column that the mapper of the object may ask a row for."""
    names = id_columns(spec.id)
    for field in spec.fields:
        if field is not None:
            names.append(field.column)
            names += [name for name in (field.plus, field.zone and field.zone.column) if name]
    return frozenset(names)

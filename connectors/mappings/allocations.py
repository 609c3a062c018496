"""Which payments rows of another table divide among invoices, and that each payment has a way to what it pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.mappings.account import Loc
from connectors.mappings.located_yaml import Located
from connectors.mappings.shape import MappingShape
from state.model import DerivationUse, TableSpec

ALLOCATION, PAYMENT, INVOICE = "allocation", "payment", "invoice"


def check(file: Located, shape: MappingShape) -> None:
    """Raise the file's error for rows that divide what is no payment, and for payments that nothing says the invoice of."""
    divided = set()
    for name, table in shape.tables.items():
        if table.object != ALLOCATION:
            continue
        for field in (PAYMENT, INVOICE):
            given = table.fields.get(field)
            if given is None or given.column == "":
                continue  # told with what the role needs
            kind = shape.tables[given.table].object if given.table in shape.tables else given.derived
            if kind is not None and kind != field:
                problem = f"{field} of an allocation leads to a table of {kind}s. Next step: name the table of {field}s"
                raise file.error(("tables", name, "fields", field, "table"), problem)
            if field == PAYMENT:
                divided.add(given.table)
    for name, table in shape.tables.items():
        if (
            table.object == PAYMENT
            and shape.system == "billing"
            and INVOICE not in table.fields
            and name not in divided
        ):
            loc: Loc = ("tables", name, "fields")
            problem = (
                "payment of billing needs field invoice (reference), or a table of `object: allocation` whose `payment` is "
                "this one. Next step: map the column with the invoice, or the table that says which invoices a payment pays"
            )
            raise file.error(loc, problem)


def marked(tables: Sequence[TableSpec], uses: Sequence[DerivationUse]) -> tuple[TableSpec, ...]:
    """The tables, those of payments that rows of another one divide marked so."""
    divided = {use.tables[PAYMENT] for use in uses if ALLOCATION in use.tables and PAYMENT in use.tables}
    for table in tables:
        if table.object is not None and table.object.role.object == ALLOCATION:
            divided |= {
                one.table for one in table.object.fields if one and one.name == PAYMENT and one.table is not None
            }
    return tuple(
        replace(table, object=replace(table.object, divided=True)) if table.index in divided and table.object else table
        for table in tables
    )

"""A draft takes a table that names payments and invoices for what divides the one among the other, and asks for less then."""

from __future__ import annotations

from connectors.mappings.drafting.draft import recognise
from connectors.mappings.drafting.fields import fields_of
from connectors.sources.catalogue import CatalogueTable, Column, ForeignKey


def table(name: str, *columns: str, **foreign: str) -> CatalogueTable:
    """A table with an id, these text or number columns (`name:type`) and foreign keys to the ids of others."""
    found = {"id": Column("id", "bigint", False)}
    for one in columns:
        column, _, kind = one.partition(":")
        found[column] = Column(column, kind or "text", False)
    keys = []
    for column, target in foreign.items():
        found[column] = Column(column, "bigint", False)
        keys.append(ForeignKey((column,), f"public.{target}", ("id",)))
    return CatalogueTable(f"public.{name}", found, ("id",), (("id",),), tuple(keys), "d")


ACCOUNTS = table("accounts", "number", "currency")
INVOICES = table("invoices", "status", "total:numeric(12,2)", account_id="accounts")
PAYMENTS = table("payments", "status", "amount:numeric(12,2)", account_id="accounts")


def draft(*tables: CatalogueTable) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """(objects, the way of the allocations, fields of payments) of a billing database with these tables."""
    made = recognise("shop", "billing", "shop", {one.name: one for one in (ACCOUNTS, INVOICES, PAYMENTS, *tables)}, {})
    ways = {name: hop.table for name, hop in made.hops.items() if made.objects.get(name) == "allocation"}
    return made.objects, ways, [field.name for field in fields_of(made, "public.payments", "payment")]


def test_a_join_table_is_recognised() -> None:
    """Whatever it is called: its rows go to the account through their payment, and payments need no invoice of their own."""
    for name in ("payment_allocations", "invoice_payments", "payment_applications"):
        joined = table(name, "amount:numeric(12,2)", invoice_id="invoices", payment_id="payments")
        objects, ways, fields = draft(joined)
        assert objects[joined.name] == "allocation" and objects["public.payments"] == "payment"
        assert ways == {joined.name: "public.payments"}
        assert "invoice" not in fields


def test_without_one_the_invoice_is_asked_for() -> None:
    """Neither a column nor a table says what a payment pays; a table that names no invoice divides nothing."""
    for tables in ((), (table("payment_applications", "amount:numeric(12,2)", payment_id="payments"),)):
        objects, ways, fields = draft(*tables)
        assert not ways and "allocation" not in objects.values()
        assert "invoice" in fields

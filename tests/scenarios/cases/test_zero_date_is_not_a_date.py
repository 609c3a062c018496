"""A MySQL zero date arrives as 1970-01-01 and is neither a date nor unknown, where the mapping says that it may come."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.cases.company import company, row, topic

SOURCES = ("billing", "erp")


def test_a_declared_zero_date_is_not_set(tmp_path: Path) -> None:
    """G03: due_date (listed) is `not-set`, signed_on (not listed) stays 1970-01-01, paid_on stays null; no correction carries it."""
    mapping = {"billing.invoices": {"fields": {"due_on": {"date": "due_on", "zero_date": True}}}}
    wire = company(tmp_path, SOURCES, mapping=mapping)
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(topic("erp.customers"), **row("erp.customers", 1)), source="erp")
    wire.commit(wire.put(topic("billing.subscriptions"), **row("billing.subscriptions", 1, started_on=0)))
    wire.commit(wire.put(topic("billing.invoices"), **row("billing.invoices", 1, due_on=0, issued_on=None)))
    wire.commit(after_ms=10_000)
    wire.commit(source="erp", after_ms=10_000)
    invoice = wire.live("invoice")["INV-1"]
    assert (invoice["due_on"], invoice["issued_on"], invoice["flags"]) == ("not-set", None, [])
    assert wire.live("subscription")["SUB-1"]["started_on"] == "1970-01-01"
    intents = [intent for intent in wire.live("intent").values() if intent["object"] == "invoice"]
    assert [intent["state"] for intent in intents] == ["wanted"]
    assert "1970" not in str(intents)
    assert wire.live("subscription")["SUB-1"]["paid_until"] is None


def test_all_forms_of_a_zero_date(tmp_path: Path) -> None:
    """The kind: day 0, microsecond 0 and the text of 1970 are `not-set` in date and instant fields; a later second is not."""
    fields = {"paid_until": {"instant": "paid_until", "zero_date": True, "zone": "UTC"}}
    wire = company(tmp_path, mapping={"billing.subscriptions": {"fields": fields}})
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    for number, value in enumerate(("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", None)):
        wire.commit(wire.put(topic("billing.subscriptions"), **row("billing.subscriptions", number, paid_until=value)))
    shown = [wire.live("subscription")[f"SUB-{number}"]["paid_until"] for number in range(3)]
    assert shown == ["not-set", "1970-01-01T00:00:01Z", None]

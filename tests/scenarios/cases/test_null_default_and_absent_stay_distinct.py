"""A column that is absent, one that is NULL and one with a value are three things, now and after a restart."""

from __future__ import annotations

from pathlib import Path

from connectors.sources.preflight_database import keeps_nulls
from tests.scenarios.cases.company import TABLES, company, row, topic

ACCOUNTS = topic("billing.accounts")
TERMS = {"billing.accounts": {"fields": {"region": {"text": "payment_terms", "absent": "NET30"}}}}


def test_the_default_fills_only_what_is_absent(tmp_path: Path) -> None:
    """G04: record 1 (older schema) NET30, record 2 null, record 3 NET60; the same after a restart."""
    wire = company(tmp_path, mapping=TERMS)
    wire.commit(wire.put(ACCOUNTS, **row("billing.accounts", 1, number="A-1")))
    terms = {"name": "payment_terms", "type": ["null", "string"], "default": "NET30"}
    wire.alter(ACCOUNTS, {"id": "long", **TABLES["billing.accounts"], "payment_terms": terms["type"]})
    wire.commit(wire.put(ACCOUNTS, **row("billing.accounts", 2, number="A-2", payment_terms=None)))
    wire.commit(wire.put(ACCOUNTS, **row("billing.accounts", 3, number="A-3", payment_terms="NET60")))
    for _ in range(2):
        found = wire.live("account")
        assert [found[name]["region"] for name in ("A-1", "A-2", "A-3")] == ["NET30", None, "NET60"]
        wire.restart()
        for number, name in enumerate(("A-1", "A-2", "A-3"), 1):
            invoice = row("billing.invoices", number, account_id=number)
            wire.commit(wire.put(topic("billing.invoices"), **invoice))
            assert name in wire.live("account")


def test_settings_that_replace_nulls_are_told() -> None:
    """G04: the pre-flight check knows which converters put the default in the place of NULL (NULL_REPLACED_BY_DEFAULT)."""
    confluent = {"value.converter": "io.confluent.connect.avro.AvroConverter"}
    assert not keeps_nulls(confluent)
    assert keeps_nulls(confluent | {"value.converter.ignore.default.for.nullables": "true"})
    json = {"value.converter": "org.apache.kafka.connect.json.JsonConverter"}
    assert not keeps_nulls(json | {"value.converter.replace.null.with.default": "true"})
    assert keeps_nulls(json | {"value.converter.replace.null.with.default": "false"})
    assert not keeps_nulls({"value.converter": "io.apicurio.registry.utils.converter.AvroConverter"})

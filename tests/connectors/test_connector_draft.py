"""The drafted connector.json and prepare.sql are the ones that the shipped sources have: what is proven of those holds."""

from __future__ import annotations

import json

import pytest

from connectors.mappings.drafting.connector import capture_name, connector_text, prepare_text
from connectors.mappings.drafting.init import literals
from dataflows.settings import ROOT


@pytest.mark.parametrize("source", ["billing", "erp", "support"])
def test_a_draft_for_the_tables_of_a_shipped_source_is_its_files(source: str) -> None:
    """Byte for byte: a setting that is learnt in one place cannot be forgotten in the other."""
    folder = ROOT / "debezium" / source
    shipped = (folder / "connector.json").read_text()
    *tables, signal = json.loads(shipped)["table.include.list"].split(",")
    assert connector_text(source, tables, signal, {}) == shipped
    assert prepare_text(source, tables, signal, source, by_root=False) == (folder / "prepare.sql").read_text()


@pytest.mark.parametrize("source", ["killbill", "tryton", "request_tracker"])
def test_real_systems_differ_only_in_columns_that_are_left_out(source: str) -> None:
    """The sources made by hand for Kill Bill, Tryton and Request Tracker have no other setting."""
    shipped = json.loads((ROOT / "debezium" / source / "connector.json").read_text())
    *tables, signal = shipped["table.include.list"].split(",")
    drafted = json.loads(connector_text(source, tables, signal, {}))
    assert {name for name in shipped if drafted.get(name) != shipped[name]} == {"column.exclude.list"}
    assert drafted.keys() <= shipped.keys()


def test_names_that_sql_does_not_take_are_quoted() -> None:
    """Tables of applications that write CamelCase, in several schemas."""
    text = prepare_text("old-shop", ["Shop.Order", "fin.bills"], "Shop.debezium_signal", "shop", by_root=True)
    assert 'GRANT USAGE ON SCHEMA "Shop" TO' in text and "GRANT USAGE ON SCHEMA fin TO" in text
    assert '"Shop"."Order", fin.bills' in text
    assert "CREATE PUBLICATION concord_old_shop WITH (publish_via_partition_root = true);" in text
    assert capture_name("old-shop") == "concord_old_shop"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@127.0.0.1:27032/shop", {}),
        ("host=127.0.0.1 port=27032 dbname=prod", {"database.dbname": "prod"}),
        ("postgresql://u:p@db.internal:5433/shop", {"database.hostname": "db.internal", "database.port": "5433"}),
    ],
)
def test_what_placeholders_cannot_say_is_written_without_the_password(url: str, expected: dict[str, str]) -> None:
    """A database of another name or server than CONCORD_POSTGRES; user and password stay out of the file."""
    assert literals(url, "host=127.0.0.1 port=27032 user=postgres", "shop") == expected

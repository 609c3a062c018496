"""The real sources of the benchmark are folders like any other, and a row change is the statement that makes it."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.live import statement
from benchmarks.live_sources import LIVE_NAMES, tables_of, write_folders
from benchmarks.tables import ACCOUNTS, CASES, PAYMENTS, RowChange
from connectors.mappings.loading import load_model


def test_the_folders_are_those_of_two_sources(tmp_path: Path) -> None:
    """Mappings load, connector and preparation name the same tables, and nothing of the pattern's names is left."""
    write_folders(tmp_path)
    model = load_model(tmp_path, LIVE_NAMES)
    assert [source.name for source in model.sources] == list(LIVE_NAMES)
    for source, name in enumerate(LIVE_NAMES):
        config = json.loads((tmp_path / name / "connector.json").read_text())
        captured = config["table.include.list"].split(",")
        assert captured[:-1] == tables_of(source) == [table.name for table in model.tables if table.source == name]
        assert config["topic.prefix"] == name
        assert config["notification.sink.topic.name"] == f"{name}.notifications"
        prepared = (tmp_path / name / "prepare.sql").read_text()
        assert all(table in prepared for table in captured)
        assert "public.refunds" not in prepared
        assert "concord_billing" not in prepared + json.dumps(config)


def test_row_changes_become_statements() -> None:
    """Insert, update of every column by id, delete by id."""
    account = (7, "A", "active", "EUR", 5, 1)
    insert, given = statement(RowChange(ACCOUNTS, "c", None, account))
    assert insert.as_string() == 'INSERT INTO "public"."accounts" VALUES (%s, %s, %s, %s, %s, %s)'
    assert given == list(account)
    update, given = statement(RowChange(CASES, "u", account, account))
    assert update.as_string().startswith('UPDATE "public"."cases" SET "id" = %s, "account_id" = %s')
    assert update.as_string().endswith("WHERE id = %s")
    assert given == [*account, 7]
    delete, given = statement(RowChange(PAYMENTS, "d", (3, 1, 2, "card", 4), None))
    assert (delete.as_string(), given) == ('DELETE FROM "public"."payments" WHERE id = %s', [3])

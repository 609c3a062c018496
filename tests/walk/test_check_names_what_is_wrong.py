"""`concord mapping check --database`: each thing that is wrong is told by its code, at its line, against a real catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.mappings.checking.check import Truth, check
from connectors.mappings.checking.findings import MappingFinding
from connectors.sources.catalogue import read_catalogue
from dataflows.settings import ROOT
from tests.running_stack import RunningStack
from tests.walk.example import SCHEMA, database, finished

pytestmark = pytest.mark.stack
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def source(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Connection]]:
    """The finished folder, and a connection to its database."""
    with database(stack.addresses.postgres, "walk_check", SCHEMA.read_text()) as dsn:
        folder = finished(tmp_path_factory.mktemp("check") / "fibrenet", dsn)
        with psycopg.connect(dsn, autocommit=True) as conn:
            yield folder, conn


def findings(folder: Path, conn: Connection, ddl: str = "") -> list[MappingFinding]:
    """What the check says after a change of the database, which is taken back."""
    with conn.transaction(force_rollback=True):
        if ddl:
            conn.execute(ddl.encode())
        catalogue = read_catalogue(conn)
    return list(check(folder, ROOT / "avro", Truth("database", catalogue=catalogue)).findings)


def edited(source: Path, into: Path, old: str, new: str) -> Path:
    """The folder with one edit of its mapping."""
    folder = into / "fibrenet"
    folder.mkdir()
    for file in source.iterdir():
        (folder / file.name).write_text(file.read_text())
    text = (folder / "mapping.yaml").read_text()
    assert old in text, old
    (folder / "mapping.yaml").write_text(text.replace(old, new))
    return folder


def test_the_finished_example_is_well(source: tuple[Path, Connection]) -> None:
    """No finding, not even a warning."""
    assert findings(*source) == []


#: an edit of the mapping, the code, and what stands in the line that is named
EDITS = [
    ("currency: currency", "currency: curency", "MISSING_COLUMN", "currency: curency"),
    ("{money: monthly_fee, units: major}", "{money: monthly_fee, units: minor}", "INVALID_PRECISION", "mrr:"),
    ("{money: monthly_fee, units: major}", "{money: start_date, units: major}", "WRONG_COLUMN_TYPE", "mrr:"),
    ("{money: monthly_fee, units: major}", "{money: tariff, units: major}", "UNCERTAIN_VALUES", "mrr:"),
    (", zone: Europe/Berlin", "", "ZONE_NOT_DECLARED", "paid_until:"),
    ("{instant: created_at}", "{instant: id}", "OUT_OF_RANGE_TIMESTAMP", "created_at:"),
    ("{decimal: quantity}", "{decimal: metric}", "UNCERTAIN_VALUES", "quantity:"),
    ("          overdue: delinquent\n", "", "UNMAPPED_STATUS", "values:"),
    ("          overdue: delinquent\n", "          overdue: delinquent\n          late: delinquent\n", "UNKNOWN_LABEL", "late:"),
    ("key: [bill_id, position_no]", "key: [bill_id]", "KEY_NOT_UNIQUE", "key: [bill_id]"),
    ("key: [contract_id, metric, measured_at]", "key: [contract_id, metric]", "KEY_NOT_UNIQUE", "key:"),
    ("    key: [id]\n    # the account id", "    key: [subscriber_no]\n    # the account id", "REPLICA_IDENTITY", "key: [subscriber_no]"),
    ("    key: [id]\n    # the account id", "    key: [subscriber_no]\n    # the account id", "THROUGH_DIFFERS", "links:"),
    ("key: [contract_id]", "key: [contract_id, tariff]", "KEY_NOT_SINGLE", "account: {through: contract_id"),
    ("table: crm.contracts}\n    object: invoice", "table: crm.subscribers}\n    object: invoice", "THROUGH_DIFFERS", "through"),
    ("{reference: payment_id,", "{reference: id,", "NO_FOREIGN_KEY", "payment: {reference: id"),
    ('id: "{bill_no}"', 'id: "{status}"', "AMBIGUOUS", 'id: "{status}"'),
    ("defines: subscriber_no", "defines: display_name", "ACCOUNT_NOT_UNIQUE", "defines: display_name"),
    ("fin.bills", "fin.bill", "TABLE_MISSING", "fin.bill:"),
    ("fin.bills", "fin.bill", "INCLUDE_LIST_DIFFERS", "fin.bill:"),
    ("  fin.bill_positions:", "  fin.bill_lines:", "TABLE_MISSING", "fin.bill_lines:"),
    ("region: region", "region: street", "MISSING_COLUMN", "region: street"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "line"), EDITS, ids=[f"{e[2]}-{n}" for n, e in enumerate(EDITS)])
def test_an_edit_of_the_mapping(
    source: tuple[Path, Connection], tmp_path: Path, old: str, new: str, code: str, line: str
) -> None:
    """Each edit is found by its code; file, line and column lead to it, and the next step is a sentence."""
    folder = edited(source[0], tmp_path, old, new)
    found = [one for one in findings(folder, source[1]) if one.code == code and one.file.endswith("mapping.yaml")]
    assert found, [str(one) for one in findings(folder, source[1])]
    text = (folder / "mapping.yaml").read_text().splitlines()
    assert any(line in text[one.line - 1] for one in found), found
    assert all(text[one.line - 1][one.column - 1] != " " for one in found)
    assert all(len(one.next_step) > 15 for one in found)


#: a change of the database, the code, and what the finding names
CHANGES = [
    ("ALTER TABLE fin.bills ALTER contract_id DROP NOT NULL", "ACCOUNT_MAY_BE_NULL", "fin.bills.contract_id"),
    ("ALTER TABLE fin.payments DROP CONSTRAINT payments_bill_id_fkey", "NO_FOREIGN_KEY", "fin.payments.bill_id"),
    ("ALTER TABLE crm.subscribers DROP CONSTRAINT subscribers_subscriber_no_key", "ACCOUNT_NOT_UNIQUE", "subscriber_no"),
    ("ALTER TYPE crm.contract_state ADD VALUE 'dormant'", "UNMAPPED_STATUS", "dormant"),
    ("ALTER TABLE fin.bills ALTER total TYPE double precision", "NOT_AN_AMOUNT", "double precision"),
    ("ALTER TABLE fin.bills ALTER issued_on TYPE timestamptz", "WRONG_COLUMN_TYPE", "issued_on"),
    ("ALTER TABLE fin.bills DROP COLUMN vat", "MISSING_COLUMN", "vat"),
    ("ALTER TABLE fin.chargebacks DROP CONSTRAINT chargebacks_pkey", "KEY_NOT_UNIQUE", "fin.chargebacks"),
    ("ALTER TABLE fin.payments DROP CONSTRAINT payments_state_check; ALTER TABLE fin.payments ADD CHECK (state IN ('booked', 'lost'))",
     "UNMAPPED_STATUS", "lost"),
    ("DROP TABLE fin.chargebacks", "TABLE_MISSING", "fin.chargebacks"),
]  # fmt: skip


@pytest.mark.parametrize(("ddl", "code", "named"), CHANGES, ids=[change[0].split(";")[0] for change in CHANGES])
def test_a_change_of_the_database(source: tuple[Path, Connection], ddl: str, code: str, named: str) -> None:
    """A migration that the mapping does not know of is found before its rows are."""
    found = [one for one in findings(*source, ddl) if one.code == code]
    assert any(named in one.problem for one in found), [str(one) for one in findings(*source, ddl)]


def test_a_partitioned_table_may_leave_out_the_partition_column(source: tuple[Path, Connection]) -> None:
    """PostgreSQL wants it in the primary key; the row that moves is one row all the same: a warning."""
    ddl = """
    DROP TABLE fin.chargebacks;
    CREATE TABLE fin.chargebacks (id bigint, payment_id bigint NOT NULL REFERENCES fin.payments, amount numeric(12,2) NOT NULL,
        reason text, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    """
    found = [one for one in findings(*source, ddl) if one.code == "KEY_NOT_UNIQUE"]
    assert [one.severity for one in found] == ["warning"]

"""How `concord mapping init` finds the way to the account: foreign keys of several columns, and none at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.running_stack import RunningStack
from tests.walk.example import database, draft

pytestmark = pytest.mark.stack
Output = pytest.CaptureFixture[str]


def test_a_key_of_several_columns(stack: RunningStack, tmp_path: Path, capsys: Output) -> None:
    """Of a foreign key (tenant, id) the column is taken that is unique alone; where none is, the table is left out and told why."""
    script = """
    CREATE TABLE customers (tenant int, id int UNIQUE, no text NOT NULL, currency text, status text, PRIMARY KEY (tenant, id));
    CREATE TABLE invoices (tenant int, id int, customer int NOT NULL, total numeric(10,2) NOT NULL, status text NOT NULL,
        PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, customer) REFERENCES customers);
    CREATE TABLE payments (id int PRIMARY KEY, tenant int, invoice int, amount numeric(10,2) NOT NULL,
        FOREIGN KEY (tenant, invoice) REFERENCES invoices);
    """
    with database(stack.addresses.postgres, "walk_tenants", script) as dsn:
        draft(dsn, tmp_path / "tenants")
    said = capsys.readouterr().out
    assert "public.payments: not captured (it names rows of public.invoices by tenant, invoice together" in said
    tables = yaml.safe_load((tmp_path / "tenants" / "mapping.yaml").read_text())["tables"]
    assert tables["public.invoices"]["account"] == {"through": "customer", "table": "public.customers", "by": "id"}


def test_a_database_without_foreign_keys(stack: RunningStack, tmp_path: Path) -> None:
    """Columns that are called and typed as a key would be are taken, and each says that it is guessed; others are not."""
    script = """
    CREATE TABLE accounts (record_id bigint PRIMARY KEY, id uuid NOT NULL UNIQUE, currency text, status text);
    CREATE TABLE invoices (invoice_id bigint PRIMARY KEY, account_record_id bigint NOT NULL, total numeric(10,2), status text);
    CREATE TABLE invoice_items (id bigint PRIMARY KEY, invoice_id bigint NOT NULL, amount numeric(10,2));
    CREATE TABLE credits (id bigint PRIMARY KEY, account_id uuid NOT NULL, amount numeric(10,2));
    CREATE TABLE payments (id bigint PRIMARY KEY, account_id text, invoice bigint, amount numeric(10,2));
    """
    with database(stack.addresses.postgres, "walk_loose", script) as dsn:
        text = draft(dsn, tmp_path / "loose")
    tables = yaml.safe_load(text)["tables"]
    assert tables["public.invoices"]["account"] == {"through": "account_record_id", "table": "public.accounts"}
    assert tables["public.credits"]["account"] == {"through": "account_id", "table": "public.accounts", "by": "id"}
    assert tables["public.invoice_items"]["fields"]["invoice"] == {
        "reference": "invoice_id",
        "table": "public.invoices",
    }
    assert "public.payments" not in tables  # its account_id is no uuid
    assert text.count("no foreign key says it") == 4

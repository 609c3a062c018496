"""What `concord mapping init` recognises, guesses with its reason, asks, and leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

from connectors.mappings.checking.check import check
from connectors.mappings.decisions import open_decisions
from connectors.mappings.loading import MappingError, load_model
from connectors.mappings.located_yaml import Located
from connectors.sources.catalogue import CatalogueTable, open_catalogue
from console.cli import main
from dataflows.settings import ROOT
from tests.running_stack import RunningStack
from tests.walk.example import SCHEMA, database, draft

pytestmark = pytest.mark.stack
Output = pytest.CaptureFixture[str]
OTHER = """
CREATE TABLE clients (client_id int PRIMARY KEY, code text NOT NULL UNIQUE, password_hash text, email text, active boolean NOT NULL);
CREATE TABLE agreements (id int PRIMARY KEY, client int NOT NULL REFERENCES clients (client_id), package text NOT NULL,
    status text NOT NULL, price_cents bigint NOT NULL, tax_rate numeric(5,4), begins timestamp NOT NULL);
CREATE TABLE bills (id int PRIMARY KEY, client_code text NOT NULL REFERENCES clients (code), state text NOT NULL, amount money NOT NULL);
CREATE TABLE bill_lines (bill int REFERENCES bills, line int, sum bigint NOT NULL, PRIMARY KEY (bill, line));
CREATE TABLE events (at timestamptz, what text);
"""


@pytest.fixture(scope="module")
def fibrenet(stack: RunningStack) -> Iterator[str]:
    """The example's database."""
    with database(stack.addresses.postgres, "walk_draft", SCHEMA.read_text()) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Iterator[str]:
    """A database with other words: cents, free text, a foreign key to a code, no currency."""
    with database(stack.addresses.postgres, "walk_shop", OTHER) as dsn:
        yield dsn


def questions(folder: Path) -> set[str]:
    """Places of the file that only a person can fill."""
    return {error.problem.split()[0] for error in open_decisions(Located(folder / "mapping.yaml", MappingError))}


def test_only_questions_are_left_of_the_language(fibrenet: str, shop: str, tmp_path: Path) -> None:
    """A draft of any database is in the mapping language but for its questions; with answers it is loaded."""
    for name, dsn in (("fibrenet", fibrenet), ("shop", shop)):
        text = draft(dsn, tmp_path / name)
        assert {one.code for one in check(tmp_path / name, ROOT / "avro").findings} == {"UNDECIDED"}
        plain = (
            text.replace("units: DECIDE", "units: minor")
            .replace("zone: DECIDE", "zone: UTC")
            .replace("values: DECIDE", "values: {}")
        )
        plain = (
            plain.replace("label: DECIDE", "label: x")
            .replace("constant: DECIDE", "constant: EUR")
            .replace(": DECIDE", ": standard")
        )
        (tmp_path / name / "mapping.yaml").write_text(plain)
        assert load_model(tmp_path, (name,)).sources[0].name == name


def test_money_is_never_guessed(fibrenet: str, shop: str, tmp_path: Path) -> None:
    """Every money field asks for its units, with what the column says; rates and percentages are no money.

    Planted break, seen to fail: `major` for numeric columns.
    """
    for name, dsn in (("fibrenet", fibrenet), ("shop", shop)):
        text = draft(dsn, tmp_path / name)
        money = [line for line in text.splitlines() if "money:" in line]
        assert money and all("units: DECIDE" in line for line in money)
    assert "price_cents is bigint, and its name says minor units" in text
    assert "amount is money, which looks like major units" in text
    assert "sum is bigint, which says nothing" in text
    assert "tax_rate" not in text


def test_other_words_for_the_same_things(shop: str, tmp_path: Path) -> None:
    """Clients, agreements, bills and their lines; the join by a code is written as such; a wall clock is taken for no day."""
    draft(shop, tmp_path / "shop")
    tables = yaml.safe_load((tmp_path / "shop" / "mapping.yaml").read_text())["tables"]
    assert {name: table["object"] for name, table in tables.items()} == {
        "public.clients": "account", "public.agreements": "subscription", "public.bills": "invoice",
        "public.bill_lines": "invoice_line",
    }  # fmt: skip
    assert tables["public.bills"]["account"] == {"through": "client_code", "table": "public.clients", "by": "code"}
    assert tables["public.clients"]["account"] == {"defines": "code"}
    assert tables["public.bill_lines"]["fields"]["invoice"] == {"reference": "bill", "table": "public.bills"}
    assert "started_on" not in tables["public.agreements"]["fields"]
    asked = questions(tmp_path / "shop")
    assert "tables.public.clients.fields.currency.constant" in asked
    assert {
        f"tables.public.agreements.fields.{field}" for field in ("status.values", "mrr.units", "tier.label")
    } <= asked


def test_each_question_says_what_to_write(fibrenet: str, shop: str, tmp_path: Path) -> None:
    """An answer has another form for units, a zone, a column, a currency and a label; the check says which."""
    draft(fibrenet, tmp_path / "fibrenet")
    draft(shop, tmp_path / "shop")
    asked = {
        error.problem.split()[0].rpartition(".")[2]: error.problem
        for name in ("fibrenet", "shop")
        for error in open_decisions(Located(tmp_path / name / "mapping.yaml", MappingError))
    }
    assert "`minor`" in asked["units"] and "IANA" in asked["zone"] and "ISO 4217" in asked["constant"]
    assert (
        "name of the column" in asked["label"]
        and "each label" in asked["values"]
        and "canonical label" in asked["home"]
    )
    assert not [problem for problem in asked.values() if "a value in place of" in problem]


def test_what_nobody_asked_for_stays_where_it_is(fibrenet: str, shop: str, tmp_path: Path) -> None:
    """Tables without a way to an account or without a key are not captured, nor columns with secrets and addresses."""
    draft(fibrenet, tmp_path / "fibrenet")
    draft(shop, tmp_path / "shop")
    ours, theirs = (json.loads((tmp_path / name / "connector.json").read_text()) for name in ("fibrenet", "shop"))
    assert "staff_logins" not in ours["table.include.list"] and "import_log" not in ours["table.include.list"]
    assert (
        theirs["table.include.list"]
        == "public.clients,public.agreements,public.bills,public.bill_lines,public.debezium_signal"
    )
    assert theirs["column.exclude.list"] == "public.clients.password_hash,public.clients.email"
    assert theirs["database.dbname"] == "walk_shop"


def test_nothing_is_overwritten(fibrenet: str, tmp_path: Path, capsys: Output) -> None:
    """Exit code 2 names the files; they are as they were."""
    folder = tmp_path / "fibrenet"
    text = draft(fibrenet, folder)
    (folder / "mapping.yaml").write_text(text + "# mine\n")
    assert main(["mapping", "init", "--database", fibrenet, "--source", "fibrenet", "--into", str(folder)]) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert (folder / "mapping.yaml").read_text().endswith("# mine\n")


def test_a_person_says_which_table_it_is(fibrenet: str, tmp_path: Path, capsys: Output) -> None:
    """--table wins over the words; an object or table that is none is a usage error with the names that would do."""
    folder = tmp_path / "fibrenet"
    draft(fibrenet, folder, "--table", "payment=fin.chargebacks")
    tables = yaml.safe_load((folder / "mapping.yaml").read_text())["tables"]
    assert tables["fin.chargebacks"]["object"] == "payment"
    words = [
        "mapping",
        "init",
        "--database",
        fibrenet,
        "--source",
        "other",
        "--into",
        str(tmp_path / "other"),
        "--table",
    ]
    assert main([*words, "rebate=fin.bills"]) == 2 and "no object rebate" in capsys.readouterr().err
    assert main([*words, "invoice=fin.nothing"]) == 2 and "no table fin.nothing" in capsys.readouterr().err
    assert main([*words, "account=fin.import_log"]) == 2 and "no primary key" in capsys.readouterr().err
    assert main([*words, "payment=fin.import_log"]) == 2 and "no primary key" in capsys.readouterr().err
    assert main([*words, "payment=crm.staff_logins"]) == 2 and "no foreign key leads" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_no_account_no_draft(fibrenet: str, tmp_path: Path, capsys: Output) -> None:
    """A system whose root is not in sight is refused with the way to say it."""
    words = [
        "mapping",
        "init",
        "--database",
        fibrenet,
        "--system",
        "support",
        "--source",
        "x",
        "--into",
        str(tmp_path / "x"),
    ]
    assert main(words) == 2
    assert "--table entitlement=SCHEMA.TABLE" in capsys.readouterr().err


def test_only_the_catalogue_is_read(fibrenet: str) -> None:
    """A role that may read no table sees the same: nothing of any row is looked at."""
    with psycopg.connect(fibrenet, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS walk_looker")
        admin.execute("CREATE ROLE walk_looker LOGIN")
        try:
            seen: dict[str, CatalogueTable] = open_catalogue(
                psycopg.conninfo.make_conninfo(fibrenet, user="walk_looker")
            )
        finally:
            admin.execute("DROP ROLE walk_looker")
    assert seen == open_catalogue(fibrenet)
    assert seen["crm.contracts"].columns["service_class"].labels == ("home", "business", "carrier")
    assert seen["fin.bills"].columns["total"].type == "numeric(12,2)"

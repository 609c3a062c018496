"""`concord mapping check` without a database: language, connector.json, contracts, and columns from recorded schemas."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.mappings.checking.against_contracts import _has, published
from connectors.mappings.checking.against_schemas import RecordingUnreadable, recorded_columns
from connectors.mappings.checking.check import Truth, check
from connectors.mappings.checking.findings import MappingFinding
from connectors.mappings.ownership import load_rules
from dataflows.settings import ROOT
from state.roles import ROLES
from tests.connectors.events import envelope

SHIPPED = sorted(path.parent.name for path in (ROOT / "debezium").glob("*/mapping.yaml"))
RECORDED = ROOT / "tests" / "recorded"
REAL = {"killbill": "billing-killbill", "tryton": "erp-tryton", "request_tracker": "support-rt"}
#: tables of a module that the recorded system had not; tests/conformance reads them from a real one
NOT_RECORDED = {"tryton": {"account_invoice_deferred"}}


def copied(into: Path, source: str) -> Path:
    """A shipped folder to be spoilt."""
    return Path(shutil.copytree(ROOT / "debezium" / source, into / source))


def edited(folder: Path, name: str, old: str, new: str) -> Path:
    """The folder after an edit of one file."""
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    return folder


def found(folder: Path, **options: Any) -> list[MappingFinding]:
    """What the check says."""
    return list(check(folder, options.pop("contracts", ROOT / "avro"), **options).findings)


@pytest.mark.parametrize("source", SHIPPED)
def test_the_shipped_folders_are_well(source: str) -> None:
    """Nothing is found, and the report says that columns were not looked at."""
    report = check(ROOT / "debezium" / source, ROOT / "avro")
    assert (report.findings, report.well) == ((), True)
    assert report.unchecked[0][0] == "columns"


@pytest.mark.parametrize("source", REAL)
def test_the_shipped_folders_of_real_systems_fit_what_was_recorded(source: str) -> None:
    """Kill Bill, Tryton and Request Tracker: every column that the mapping names came in a recorded row."""
    columns = recorded_columns(RECORDED / "real" / f"{REAL[source]}.jsonl")
    report = check(ROOT / "debezium" / source, ROOT / "avro", Truth("recorded schemas", columns=columns))
    assert report.findings == ()
    assert {place.removeprefix("columns of public.") for place, _ in report.unchecked} == NOT_RECORDED.get(
        source, set()
    )


def test_everything_that_is_wrong_with_the_language_is_told_at_once(tmp_path: Path) -> None:
    """Three mistakes in three tables: three findings, each at its own line and column."""
    folder = copied(tmp_path, "billing")
    edited(folder, "mapping.yaml", "units: minor}\n      name", "units: cents}\n      name")
    edited(folder, "mapping.yaml", "      plan: plan_code", "      plan: {text: plan_code, zone: UTC}")
    edited(folder, "mapping.yaml", "{decimal: quantity}", "{number: quantity}")
    text = (folder / "mapping.yaml").read_text().splitlines()
    lines = [text[one.line - 1].strip() for one in found(folder)]
    assert {line.partition(":")[0] for line in lines} == {"reported_balance", "plan", "quantity"}
    assert {one.code for one in found(folder)} == {"MAPPING_INVALID"}


def test_one_mistake_a_table_beyond_the_shape(tmp_path: Path) -> None:
    """Unknown objects, fields and labels are told for every table, not only the first."""
    folder = copied(tmp_path, "billing")
    edited(folder, "mapping.yaml", "object: refund", "object: rebate")
    edited(folder, "mapping.yaml", "void: void", "void: gone")
    assert {one.problem.partition(" ")[0] for one in found(folder)} == {"a", "gone"}


def test_an_open_question_is_told_where_it_stands(tmp_path: Path) -> None:
    """DECIDE anywhere is UNDECIDED at its line; the flow's loader refuses it as well."""
    folder = edited(copied(tmp_path, "billing"), "mapping.yaml", "units: minor", "units: DECIDE")
    codes = [one.code for one in found(folder)]
    assert set(codes) == {"UNDECIDED"} and len(codes) == 8
    report = check(folder, ROOT / "avro")
    assert {name for name, _ in report.unchecked} == {"connector", "contracts"}


CONNECTOR: list[tuple[str, Callable[[dict[str, str]], dict[str, str]], str, str]] = [
    ("INCLUDE_LIST_DIFFERS", lambda c: {"table.include.list": c["table.include.list"].replace("public.usage,", "")}, "mapping.yaml", "public.usage"),
    ("INCLUDE_LIST_DIFFERS", lambda c: {"table.include.list": c["table.include.list"] + ",public.secrets"}, "connector.json", "public.secrets"),
    ("CONNECTOR_NAME", lambda c: {"topic.prefix": "bills"}, "connector.json", "bills"),
    ("MISSING_COLUMN", lambda c: {"column.exclude.list": r"public\.accounts\.(name|region)"}, "mapping.yaml", "public.accounts.region"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "change", "file", "named"), CONNECTOR)
def test_capture_and_mapping_differ(
    tmp_path: Path, code: str, change: Callable[[dict[str, str]], dict[str, str]], file: str, named: str
) -> None:
    """What is captured and what is mapped: each difference is told in the file where it stands."""
    folder = copied(tmp_path, "billing")
    path = folder / "connector.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | change(config), indent=2))
    told = [one for one in found(folder) if named in one.problem]
    assert [(one.code, Path(one.file).name) for one in told] == [(code, file)]
    line = Path(told[0].file).read_text().splitlines()[told[0].line - 1]
    assert line[told[0].column - 1] in '"prn' and told[0].line > 1


def test_a_missing_connector_is_told(tmp_path: Path) -> None:
    """The rest is checked all the same."""
    folder = copied(tmp_path, "erp")
    (folder / "connector.json").unlink()
    assert [one.code for one in found(folder)] == ["TEMPLATE_INVALID"]


def test_contracts_of_another_version(tmp_path: Path) -> None:
    """A contract that is not there, and a field that the older one lacks, at the object and the field that need them."""
    older = Path(shutil.copytree(ROOT / "avro", tmp_path / "avro"))
    (older / "credit.avsc").unlink()
    schema = json.loads((older / "invoice.avsc").read_text())
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "due_on"]
    (older / "invoice.avsc").write_text(json.dumps(schema))
    told = found(ROOT / "debezium" / "billing", contracts=older)
    assert {one.code for one in told} == {"CONTRACT_LACKS"}
    text = (ROOT / "debezium" / "billing" / "mapping.yaml").read_text().splitlines()
    assert {text[one.line - 1].strip().partition(":")[0] for one in told} == {"object", "due_on"}


@pytest.mark.parametrize(("source", "field"), [("billing", "tier"), ("support", "service_level"), ("killbill", "tier")])
def test_a_service_level_that_no_rule_knows(tmp_path: Path, source: str, field: str) -> None:
    """It would leave every account with it without entitlement; told at the label, for derived objects as well."""
    folder = edited(copied(tmp_path, source), "mapping.yaml", ": premium", ": gold")
    told = found(folder, tiers=("none", "standard", "premium", "enterprise"))
    assert {one.code for one in told} == {"UNKNOWN_TIER"}
    text = (folder / "mapping.yaml").read_text().splitlines()
    assert all("gold" in text[one.line - 1] and one.problem.startswith("gold") for one in told)
    assert not found(ROOT / "debezium" / source, tiers=load_rules(ROOT / "debezium" / "ownership.yaml").tiers)


def test_what_is_said_to_be_published_is_in_the_contracts() -> None:
    """Every object has a required field that is shown, and each that is said to be shown is in `avro/`."""
    for (system, kind), role in ROLES.items():
        places = [place for field in role.fields if (place := published(system, kind, field.name)) is not None]
        assert places, (system, kind)
        assert [place for place in places if not _has(ROOT / "avro", place)] == []


def test_columns_from_writer_schemas(tmp_path: Path) -> None:
    """A folder of schemas, one a file or a registry's answer: types, labels and missing columns are checked by them."""
    mood = {"type": "string", "connect.name": "io.debezium.data.Enum", "connect.parameters": {"allowed": "good,odd"}}
    columns: tuple[tuple[str, Any], ...] = (
        ("id", "long"),
        ("number", "string"),
        ("currency", "string"),
        ("standing", mood),
        ("name", "string"),
    )
    columns += (("balance_minor", "double"), ("created_at", {"type": "int", "connect.name": "io.debezium.time.Date"}))
    schema = envelope(*columns) | {"namespace": "billing.public.accounts"}
    (tmp_path / "accounts.json").write_text(json.dumps({"subject": "x", "schema": json.dumps(schema)}))
    truth = Truth("recorded schemas", columns=recorded_columns(tmp_path))
    report = check(ROOT / "debezium" / "billing", ROOT / "avro", truth)
    told = {(one.code, one.problem.split()[1]) for one in report.findings}
    assert ("MISSING_COLUMN", "has") in told  # region
    assert ("NOT_AN_AMOUNT", "balance_minor") in told
    assert ("WRONG_COLUMN_TYPE", "created_at") in told
    assert ("UNMAPPED_STATUS", "standing") in told and ("UNKNOWN_LABEL", "standing") in told
    assert ("columns of public.invoices", "the recorded schemas know nothing of it") in report.unchecked


def test_recorded_wire_bytes_bring_their_schemas() -> None:
    """The gzipped recording of Debezium 3.7: tables with the types of their columns."""
    columns = recorded_columns(RECORDED / "wire" / "billing-main.jsonl.gz")
    assert columns["b.invoices"].keys() >= {"id", "account_id", "status"}
    assert all(one.schema is not None for one in columns["b.invoices"].values())


@pytest.mark.parametrize("text", ["", "[]", "no json", '{"type": "record", "name": "X", "fields": []}'])
def test_a_recording_without_a_table_is_refused(tmp_path: Path, text: str) -> None:
    """It would pass every mapping: a usage error instead."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(RecordingUnreadable, match="Next step"):
        recorded_columns(tmp_path / "x.json")

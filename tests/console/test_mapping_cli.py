"""`concord mapping`: exit codes that scripts can rely on, one line a finding, JSON; schemas from the real registry."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from connectors.mappings.checking.against_schemas import registry_columns
from connectors.mappings.shape import TableShape
from connectors.registry import Registry
from console.cli import main
from dataflows.settings import ROOT, load_settings
from tests.connectors.events import envelope
from tests.running_stack import RunningStack

Output = pytest.CaptureFixture[str]
BILLING = ROOT / "debezium" / "billing"


def test_a_folder_that_is_well_ends_with_zero(capsys: Output) -> None:
    """The last line says what was checked."""
    assert main(["mapping", "check", str(BILLING)]) == 0
    assert capsys.readouterr().out.endswith("checked: language, connector, contracts; all is well\n")


def test_a_finding_is_one_line_and_ends_with_one(tmp_path: Path, capsys: Output) -> None:
    """file:line:column: CODE: problem. Next step: ...; the same as JSON."""
    folder = tmp_path / "billing"
    folder.mkdir()
    (folder / "mapping.yaml").write_text((BILLING / "mapping.yaml").read_text().replace("void: void", "void: gone"))
    (folder / "connector.json").write_text((BILLING / "connector.json").read_text())
    assert main(["mapping", "check", str(folder)]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert (
        first.startswith(f"{folder}/mapping.yaml:51:")
        and "MAPPING_INVALID" in first
        and "Next step: use one of" in first
    )
    assert main(["mapping", "check", str(folder), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (finding,) = report["findings"]
    assert (report["well"], finding["line"], finding["code"]) == (False, 51, "MAPPING_INVALID")
    assert report["unchecked"] and finding["severity"] == "error"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--database", "postgresql://127.0.0.1:1/billing"], 5, "cannot be reached"),
        (["--database", "no such thing"], 2, "is no database"),
        (["--database", "host=127.0.0.1"], 2, "names no database"),
        (["--recorded", "/nowhere"], 2, "cannot be read"),
        (["--recorded", "/nowhere", "--registry"], 2, "exclude one another"),
    ],
)
def test_what_it_is_held_against_is_not_there(words: list[str], code: int, says: str, capsys: Output) -> None:
    """A wrong address is a usage error (2), one where nobody answers is told apart (5)."""
    assert main(["mapping", "check", str(BILLING), *words]) == code
    error = capsys.readouterr().err
    assert says in error and "Next step" in error


def test_a_folder_without_a_mapping_is_a_finding(tmp_path: Path, capsys: Output) -> None:
    """The message says what to create."""
    assert main(["mapping", "check", str(tmp_path)]) == 1
    assert "mapping.yaml cannot be read" in capsys.readouterr().out


@pytest.mark.stack
@pytest.mark.parametrize("naming", ["topic", "record", "topic_record"])
@pytest.mark.parametrize("shared", [False, True])
def test_schemas_of_the_registry(stack: RunningStack, naming: str, shared: bool) -> None:
    """Whatever subjects are named after, the newest version counts; on a topic of several types, that of the table's record."""
    source = f"check{uuid.uuid4().hex[:6]}"
    own = f"{source}.public.accounts"
    topic, record = (f"{source}.events", f"{source}.acme.Account") if shared else (own, f"{own}.Envelope")
    subject = {"topic": f"{topic}-value", "record": record, "topic_record": f"{topic}-{record}"}[naming]
    registry = Registry(load_settings().registry_api)
    namespace, _, name = record.rpartition(".")
    named = {"namespace": namespace, "name": name}
    registry.register(subject, envelope(("id", "long")) | named)
    registry.register(subject, envelope(("id", "long"), ("number", ["null", "string"])) | named)
    table = TableShape(ignore="x", topic=topic, record=record) if shared else TableShape(ignore="x")
    found = registry_columns(registry, source, {"public.accounts": table, "public.others": TableShape(ignore="x")})
    assert {name: set(columns) for name, columns in found.items()} == {"public.accounts": {"id", "number"}}

"""`make check` fails when a published contract changes what its readers rely on; new fields have defaults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from connectors import contract_lock
from connectors.contract_lock import FOLDER, LOCK, main

Schema = dict[str, Any]
MAKEFILE = FOLDER.parent / "Makefile"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the contracts and their lock, with an amount as decimal and one with a unit, which are locked too."""
    copy = Path(copytree(FOLDER, tmp_path / "avro"))
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
    _edit(copy, lambda s: s["fields"].append({"name": "rate", "type": ["null", decimal], "default": None}))
    _edit(copy, lambda s: s["fields"].append({"name": "fee", "type": "long", "unit": "minor", "default": 0}))
    assert main(["write"], copy) == 0
    return copy


def _edit(folder: Path, change: Callable[[Schema], object]) -> None:
    """Change the contract of refunds."""
    path = folder / "refund.avsc"
    schema = json.loads(path.read_text())
    change(schema)
    path.write_text(json.dumps(schema))


def field(schema: Schema, name: str) -> Schema:
    """One field of a contract."""
    found: Schema = next(one for one in schema["fields"] if one["name"] == name)
    return found


def test_the_contracts_are_as_published() -> None:
    """The lock is up to date, and `make check` looks at it."""
    assert main([]) == 0
    assert f"-m {contract_lock.__name__}" in MAKEFILE.read_text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: field(s, "rate")["type"][1].update(scale=4), "rate changes from null | bytes (logicalType decimal, precision"),
        (lambda s: field(s, "rate")["type"][1].update(precision=12), "rate changes"),
        (lambda s: field(s, "fee").update(unit="major"), "fee changes from long, unit minor, default to long, unit major"),
        (lambda s: field(s, "id").update(type="long"), "id changes from string to long"),
        (lambda s: s["fields"].remove(field(s, "id")), "id is gone and had no default"),
        (lambda s: s["fields"].append({"name": "new", "type": "string"}), "new is new and has no default"),
        (lambda s: field(s, "segment").pop("default"), "segment changes from null | record RefundSegment, default"),
    ],
)  # fmt: skip
def test_a_planted_break_fails(
    folder: Path, change: Callable[[Schema], object], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Precision, scale, unit, type, a field that goes, one that comes without a default: named, also when it is written."""
    _edit(folder, change)
    for arguments in ([], ["write"]):
        assert main(arguments, folder) == 1
        said = capsys.readouterr().err
        assert said.startswith("refund: ") and says in said and "Next step" in said


def test_a_new_field_with_a_default_asks_to_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is broken; the lock has to know it from now on. A field with a default may go again."""
    _edit(folder, lambda s: s["fields"].append({"name": "new", "type": ["null", "string"], "default": None}))
    assert main([], folder) == 1
    assert "contract_lock write" in capsys.readouterr().err
    assert (main(["write"], folder), main([], folder)) == (0, 0)
    assert '"new": "null | string, default"' in (folder / LOCK).read_text()
    _edit(folder, lambda s: s["fields"].pop())
    assert main(["write"], folder) == 0


def test_a_contract_that_is_gone_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its readers are still there."""
    (folder / "refund.avsc").unlink()
    assert main([], folder) == 1
    assert "refund: the contract is gone" in capsys.readouterr().err

"""The published contracts: every field says what it is, who owns it and whether it is personal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest

from connectors.contracts import TOPICS

AVRO = Path(__file__).resolve().parents[1] / "avro"
CONTRACTS = sorted(AVRO.glob("*.avsc"))
OWNERS = {"billing", "erp", "support", "crm", "concord", "target"}  # target: the system that is corrected


def fields(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, field) of every field, nested ones included."""
    if isinstance(schema, list):
        for branch in schema:
            yield from fields(branch, path)
    elif isinstance(schema, dict):
        for field in schema.get("fields", ()):
            here = f"{path}.{field['name']}"
            yield here, field
            yield from fields(field["type"], here)
        for inner in ("items", "values"):
            if inner in schema:
                yield from fields(schema[inner], path)


def test_every_topic_has_its_contract_and_no_other() -> None:
    """The folder is the list of what is published."""
    assert {path.stem for path in CONTRACTS} == set(TOPICS)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_every_field_has_doc_owner_and_personal_class(path: Path) -> None:
    """A reader must know of each field what it means, whose word it is and how to treat it."""
    schema = json.loads(path.read_text())
    fastavro.parse_schema(schema)
    assert len(schema["doc"]) > 10
    found = list(fields(schema, path.stem))
    assert found
    for name, field in found:
        assert len(field.get("doc", "")) > 3, name
        assert field.get("owner") in OWNERS, name
        assert isinstance(field.get("personal"), bool), name


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_no_amount_is_a_float(path: Path) -> None:
    """Money is a long of minor units, its name says so, and its record names the currency or says where it stands."""
    for name, field in fields(json.loads(path.read_text()), path.stem):
        text = json.dumps(field["type"])
        assert '"float"' not in text, name
        assert '"double"' not in text, name
        if name.endswith("_minor"):
            assert field["type"] in ("long", ["null", "long"]), name

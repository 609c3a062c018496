"""A table without primary key needs declared identity columns; a missing key is never a common key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.mappings.loading import MappingError
from tests.scenarios.cases.company import company, mapping_of, row, topic
from tests.scenarios.cases.wire import Wire

EVENTS = topic("support.case_events")
CASE = {"case": {"reference": "case_id", "table": "public.cases"}}


def notes(folder: Path, **mapping: Any) -> Wire:
    """Support with a table of notes whose records have no key."""
    change = {"id": "{case_id}-{line}", "key": ["case_id", "line"], **mapping}
    wire = company(
        folder, ("billing", "support"), mapping={"support.case_events": change},
        columns={"support.case_events": {"line": "long", "id": None}}, keyless=("support.case_events",),
    )  # fmt: skip
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(
        wire.put(topic("support.organizations"), **row("support.organizations", 1)),
        wire.put(topic("support.cases"), **row("support.cases", 1)),
        source="support",
    )
    return wire


def note(case: int, line: int, kind: str = "note") -> dict[str, Any]:
    """One row."""
    return {"case_id": case, "line": line, "kind": kind, "note": None, "at": "2026-01-01T00:00:00Z"}


def test_declared_columns_are_the_key(tmp_path: Path) -> None:
    """G18 (a): two lines of a case are two rows; an update of one is no third; a delete (full image) retires it."""
    wire = notes(tmp_path)
    wire.commit(wire.put(EVENTS, **note(1, 1)), wire.put(EVENTS, **note(1, 2)), source="support")
    wire.commit(wire.put(EVENTS, **note(1, 2, "hold")), source="support")
    assert wire.live("case")["CASE-1"]["events"] == 2
    assert len([key for _, key in wire.facts if key.startswith(EVENTS.encode())]) == 2
    wire.commit(wire.drop(EVENTS, **note(1, 1)), source="support")
    assert wire.live("case")["CASE-1"]["events"] == 1


def test_a_key_of_no_bytes_is_a_missing_key(tmp_path: Path) -> None:
    """G18: the same rule: identity comes from the image, rows are not gathered under one common key."""
    wire = notes(tmp_path)
    messages = wire.transaction(wire.put(EVENTS, **note(1, 1)), wire.put(EVENTS, **note(1, 2)), source="support")
    wire.feed([message._replace(key_bytes=b"") if message.topic_name == EVENTS else message for message in messages])
    assert wire.live("case")["CASE-1"]["events"] == 2 and not wire.parked()


def test_without_declared_columns_the_start_is_refused(tmp_path: Path) -> None:
    """G18 (b): KEYLESS_SOURCE names file, line and table before anything is read."""
    with pytest.raises(MappingError, match=r"mapping\.yaml:\d+:\d+: tables\.public\.case_events: .*KEYLESS_SOURCE"):
        notes(tmp_path, key=None)


def test_an_ignored_table_needs_no_key(tmp_path: Path) -> None:
    """The kind: rows of an ignored table without key are ignored by rule, not parked."""
    wire = notes(tmp_path)
    text = mapping_of("support", {})
    start = text.index("  public.case_events:")
    ignored = text[:start] + "  public.case_events: {ignore: unused}\n"
    wire.remap({"billing": mapping_of("billing", {}), "support": ignored})
    before = wire.counts("support")
    wire.commit(wire.put(EVENTS, **note(1, 1)), source="support")
    after = wire.counts("support")
    assert {name: after[name] - before[name] for name in after} == {"in": 1, "applied": 0, "ignored": 1, "parked": 0}

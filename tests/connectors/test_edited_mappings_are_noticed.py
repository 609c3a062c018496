"""A version stands for one content: an edit that keeps it is named, whatever it changes; comments and order are no edit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connectors.mappings.versions import Version, edited, installed, places_anew, stored
from dataflows.progress import progress_body
from dataflows.settings import load_settings
from dataflows.start import StartRefused, refuse_edits
from state.step import Position

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("billing", "erp")


def versions(folder: Path, *changes: tuple[str, str]) -> dict[str, Version]:
    """Billing's mapping with these changes, and the others as they are."""
    shutil.copytree(ROOT / "debezium", folder, dirs_exist_ok=True)
    path = folder / "billing" / "mapping.yaml"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return installed(folder, SOURCES, folder / "ownership.yaml")


EDIT = ("pro: premium", "pro: enterprise")


def test_an_edit_without_a_new_version_is_refused_by_name(tmp_path: Path) -> None:
    """The file and the next step are named. Planted break, seen to fail: versions alone are compared (`edited`)."""
    before, now = versions(tmp_path / "a"), versions(tmp_path / "b", EDIT)
    assert edited(before, now) == ["billing"]
    settings = load_settings(sources_dir=tmp_path / "b", sources=SOURCES, ownership=tmp_path / "b" / "ownership.yaml")
    with pytest.raises(StartRefused, match=r"billing/mapping.yaml says version \d+, but not what it said"):
        refuse_edits(settings, before, now)


def test_comments_are_no_edit_and_a_new_version_is_none_either(tmp_path: Path) -> None:
    """Neither is named; only the second is another version at all."""
    before = versions(tmp_path / "a")
    assert versions(tmp_path / "b", ("system: billing", "system: billing  # ours")) == before
    number = before["billing"].version
    raised = versions(tmp_path / "c", EDIT, (f"version: {number}", f"version: {number + 1}"))
    assert edited(before, raised) == [] and raised["billing"] != before["billing"] and raised["erp"] == before["erp"]
    assert not places_anew(before, raised)


DEFINES = "    account: {defines: number}\n"


def test_what_decides_where_rows_belong_places_them_anew(tmp_path: Path) -> None:
    """The way to the account, and the mark of accounts that were merged; a table without a mark hashes as it did before marks
    counted. Planted break, seen to fail: `merged` is not looked at.
    """
    before = versions(tmp_path / "a")
    assert before["billing"].placing == "f3ee5b0f204115ed"
    assert places_anew(before, versions(tmp_path / "b", (DEFINES, "    account: {defines: name}\n")))
    marked = versions(tmp_path / "c", (DEFINES, f"{DEFINES}    merged: {{into: region, by: number}}\n"))
    assert places_anew(before, marked)
    other = versions(tmp_path / "d", (DEFINES, f"{DEFINES}    merged: {{into: standing, by: number}}\n"))
    assert places_anew(marked, other)


def test_a_progress_record_says_what_its_cut_was_made_with(tmp_path: Path) -> None:
    """What a start reads of it is what the last one ran with."""
    now = versions(tmp_path / "a")
    assert stored(progress_body("canonical", 1, Position(), {}, now)) == now

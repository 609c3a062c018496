"""The table of cases names tests that are there, and every test of this folder."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def named() -> list[Path]:
    """Files that the table names."""
    names = re.findall(r"`([\w/]+\.py)`", (HERE / "README.md").read_text())
    return [ROOT / name if "/" in name else HERE / name for name in names]


def test_named_tests_are_there() -> None:
    """Each of them has tests."""
    assert len(named()) > 40
    assert [str(path) for path in named() if not path.is_file() or "def test_" not in path.read_text()] == []


def test_every_test_of_the_folder_is_named() -> None:
    """A case that is added belongs into the table. Seen to fail with a file left out."""
    assert {path.name for path in HERE.glob("test_*.py")} - {path.name for path in named()} == set()

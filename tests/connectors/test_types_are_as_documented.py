"""docs/types.md is what the decoder and the mapper do with the recorded schemas of every PostgreSQL type in every mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connectors.types_table import COLUMNS, FOLDER, MODES, columns_of, outcome, render

DOC = Path(__file__).parents[2] / "docs" / "types.md"
ROWS = render().splitlines()[2:]


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() + "/" + row.split("|")[3].strip() for row in ROWS])
def test_each_row_is_documented(row: str) -> None:
    """Types that arrive alike and what can be made of them; `python -m tests.connectors.types_table` prints the table."""
    assert row in DOC.read_text().splitlines()


def test_no_other_row_is_documented() -> None:
    """A row of a type that no longer is so must go."""
    documented = [line for line in DOC.read_text().splitlines() if line.startswith("|")]
    assert documented == render().splitlines()


def test_every_recorded_column_is_told() -> None:
    """Names aside, no column of the recorded table is left out (those with odd names are text and integer again)."""
    odd = {"odd_name", "_1st", "na_ve__n_", "dash_col", "a_b", "_amt", "c", "ts0", "dts", "ddec"}
    assert columns_of("connect").keys() - COLUMNS.keys() == odd
    assert {path.name.partition(".")[0] for path in FOLDER.glob("*.json")} >= MODES.keys()


@pytest.mark.parametrize("mode", MODES)
def test_no_silent_change_of_meaning(mode: str) -> None:
    """Days, times of day and intervals are never amounts, numbers, keys or instants, in any mode."""
    columns = columns_of(mode)
    for column in ("d", "t", "ttz", "iv", "ts", "tstz"):
        for kind in ("money", "decimal", "integer", "reference", "boolean"):
            assert outcome(column, *columns[column], kind) == "WRONG_COLUMN_TYPE", (column, kind)
    for column in ("d", "t", "ttz", "iv"):
        assert outcome(column, *columns[column], "instant in a zone") == "WRONG_COLUMN_TYPE"

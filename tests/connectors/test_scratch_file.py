"""The scratch file of a large transaction holds what memory would hold, leaves nothing behind, and says why it cannot."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.scratch import ScratchFile, ScratchLost
from state.overflow import InMemory
from state.row import Change, Row

#: the largest position that a source has, see connectors/capturing/positions.py
LSN_MAX = (1 << 63) - 1

rows = st.builds(
    lambda table, op, key, lsn, order, link, offset, frame: (
        (table, op, key, 700, lsn, order, link, table % 2, offset, frame, "", 1_700_000_000_000)
    ),
    st.integers(0, 3), st.sampled_from("cud"), st.sampled_from(["1", "2", "ä", "\0", ""]),
    st.one_of(st.integers(1, 6), st.just(LSN_MAX)), st.integers(0, 4), st.one_of(st.none(), st.just("A\x1f\0")),
    st.integers(0, 99), st.binary(max_size=9),
)  # fmt: skip
changes = st.builds(
    Change,
    st.sampled_from(["A", "B", "ß"]), st.integers(0, 3), st.sampled_from("cudm"), st.sampled_from(["1", "2"]),
    st.binary(max_size=9), st.sampled_from(["", "x\x1f"]), st.integers(-1, 3), st.integers(-1, 99),
)  # fmt: skip


@given(st.lists(st.lists(rows, max_size=6), max_size=6))
@settings(max_examples=50, deadline=None)
def test_rows_come_back_in_order_and_once(batches: list[list[Row]]) -> None:
    """Every batch says which of its rows are no repeats, as in memory; reading twice gives the same.

    Planted break, seen to fail: a repeat taken for new when another row of its batch is new.
    """
    kept, expected = ScratchFile(), InMemory()
    for batch in batches:
        assert kept.add(batch) == expected.add(batch)
    found = list(kept.rows())
    assert found == list(expected.rows())
    assert list(kept.rows()) == found
    kept.close()


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), changes), max_size=6), max_size=6))
@settings(max_examples=50, deadline=None)
def test_changes_come_back_by_bucket_and_by_row(batches: list[list[tuple[int, Change]]]) -> None:
    """In the order in which they were put, whichever way they are asked for, and again after more were put."""
    kept, expected = ScratchFile(), InMemory()
    places = [(0, "1"), (3, "2")]
    for batch in batches:
        kept.put(batch)
        expected.put(batch)
        assert kept.changes(places) == expected.changes(places)
    numbers: list[int] = []
    for bucket in range(4):
        found = kept.bucket(bucket)
        assert [change for _, change in found] == [change for _, change in expected.bucket(bucket)]
        numbers += [number for number, _ in found]
    assert len(set(numbers)) == len(numbers)
    kept.close()


def test_the_file_has_no_name(tmp_path: Path) -> None:
    """Nothing is left behind, however the process ends: the folder is empty while the file is in use."""
    kept = ScratchFile(tmp_path)
    kept.add([(0, "c", str(n), 700, n, n, None, 0, n, bytes(1000), "", 0) for n in range(50_000)])
    assert list(tmp_path.iterdir()) == []
    assert sum(1 for _ in kept.rows()) == 50_000
    kept.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error says which folder, why, and what to do."""
    with pytest.raises(ScratchLost, match=r"nowhere.*No such file.*Next step.*CONCORD_SCRATCH_DIR"):
        ScratchFile(tmp_path / "nowhere")


@contextmanager
def _file_size_at_most(number: int) -> Iterator[None]:
    """A disk that is full for one file: this process may write none that is larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """What does not fit is an error with the next step, never a row that is missing."""
    kept = ScratchFile(tmp_path)
    with _file_size_at_most(2_000_000), pytest.raises(ScratchLost, match="Next step: give CONCORD_SCRATCH_DIR"):
        _fill(kept)


def _fill(kept: ScratchFile) -> None:
    """100 MB."""
    for first in range(0, 100_000, 1000):
        kept.add([(0, "c", str(n), 700, n, n, None, 0, n, os.urandom(1000), "", 0) for n in range(first, first + 1000)])

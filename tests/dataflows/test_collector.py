"""With the collector's own schedule off, nothing piles up: a change makes no cycles, and new ones are found."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from benchmarks.flow import SOURCE_NAMES, SOURCES_DIR
from benchmarks.shard import Pass, SchemasAlone, polls
from connectors.mappings.loading import load_model
from dataflows import collector


@pytest.fixture(autouse=True)
def _schedule() -> Iterator[None]:
    """Give the interpreter its schedule back."""
    yield
    gc.unfreeze()
    gc.enable()


def test_changes_leave_no_cycles() -> None:
    """From peek to encoded records: after thousands of changes a full collection finds next to nothing.

    Planted break, seen to fail: a Transaction that refers to itself by one of its changes leaves thousands.
    """
    run = Pass(SchemasAlone("http://none"), load_model(SOURCES_DIR, SOURCE_NAMES))
    messages = polls(4_000, 400)
    collector.begin()
    run.run(messages)
    gc.unfreeze()
    assert gc.collect() < 400  # classes and compiled functions of the start


def test_cycles_that_are_new_are_found() -> None:
    """What errors and logs leave behind goes with the next look, without a full collection."""
    collector.begin()
    for _ in range(2 * collector.NEW_OBJECTS_MAX):
        ring: list[object] = []
        ring.append(ring)
    del ring
    collector.tidy()
    gc.unfreeze()
    assert gc.collect() < 50

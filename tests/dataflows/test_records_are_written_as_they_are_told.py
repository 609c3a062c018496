"""That records become bytes as they are told, and not when a release is through, changes nothing of what is published."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from benchmarks import shard
from benchmarks.shard import measure
from dataflows.encode import Encoder
from state.output import Output


class Late(Encoder):
    """Keeps what is told, and makes bytes of it when the release is through."""

    def output(self) -> Output:
        """One that writes nothing by itself."""
        return Output()


@pytest.fixture(autouse=True)
def _schedule() -> Iterator[None]:
    """Give the interpreter's collector its schedule back."""
    yield
    gc.unfreeze()
    gc.enable()


def test_the_same_bytes_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, objects, accounts and tombstones, each account many times in a release, so that later ones would show through.

    Planted break, seen to fail: setting the flags of a record after it was told leaves them out of its bytes.
    """
    at_once = measure(4_000, 40, 1)
    monkeypatch.setattr(shard, "Encoder", Late)
    at_the_end = measure(4_000, 40, 1)
    assert at_once["records"] > 2_000
    assert at_once["digest"] == at_the_end["digest"]

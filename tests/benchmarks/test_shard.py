"""The stage benchmark runs the whole pure path and says what it encoded."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from benchmarks.shard import measure
from connectors.avro import native


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The benchmark sets the collector as the flow does."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_the_same_work_encodes_the_same_bytes() -> None:
    """The digest tells one output from another; every change is a fact, a change of its object and of its account."""
    first, again, other = (measure(changes, 20, 1) for changes in (200, 200, 201))
    assert first["digest"] == again["digest"] != other["digest"]
    assert first["changes"] >= 200
    assert first["records"] > 2 * first["changes"]
    assert all(us > 0 for us in first["us_per_change"].values())


@pytest.mark.usefixtures("native_codec")
def test_both_codecs_encode_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole pure path over the compiled codec publishes what it publishes over the other, byte by byte."""
    found = {}
    for value in ("0", "1"):
        monkeypatch.setenv(native.SETTING, value)
        one = measure(400, 40, 1)
        found[one["codec"]] = one["digest"]
    assert found["pure"] == found["native"]

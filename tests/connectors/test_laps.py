"""The phases of a start make up the whole of it, and each is told once."""

from __future__ import annotations

import pytest

from connectors.laps import Laps, seconds_old


def test_phases_make_up_the_whole() -> None:
    """Nothing of a process's life before the last lap belongs to no phase.

    Planted break, seen to fail: counting the first phase from the making of the laps on.
    """
    born = seconds_old()
    laps = Laps("test")
    laps.lap("process")
    laps.lap("check")
    first = laps.told()
    laps.lap("read")
    second = laps.told()
    assert list(first["phases"]) == ["process", "check"] and list(second["phases"]) == ["read"]
    assert laps.of("process") >= round(born, 2) - 0.01
    assert laps.of("process", "check", "read") == pytest.approx(second["seconds"], abs=0.002)

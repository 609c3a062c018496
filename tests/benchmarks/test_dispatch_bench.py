"""The dispatch benchmark runs on the real flow while answers are lost, and its verdict convicts a double or missing effect."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import dispatch as bench
from benchmarks.outcome import Silent
from dataflows.settings import load_settings
from tests.running_stack import RunningStack


def test_lost_answers_leave_one_effect_each(stack: RunningStack) -> None:
    """Forty corrections, half of all writes broken: all verified, some in doubt on the way, one effect each."""
    result = bench.dispatch(load_settings(), 20, 0.5, Silent())
    assert result["right"], result
    assert (result["verified"], result["double_effects"], result["missing_effects"]) == (40, 0, 0)
    assert result["in_doubt"] > 0
    assert [one["target"] for one in result["targets"]] == ["erp", "support"]
    assert all(one["p50_ms"] <= one["p99_ms"] for one in result["targets"])


def records(state: str) -> dict[str, list[dict[str, Any]]]:
    """What the flow would have written about two corrections that ended so."""
    ends = {"e1": "erp", "s1": "support"}
    return {
        name: [{"target": target, "state": state, "first_sent_ms": 100, "updated_ms": 250}]
        for name, target in ends.items()
    }


@pytest.mark.parametrize(
    ("state", "effects", "right"),
    [
        ("VERIFIED", {"e1": 1, "s1": 1}, True),
        ("VERIFIED", {"e1": 2, "s1": 1}, False),
        ("VERIFIED", {"e1": 1}, False),
        ("REFUSED", {"e1": 1, "s1": 1}, False),
    ],
)
def test_verdict_convicts(state: str, effects: dict[str, int], right: bool) -> None:
    """An effect that happened twice, one that is missing and a correction that was given up are each told."""
    result = bench.judged(records(state), effects, [{"id": "e1"}, {"id": "s1"}], 0.0, 1.0)
    assert result["right"] is right

"""The arithmetic of the benchmarks: delays, percentiles, ratios of stages, lists of numbers."""

from __future__ import annotations

import pytest
import typer

from benchmarks.flow import Seen
from benchmarks.load import Sent
from benchmarks.measure import Usage, spread
from benchmarks.stages import compared
from benchmarks.traffic import delays_ms
from console.bench_cli import numbers


def test_a_delay_ends_with_the_first_cut_that_shows_the_transaction() -> None:
    """Each source has positions of its own; what no cut shows is left out."""
    sent = [Sent(0, 10, 1.0), Sent(1, 5, 1.1), Sent(0, 20, 1.2), Sent(1, 99, 1.3)]
    seen = [Seen(1.5, {"a": 10}, 1), Seen(2.0, {"a": 15, "b": 7}, 2), Seen(3.0, {"a": 20, "b": 8}, 3)]
    assert delays_ms(sent, seen, ("a", "b")) == pytest.approx([500.0, 900.0, 1800.0])


def test_percentiles_of_a_known_list() -> None:
    """0 to 100 in any order; nothing gives zeros."""
    assert spread([float(n) for n in reversed(range(101))]) == {
        "n": 101,
        "p50": 50.0,
        "p90": 90.0,
        "p99": 99.0,
        "max": 100.0,
    }
    assert spread([])["n"] == 0


def test_processor_time_is_that_of_the_moment() -> None:
    """The sample at or just before it; without any, all there is."""
    usage = Usage(9.0, 0, [(1.0, 1.0, 0), (2.0, 2.0, 0), (3.0, 4.0, 0)])
    assert (usage.cpu_at(2.0), usage.cpu_at(9.0), Usage(7.0).cpu_at(1.0)) == (2.0, 4.0, 7.0)


def test_stages_are_compared_by_their_best_pass() -> None:
    """A stage that only one tree has is shown without a ratio; other bytes are told."""
    here = [
        {"us_per_change": {"peek": 5.0, "new": 1.0}, "digest": "x"},
        {"us_per_change": {"peek": 4.0, "new": 2.0}, "digest": "x"},
    ]
    there = [{"us_per_change": {"peek": 8.0}, "digest": "y"}]
    result = compared(here, there)
    assert not result["same_bytes_published"]
    assert [(row["stage"], row["us_per_change"], row["ratio"]) for row in result["stages"]] == [
        ("peek", 4.0, 0.5),
        ("new", 1.0, None),
    ]


def test_lists_of_numbers_are_read_or_refused() -> None:
    """Blanks are fine; nothing else than whole numbers above 0 is."""
    assert numbers("10, 200", "--accounts") == [10, 200]
    for wrong in ("", "10,", "0", "a", "1.5", "-3"):
        with pytest.raises(typer.BadParameter):
            numbers(wrong, "--accounts")

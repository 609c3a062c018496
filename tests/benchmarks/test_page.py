"""The page of numbers: rendered from its data alone, goals judged at their own size only, plots that are real SVG."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.goals import GOALS, verdict_of
from benchmarks.page import PAGE, PLOTS, SCALES, SECTIONS, pictures, read
from benchmarks.page_text import render
from benchmarks.plots import bars, lines, nice, shown
from dataflows.settings import ROOT

GOAL = {goal.name.split(",")[0]: goal for goal in GOALS}


def transaction(rows: int, memory_mb: int) -> dict[str, Any]:
    """The section of a large transaction."""
    return {"transaction": {"result": {"rows": rows, "memory_above_small_transactions_mb": memory_mb}}}


@pytest.mark.parametrize(
    ("rows", "memory_mb", "met"),
    [(1_000_000, 512, "yes"), (1_000_000, 513, "**no**"), (20_000, 40, "smaller size")],
)
def test_a_goal_is_met_at_its_own_size_only(rows: int, memory_mb: int, met: str) -> None:
    """A small run never meets a goal, however good it looks."""
    goal = GOAL["memory of a transaction of 1"]
    assert verdict_of(goal, transaction(rows, memory_mb)) == (f"{memory_mb} MB", f"{rows:,} rows", met)
    assert verdict_of(goal, {})[0] == "not measured yet"


def test_concord_is_held_against_the_best_peer() -> None:
    """The fastest peer decides, not the slowest, and not Concord itself."""
    systems = [
        {"system": "flink", "changes_per_s": 100, "concord_is": {"times_as_fast": 1.8}},
        {"system": "kstreams", "changes_per_s": 200, "concord_is": {"times_as_fast": 0.9}},
        {"system": "concord", "changes_per_s": 180},
    ]
    sections = {"peers": {"result": {"systems": systems, "changes": 1_000_000, "accounts": 100_000}}}
    measured, _, met = verdict_of(GOAL["catch-up beside the fastest peer"], sections)
    assert (measured, met) == ("0.9 x", "**no**")


def test_memory_is_that_of_the_fewest_objects() -> None:
    """The goal names the setting that it was reached with; what more objects take is in the section."""
    runs = [
        {"hot_accounts": 100_000, "accounts": 100_000, "rss_mb_peak": 1400},
        {"hot_accounts": 10_000, "accounts": 100_000, "rss_mb_peak": 700},
    ]
    found = verdict_of(GOAL["memory at 100"], {"memory": {"result": {"runs": runs}}})
    assert found == ("700 MB", "100,000 accounts, 10,000 as objects", "yes")


def test_one_wrong_record_anywhere_is_told() -> None:
    """The counts of every verified run on the page are summed."""
    run = dict.fromkeys(("wrong_records", "partial_states", "duplicates", "regressions", "lost", "wrong_at_end"), 0)
    right = {**run, "account_records": 10}
    sections: dict[str, Any] = {
        "skew": {"result": {"runs": [right, right]}},
        "transaction": {"result": {**right, "lost": 1}},
    }
    goal = GOAL["records that are wrong"]
    assert verdict_of(goal, sections) == ("1", "30 account records", "**no**")


def test_plots_are_drawn_to_scale() -> None:
    """Well-formed SVG; half the value is half the bar; labels are escaped; an empty plot is no error."""
    picture = ElementTree.fromstring(bars("a < b", "s", [("x & y", 10.0), ("z", 5.0)]))
    widths = [float(one.attrib["width"]) for one in picture.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths[0] == pytest.approx(2 * widths[1])
    texts = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "x & y", "10 s", "5 s"} <= set(texts)
    drawn = ElementTree.fromstring(lines("t", "x", "y", {"1 process": [(1000, 5.0), (100_000, 10.0)]}))
    path = next(drawn.iter("{http://www.w3.org/2000/svg}polyline")).attrib["points"].split()
    left, right = ([float(part) for part in point.split(",")] for point in path)
    assert left[0] < right[0]
    assert left[1] > right[1]
    assert ElementTree.fromstring(lines("t", "x", "y", {})) is not None
    assert ElementTree.fromstring(bars("t", "s", [])) is not None


def test_axes_end_at_round_numbers() -> None:
    """The next of 1, 2, 4, 5 and 8; small numbers keep a decimal."""
    assert [nice(value) for value in (0, 0.3, 1, 3, 41, 900)] == [1, 0.4, 1, 4, 50, 1000]
    assert [shown(value) for value in (1234.5, 12.0, 1.25, 3)] == ["1,234", "12", "1.2", "3"]


def test_a_page_without_numbers_says_so() -> None:
    """No data: goals are listed as not measured, and nothing is drawn. Data that lacks a number does not stop the rest."""
    empty: dict[str, Any] = {"machine": {}, "sections": {}}
    text = render(empty)
    assert text.count("not measured yet") == len(GOALS)
    assert not pictures(empty)
    older = {"scale": "small", "taken_on": "", "revision": "", "load_before": 0, "result": {"runs": [], "right": True}}
    assert "Measured before 'invoices' was" in render({"machine": {}, "sections": {"skew": older}})
    assert set(SCALES) == {"small", "full"}
    assert "peers" in SECTIONS


def test_the_page_is_what_its_data_says() -> None:
    """docs/performance.md and its plots are rendered from docs/performance.json: nobody typed a number."""
    folder = ROOT / "docs"
    data = read(folder)
    assert (folder / PAGE).read_text() == render(data)
    drawn = pictures(data)
    assert {path.name for path in (folder / PLOTS).glob("*.svg")} == set(drawn)
    assert all((folder / PLOTS / name).read_text() == picture for name, picture in drawn.items())

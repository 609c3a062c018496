"""Tests run in two processes and are reported as one run: none is lost, a failure counts, each room says its minutes.

Planted breaks, seen to fail: reports of the second process that are not taken over; tests that it has not reported forgotten.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rooms import CHAOS, PURE, STACK, group_of

ROOT = Path(__file__).resolve().parent.parent
#: tests of a room that stays, and of two that go to the other process
HERE, BESIDE = "tests/stack/test_lock_file.py", ["tests/dataflows/test_collector.py", "tests/state/test_money.py"]
#: a plugin of both processes that strikes one test in the second one
PLANTED = """
import os, pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    if item.path.name == "test_collector.py":
        {what}
"""


@pytest.mark.parametrize(
    ("room", "fixtures", "group"),
    [
        ("chaos", ["stack"], CHAOS),
        ("chaos", [], CHAOS),
        ("scenarios", ["tmp_path", "stack"], STACK),
        ("conformance", ["request"], STACK),
        ("stack", [], STACK),
        ("state", ["tmp_path"], PURE),
    ],
)
def test_users_of_the_stack_stay_together(room: str, fixtures: list[str], group: str) -> None:
    """The crash tests kill components, so they have a stack of their own."""
    assert group_of(room, fixtures) == group


def run_struck(what: str, folder: Path) -> tuple[int, str]:
    """A run in two processes; exit code and what it says."""
    (folder / "planted.py").write_text(PLANTED.format(what=what))
    environment = os.environ | {"PYTEST_PLUGINS": "planted", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--side-by-side", HERE, *BESIDE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_one_report_of_both(tmp_path: Path) -> None:
    """Every test is counted, a failure of the other process with its text; pytest's own closing line stays the last."""
    code, said = run_struck("raise ValueError('struck down there')", tmp_path)
    closing = said.strip().splitlines()[-1]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped)", closing)}
    rooms = dict(re.findall(r"^(\w+) +\d+\.\d min +(\d+) tests$", said, re.MULTILINE))
    assert code == 1 and set(rooms) == {"stack", "dataflows", "state"}
    assert counts["failed"] == int(rooms["dataflows"]) and "ValueError: struck down there" in said
    assert sum(counts.values()) == sum(map(int, rooms.values())) == int(re.findall(r"collected (\d+) items", said)[0])


def test_a_second_process_that_dies_is_no_success(tmp_path: Path) -> None:
    """Each test that it has not reported is an error, and says how it ended."""
    code, said = run_struck("os._exit(0)", tmp_path)
    assert code == 1 and re.search(r" [1-9]\d* errors? in ", said.strip().splitlines()[-1])
    assert "the second process ended with code 0 and has not reported this test" in said
    assert "ERROR tests/dataflows/test_collector.py::" in said

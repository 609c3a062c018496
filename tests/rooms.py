"""The rooms of the tests: which of them need the shared stack, and how long each took, printed above the closing line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

TESTS = Path(__file__).parent
#: tests on the shared stack, crash tests on one of their own, and those without any
STACK, CHAOS, PURE = "stack", "chaos", "pure"
#: rooms that find a stack by themselves, or start components: they count as users of the shared one
_WHOLE_ROOMS: Final = frozenset(("benchmarks", "conformance", "stack", "walk"))


def room_of(path: Path) -> str:
    """The folder below tests; `tests` for what lies in it directly."""
    parts = path.relative_to(TESTS).parts
    return parts[0] if len(parts) > 1 else TESTS.name


def group_of(room: str, fixtures: Sequence[str]) -> str:
    """What a test of a room needs that asks for these fixtures."""
    if room == CHAOS:
        return CHAOS
    return STACK if room in _WHOLE_ROOMS or "stack" in fixtures else PURE


class Rooms:
    """Plugin: adds up what each room took."""

    def __init__(self) -> None:
        """Nothing has run yet."""
        self._seconds: dict[str, float] = {}
        self._tests: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Setting up and tearing down count as well: a room pays for what it starts."""
        room = room_of(TESTS.parent / report.location[0])
        self._seconds[room] = self._seconds.get(room, 0.0) + report.duration
        self._tests[room] += report.when == "setup"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line a room, the longest first."""
        if len(self._seconds) < 2:
            return
        terminalreporter.section("rooms")
        for room, seconds in sorted(self._seconds.items(), key=lambda one: -one[1]):
            terminalreporter.write_line(f"{room:12} {seconds / 60:5.1f} min {self._tests[room]:6,} tests")

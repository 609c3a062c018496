"""What every benchmark has in common: how it says where it is, and that it gave no result."""

from __future__ import annotations

from typing import Protocol


class BenchmarkFailed(Exception):
    """The run gave no result; the message says why and where to look."""


class Reporter(Protocol):
    """Shows people how far a step is."""

    def step(self, name: str, total: int) -> None:
        """A new step begins; `total` units of work."""

    def advance(self, done: int) -> None:
        """So much of the step is done."""


class Silent:
    """A reporter that tells nobody."""

    def step(self, name: str, total: int) -> None:
        """Nothing."""

    def advance(self, done: int) -> None:
        """Nothing."""

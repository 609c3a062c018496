"""Processes of one flow write to the same file: a line of the log is a line there, however output is buffered."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from connectors.log import configure, logger


class Writes(io.StringIO):
    """Remembers each write, as a file without a buffer would get it."""

    def __init__(self) -> None:
        super().__init__()
        self.each: list[str] = []

    def write(self, text: str) -> int:
        """One write."""
        self.each.append(text)
        return super().write(text)


@pytest.fixture
def writes() -> Iterator[Writes]:
    """What the log of this test is written to."""
    out = Writes()
    before = structlog.get_config()
    configure("info", out)
    yield out
    structlog.configure(**before)


def test_an_event_is_one_write(writes: Writes) -> None:
    """With PYTHONUNBUFFERED, which containers like to set, each write goes to the file at once.

    Planted: a logger that prints writes the text and its end apart, and lines of two processes came into one another.
    """
    for number in range(3):
        logger("canonical").info("a cut", commit=number)
    assert [json.loads(text)["commit"] for text in writes.each] == [0, 1, 2]
    assert all(text.endswith("\n") for text in writes.each)

"""Of several starts of the dispatch flow one goes on: a start that fences one which had committed meanwhile runs again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from connectors.kafka.offsets import Overtook, StartRace
from connectors.kafka.sink import CutSink
from dataflows import dispatch
from dataflows.cut import EXIT_FENCED
from dataflows.settings import load_settings


class Ended(Exception):
    """What the process does instead of ending."""


def ends(as_what: str) -> Callable[..., None]:
    """A stand-in for what would end this process."""

    def end(*arguments: object) -> None:
        raise Ended(as_what, *arguments)

    return end


@pytest.fixture
def stopping() -> threading.Event:
    """Not asked for yet."""
    return threading.Event()


@pytest.fixture
def open_writer(monkeypatch: pytest.MonkeyPatch, stopping: threading.Event) -> Callable[[], Any]:
    """What the flow's sink asks for its writer."""
    opened: list[Callable[[], Any]] = []

    def sink(how: Callable[[], Any]) -> CutSink:
        opened.append(how)
        return CutSink(how)

    monkeypatch.setattr(dispatch, "CutSink", sink)
    monkeypatch.setattr(dispatch, "again", ends("again"))
    monkeypatch.setattr(os, "_exit", ends("exit"))
    dispatch.build(load_settings(), Mock(), ({}, {}), Mock(), Mock(), Mock(), Mock(), stopping)
    return opened[0]


@pytest.mark.parametrize(
    ("refusal", "asked", "end"),
    [
        (Overtook("another start has committed"), False, ("again",)),
        (Overtook("another start has committed"), True, ("exit", 0)),
        (StartRace("another start has committed"), False, ("exit", EXIT_FENCED)),
    ],
)
def test_what_a_start_does_that_is_not_the_only_one(
    refusal: StartRace,
    asked: bool,
    end: tuple[object, ...],
    open_writer: Callable[[], Any],
    stopping: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Overtaken after it has fenced the other it runs again, unless it is to stop; before that it gives way.

    Planted: it ends with 3 in both cases, and nobody is left.
    """
    monkeypatch.setattr(dispatch, "Transactor", Mock(side_effect=refusal))
    if asked:
        stopping.set()
    with pytest.raises(Ended) as found:
        open_writer()
    assert found.value.args == end

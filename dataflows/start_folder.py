"""The folder that the processes of one start on one host share, and what they tell one another in it.

The start itself, which all but the parent wait for; which of them is about to listen; schemas that one has asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from dataflows.start import Start

#: between two looks
LOOK_SECONDS = 0.005
#: from the word of a process until its engine listens; an engine that is not answered asks again a second later
LISTENS_AFTER_SECONDS = 0.04


class StartFolder:
    """One start's folder, which must exist. Whoever waits in it says what ends the waiting."""

    def __init__(self, path: Path) -> None:
        """The parent makes the folder, and removes it."""
        self.path = path
        self.schemas = path / "schemas"
        self._start = path / "start.json"

    def give(self, start: Start) -> None:
        """Tell the start to all who wait for it, in one step: none of them reads half of it."""
        self.schemas.mkdir(exist_ok=True)
        draft = self._start.with_suffix(".draft")
        draft.write_text(json.dumps(start.as_json()))
        draft.replace(self._start)

    def start(self, given_up: Callable[[], bool]) -> Start | None:
        """The start, as soon as it is there; None if that is given up."""
        if not _until(self._start.exists, given_up):
            return None
        return Start.from_json(json.loads(self._start.read_text()))

    def in_turn(self, number: int, given_up: Callable[[], bool]) -> bool:
        """Wait until the engine of process `number` may begin; False if that is given up.

        An engine calls all of a lower number, so each begins when the one before it listens.
        """
        if number:
            if not _until(self._listens(number - 1).exists, given_up):
                return False
            time.sleep(LISTENS_AFTER_SECONDS)
        self._listens(number).touch()
        return True

    def remove(self) -> None:
        """Of one whose parent is gone: nobody else is there to remove it."""
        rmtree(self.path, ignore_errors=True)

    def _listens(self, number: int) -> Path:
        return self.path / f"listens-{number}"


def _until(condition: Callable[[], bool], given_up: Callable[[], bool]) -> bool:
    """Whether the condition came to hold before the waiting was given up."""
    while not condition():
        if given_up():
            return False
        time.sleep(LOOK_SECONDS)
    return True

"""Processes that stop together, and of which none goes on when one is gone."""

from __future__ import annotations

import os
import time
from typing import NoReturn, Protocol

from connectors.hosts.line import Line
from connectors.log import logger

#: exit code of a process that cannot go on alone: an error, so that its supervisor starts it again
EXIT_ALONE = 1
#: how long the last cut may take after a stop before the process ends without it
STOP_SECONDS = 8.0
LOOK_SECONDS = 0.05


class Stopping(Protocol):
    """Whether a stop was asked for, here or by another process (`by`)."""

    asked: bool
    by: int | None

    def tell(self, number: int) -> None:
        """Another process was asked to stop."""


def keep_together(line: Line, mine: int, other: int, stopping: Stopping, flow: str) -> None:
    """Watch the connection of a flow at work: hand a stop on, and end the process when the other one is gone."""
    said_at: float | None = None
    while True:
        if stopping.asked and said_at is None:
            line.send(stop=mine if stopping.by is None else stopping.by)
            said_at = time.monotonic()
        if said_at is not None and time.monotonic() > said_at + STOP_SECONDS:
            end_process(flow, f"the flow did not stop within {STOP_SECONDS:.0f} s; its last cut is not committed")
        try:
            message = line.receive(LOOK_SECONDS)
        except TimeoutError:
            continue
        if message is None:
            if stopping.asked:
                return
            end_process(flow, f"process {other} is gone, and none of the others can go on without it")
        if isinstance(by := message.get("stop"), int):
            stopping.tell(by)


def end_process(flow: str, reason: str) -> NoReturn:
    """At once: an exception would only be lost in the engine. What is not committed is invisible and is made again."""
    logger(flow).error("flow ended", reason=f"{reason}. Next step: start this process again, as its supervisor would")
    os._exit(EXIT_ALONE)

"""Ends a process whose client library does not come back from a call.

librdkafka 2.16 can hang for ever in send_offsets_to_transaction, whatever its timeout, after a broker died and came
back under its id: the request waits for the old broker instance, which is terminating. Nothing inside the process can
end that wait; a new process finds the cut uncommitted and makes it again.
"""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from typing import Self

from connectors.log import logger

#: exit code of a process that gave up: an error, so that its supervisor starts it again
EXIT_HUNG = 1
LOOK_SECONDS = 0.5


class Watchdog:
    """`with watchdog: ...` ends the process if the block takes longer than `seconds`. One thread, however many blocks.

    Time in which the whole process was stopped does not count: the thread counts its own looks.
    """

    def __init__(self, what: str, seconds: float) -> None:
        """`what` names the guarded work in the log."""
        self._what = what
        self._looks_max = max(1, round(seconds / LOOK_SECONDS))
        self._block = 0
        self._inside = False
        threading.Thread(target=self._watch, name=f"watchdog of {what}", daemon=True).start()

    def __enter__(self) -> Self:
        """The time begins."""
        self._block += 1
        self._inside = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Done in time."""
        self._inside = False

    def _watch(self) -> None:
        watched, looks = 0, 0
        while True:
            time.sleep(LOOK_SECONDS)
            block = self._block
            looks = looks + 1 if self._inside and block == watched else 0
            watched = block
            if looks >= self._looks_max:
                logger("kafka").error(
                    "the client library hangs",
                    during=self._what,
                    reason="the process ends, nothing of the open cut is visible. "
                    "Next step: none if a supervisor starts it again, else start it again",
                )
                os._exit(EXIT_HUNG)

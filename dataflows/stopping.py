"""Whether a process of a flow was asked to stop, and by whom."""

from __future__ import annotations

import signal


class Stopping:
    """SIGTERM and SIGINT set it, or another process of the flow; the sources see it and end, the last cut commits."""

    def __init__(self) -> None:
        self.asked = False
        #: the process that was stopped, where it is not this one
        self.by: int | None = None
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, signum: int, frame: object) -> None:
        self.asked, self.by = True, None

    def tell(self, number: int) -> None:
        """Another process was asked to stop, and the flow stops with it."""
        if not self.asked:
            self.asked, self.by = True, number

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.asked

"""An outage of the schema registry, as the reading side of a flow lives through it: wait, say so, go on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from connectors import metrics
from connectors.log import logger
from connectors.registry import RegistryUnavailable

PAUSE_S_MIN, PAUSE_S_MAX = 0.1, 2.0
#: an outage that lasts is logged again this often
REMIND_S = 30.0


class RegistryOutage:
    """Since when a record waits for its schema, and when to ask again. One per reader."""

    def __init__(self, flow: str, now: Callable[[], float] = time.monotonic) -> None:
        self._flow = flow
        self._now = now
        self._since: float | None = None
        self._told = 0.0
        self.pause_s = 0.0

    def strike(self, error: RegistryUnavailable) -> None:
        """The registry did not answer: the next question comes after `pause_s`."""
        now = self._now()
        if self._since is None:
            self._since = now
            metrics.REGISTRY_AWAITED.labels(self._flow).set(1)
        if self.pause_s == 0.0 or now >= self._told + REMIND_S:
            self._told = now
            logger(self._flow).warning(
                "waiting for the schema registry",
                reason=str(error),
                seconds=round(now - self._since, 1),
                next_step="start the registry; nothing is lost or parked, reading goes on by itself",
            )
        self.pause_s = min(PAUSE_S_MAX, self.pause_s * 2) if self.pause_s else PAUSE_S_MIN

    def over(self) -> None:
        """What waited was read."""
        if self._since is not None:
            metrics.REGISTRY_AWAITED.labels(self._flow).set(0)
            logger(self._flow).info("schema registry answers again", seconds=round(self._now() - self._since, 1))
        self._since, self.pause_s = None, 0.0

"""Where the time of a start goes: one lap after another, from the birth of the process on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from connectors import metrics

#: of the kernel's account of this process: after its name in brackets, the 20th value is its start in clock ticks
_STARTED = 19


def seconds_old() -> float:
    """Age of this process; 0 where the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_STARTED])
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, IndexError, ValueError):
        return 0.0


class Laps:
    """The phases of one start. The first lap began with the process."""

    def __init__(self, flow: str) -> None:
        """`flow` names the start in the metric."""
        self._flow = flow
        self._began = self._last = time.monotonic() - seconds_old()
        self._seconds: dict[str, float] = {}
        self._untold: list[str] = []

    def lap(self, phase: str) -> None:
        """What went on since the last lap was this phase."""
        now = time.monotonic()
        seconds = self._seconds[phase] = round(now - self._last, 3)
        self._last = now
        self._untold.append(phase)
        metrics.START_SECONDS.labels(self._flow, phase).set(seconds)

    def of(self, *phases: str) -> float:
        """Seconds that these phases took."""
        return sum(self._seconds[phase] for phase in phases)

    def told(self) -> dict[str, Any]:
        """Fields of a log event: phases since the last one, and seconds and processor seconds since the process began."""
        untold, self._untold = self._untold, []
        return {
            "phases": {phase: self._seconds[phase] for phase in untold},
            "seconds": round(self._last - self._began, 3),
            "cpu_seconds": round(time.process_time(), 3),
        }

"""`concord ...` that takes its time between two slices of a large transaction: whoever wants to end it there is not too late.

`python -m tests.chaos.slow_slices run canonical`.
"""

from __future__ import annotations

import sys
import time
from unittest.mock import patch

from console.cli import main
from dataflows.stages import Unfinished
from state.step import Batch

BETWEEN_SECONDS = 0.02
_call = Unfinished.__call__


def _slow(self: Unfinished) -> tuple[str, Batch] | None:
    end = time.monotonic() + BETWEEN_SECONDS
    while self.asked and time.monotonic() < end:
        time.sleep(0.002)
    return _call(self)


if __name__ == "__main__":
    with patch.object(Unfinished, "__call__", _slow):
        sys.exit(main())

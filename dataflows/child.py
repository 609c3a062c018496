"""One of several processes of the canonical flow on one host: `python -m dataflows.child <folder> <number> <parent>`.

Until there is a start it has nothing to lose, and ends at once when it is told to, also while it imports.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def main(path: Path, number: int, parent: int) -> int:
    """Hear signals, then import what that takes half a second for, and run; the exit code."""
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: os._exit(0))
    from dataflows.children import run_child

    return run_child(path, number, parent)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

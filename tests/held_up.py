"""Runs a command on a machine that is held up: now and then one of its processes stands still for a moment.

`python -m tests.held_up make test`. What is stopped, and when, is written to `held-up.log` in the folder for temporary files: a
test that fails has the line that explains it. The exit code is the command's.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

BETWEEN_S, FOR_S = (3.0, 8.0), (0.5, 2.5)
LOG = Path(tempfile.gettempdir()) / "held-up.log"


def hold_up(process: psutil.Process, seconds: float) -> None:
    """Let a process stand still for so long; it may end meanwhile."""
    try:
        process.suspend()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.05)
    finally:
        process.resume()


def chosen(parent: psutil.Process, chance: random.Random) -> psutil.Process:
    """Each program is as likely as another, however many processes it has. Raises IndexError where there is none."""
    programs: dict[str, list[psutil.Process]] = {}
    for process in parent.children(recursive=True):
        programs.setdefault(process.name(), []).append(process)
    return chance.choice(programs[chance.choice(list(programs))])


def main(command: list[str]) -> int:
    """Run it; the exit code."""
    chance = random.Random(len(command))  # which process it is depends on what runs anyway
    with LOG.open("w") as log, subprocess.Popen(command) as running:
        mine = psutil.Process()
        while running.poll() is None:
            rest = time.monotonic() + chance.uniform(*BETWEEN_S)
            while running.poll() is None and time.monotonic() < rest:
                time.sleep(0.05)
            seconds = chance.uniform(*FOR_S)
            try:
                process = chosen(mine, chance)
                log.write(f"{time.strftime('%H:%M:%S')} {seconds:.1f} s: {' '.join(process.cmdline())[:200]}\n")
                log.flush()
                hold_up(process, seconds)
            except (psutil.Error, IndexError):
                continue  # it has ended
    return running.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

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


def still_runs(command: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it does after so long."""
    try:
        command.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


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
        while still_runs(running, chance.uniform(*BETWEEN_S)):
            seconds = chance.uniform(*FOR_S)
            try:
                process = chosen(psutil.Process(), chance)
                log.write(f"{time.strftime('%H:%M:%S')} {seconds:.1f} s: {' '.join(process.cmdline())[:200]}\n")
                log.flush()
                process.suspend()
                try:
                    still_runs(running, seconds)
                finally:
                    process.resume()
            except (psutil.Error, IndexError):
                continue  # it has ended
    return running.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

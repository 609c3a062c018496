"""A call that does not come back ends the process; everything else goes on."""

from __future__ import annotations

import subprocess
import sys

from connectors.kafka.watchdog import EXIT_HUNG

PROGRAM = """
import threading, time
from connectors.kafka.watchdog import LOOK_SECONDS, Watchdog
watchdog = Watchdog("test", 2 * LOOK_SECONDS)
for _ in range(40):
    with watchdog:
        time.sleep(LOOK_SECONDS / 10)
time.sleep(3 * LOOK_SECONDS)
print("fast blocks and idleness pass", flush=True)
with watchdog:
    threading.Event().wait({wait})
print("the end", flush=True)
"""


def _run(wait: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(wait=wait)], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_hanging_call_ends_the_process() -> None:
    """Many short blocks and a pause between them are fine; the one that hangs is the end, with a named reason."""
    found = _run("")
    assert "idleness pass" in found.stdout
    assert found.returncode == EXIT_HUNG
    assert "hangs" in found.stderr + found.stdout


def test_a_call_in_time_passes() -> None:
    """Nothing happens to a process whose calls come back."""
    found = _run("LOOK_SECONDS / 2")
    assert found.returncode == 0
    assert "the end" in found.stdout

"""The processes of the canonical flow on one host, which are children of one that checks, fences and reads for them.

They begin before it does that: while it looks at what may forbid the start they import what they need, then they wait
for what it read. Where there is no start, for whatever reason, none of them is left.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.laps import Laps
from connectors.log import configure, logger
from connectors.mappings.versions import installed
from connectors.ports import PortTaken
from dataflows import bootstrap
from dataflows.settings import Settings, load_settings
from dataflows.start import Start, StartRefused, refuse_edits
from dataflows.start_folder import StartFolder
from dataflows.stopping import Stopping
from dataflows.worker import EXIT_AGAIN, work

EXIT_REFUSED = 2
#: how long a process may take to end after SIGTERM before it is killed
STOP_SECONDS = 8.0


class Children:
    """The processes of one start, as their parent sees them."""

    def __init__(self, folder: StartFolder) -> None:
        """None runs yet."""
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def spawn(self, settings: Settings) -> None:
        """Begin them all; they wait for the start. A lost parent is noticed by each of them."""
        environment = os.environ | {f"CONCORD_{k.upper()}": v for k, v in bootstrap.as_environment(settings).items()}
        for number in range(settings.processes):
            command = [sys.executable, "-m", "dataflows.child", str(self._folder.path), str(number), str(os.getpid())]
            child = subprocess.Popen(command, env=environment)  # noqa: S603 - our own module with our own arguments
            self._processes.append(child)

    def run(self, start: Start, stopping: Stopping) -> int:
        """Let them begin, and watch them; when one ends, the others end too. The exit code of the flow."""
        self._folder.give(start)
        while not stopping.asked and all(child.poll() is None for child in self._processes):
            time.sleep(0.05)
        self.end()
        codes = [child.returncode for child in self._processes]
        if stopping.asked:
            return 0
        return EXIT_AGAIN if EXIT_AGAIN in codes else next((code for code in codes if code > 0), 1)

    def end(self) -> None:
        """Stop those that run, and wait for them; in the end by force."""
        for child in self._processes:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._processes:
            try:
                child.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextmanager
def waiting(settings: Settings) -> Iterator[Children]:
    """Processes that wait for a start; none is left when this ends."""
    with tempfile.TemporaryDirectory(prefix="concord-") as path:
        children = Children(StartFolder(Path(path)))
        try:
            children.spawn(settings)
            yield children
        finally:
            children.end()


def run_child(path: Path, number: int, parent: int) -> int:
    """Wait for the start, and run process `number` of it; the exit code."""
    settings, folder = load_settings(), StartFolder(path)
    configure(settings.log_level)
    laps = Laps(settings.flow)
    laps.lap("process")
    start = folder.start(lambda: os.getppid() != parent)
    if start is None:
        folder.remove()
        return 0
    laps.lap("wait")
    try:
        refuse_edits(settings, start.versions, installed(settings.sources_dir, settings.sources, settings.ownership))
        return work(settings, start, number, Stopping(), laps, None, parent, folder)
    except (PortTaken, StartRefused) as error:
        logger(settings.flow).error("start refused", process=number, reason=str(error))
        return EXIT_REFUSED

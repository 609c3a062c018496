"""The processes of the canonical flow on one host, which are children of one that checks, fences and reads for them.

They are forked from it once it has looked at settings, mappings and contracts, which none of them has to do again, and
before it has a Kafka client, which must not be forked; then they wait for what it reads. Where there is no start, for
whatever reason, none of them is left.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import NoReturn

from connectors.laps import Laps
from connectors.log import logger
from connectors.mappings.versions import installed
from connectors.ports import PortTaken
from dataflows.settings import Settings
from dataflows.start import Start, StartRefused, refuse_edits
from dataflows.start_folder import StartFolder
from dataflows.stopping import Stopping
from dataflows.worker import EXIT_AGAIN, Given, work

EXIT_REFUSED = 2
_FORK = get_context("fork")
#: how long a process may take to end after SIGTERM before it is killed
STOP_SECONDS = 8.0


class Children:
    """The processes of one start, as their parent sees them."""

    def __init__(self, folder: StartFolder) -> None:
        """None runs yet."""
        self._folder = folder
        self._processes: list[ForkProcess] = []

    def spawn(self, settings: Settings, given: Given) -> None:
        """Begin them all; they wait for the start. A lost parent is noticed by each of them."""
        for number in range(settings.processes):
            child = _FORK.Process(target=run_child, args=(self._folder, settings, given, number, os.getpid()))
            child.start()
            self._processes.append(child)

    def run(self, start: Start, stopping: Stopping) -> int:
        """Let them begin, and watch them; when one ends, the others end too. The exit code of the flow."""
        self._folder.give(start)
        while not stopping.asked and all(child.is_alive() for child in self._processes):
            time.sleep(0.05)
        self.end()
        codes = [child.exitcode or 0 for child in self._processes]
        if stopping.asked:
            return 0
        return EXIT_AGAIN if EXIT_AGAIN in codes else next((code for code in codes if code > 0), 1)

    def end(self) -> None:
        """Stop those that run, and wait for them; in the end by force."""
        for child in self._processes:
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._processes:
            child.join(max(deadline - time.monotonic(), 0.1))
            if child.exitcode is None:
                child.kill()
                child.join()


@contextmanager
def waiting(settings: Settings, given: Given) -> Iterator[Children]:
    """Processes that wait for a start; none is left when this ends."""
    with tempfile.TemporaryDirectory(prefix="concord-") as path:
        children = Children(StartFolder(Path(path)))
        try:
            children.spawn(settings, given)
            yield children
        finally:
            children.end()


def run_child(folder: StartFolder, settings: Settings, given: Given, number: int, parent: int) -> NoReturn:
    """Wait for the start, and run process `number` of it; ends with its exit code.

    Until there is a start it has nothing to lose, and ends at once when it is told to.
    """
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: os._exit(0))
    given.contracts.reconnect()
    laps = Laps(settings.flow)
    laps.lap("process")
    start = folder.start(lambda: os.getppid() != parent)
    if start is None:
        folder.remove()
        sys.exit(0)
    laps.lap("wait")
    try:
        refuse_edits(settings, start.versions, installed(settings.sources_dir, settings.sources, settings.ownership))
        code = work(settings, start, number, Stopping(), laps, given, parent, folder)
    except (PortTaken, StartRefused) as error:
        logger(settings.flow).error("start refused", process=number, reason=str(error))
        code = EXIT_REFUSED
    sys.exit(code)

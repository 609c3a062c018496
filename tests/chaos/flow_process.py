"""The canonical flow as a process of its own that tests start, kill, freeze and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import psutil

ROOT = Path(__file__).resolve().parents[2]
CONCORD = Path(sys.executable).with_name("concord")


class FlowProcess:
    """`concord run ...` in a process group of its own; what it says goes to a log file."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], log: Path, program: Sequence[str] = (str(CONCORD),)
    ) -> None:
        """Nothing runs before `start`."""
        self._command = [*program, *arguments]
        self._environment = dict(environment)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def pid(self) -> int:
        """The process id of the flow's parent process."""
        assert self._process is not None, "the flow was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the parent process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The parent's exit code, None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it, as a supervisor would."""
        self.starts += 1
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def ensure_running(self) -> None:
        """Start it again if it ended by itself: the restart policy that every deployment has."""
        if not self.running:
            self.start()

    def processes(self) -> list[psutil.Process]:
        """The parent and its children that live now."""
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill_all(self) -> None:
        """kill -9 of the whole group: a power cut."""
        if self._process is not None:
            self._signal_group(signal.SIGKILL)
            self._process.wait(30)

    def kill_one(self, random: Random) -> int:
        """kill -9 of one of its processes; whatever survives has to cope. Gives the victim's pid."""
        found = self.processes()
        if not found:
            return 0
        victim = random.choice(found)
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            return 0
        return victim.pid

    def freeze(self) -> None:
        """SIGSTOP of the whole group."""
        self._signal_group(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT of the whole group."""
        self._signal_group(signal.SIGCONT)

    def stop(self, timeout_s: float = 30.0) -> int:
        """SIGTERM to the parent and wait for a clean end; its exit code."""
        if self._process is None:
            return 0
        if self.running:
            self._process.terminate()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill_all()
            return -signal.SIGKILL

    def wait(self, timeout_s: float = 60.0) -> int:
        """Wait until it ends by itself; its exit code."""
        assert self._process is not None, "the flow was never started"
        return self._process.wait(timeout_s)

    def tail(self, lines: int = 15) -> str:
        """The end of the log, for a failing test's message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def _signal_group(self, number: signal.Signals) -> None:
        """Signal the process group that `start` made."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str, explain: Callable[[], str] = str) -> None:
    """Poll a condition; fails with `what` and the explanation when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what}\n{explain()}")
        time.sleep(0.05)

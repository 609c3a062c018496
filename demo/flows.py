"""The flows of a demo run as processes of their own: `concord run ...`, logs in files, stopped by SIGTERM."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from dataflows.settings import ROOT
from stack.process import tail

STOP_SECONDS = 10.0


class FlowDied(Exception):
    """A flow ended by itself; the message names it, its exit code and the end of its log."""


class Flows:
    """Starts the flows one by one and watches them. `logs`: the folder of their log files."""

    def __init__(self, logs: Path, environment: Mapping[str, str] | None = None) -> None:
        """`environment`: settings of the flows besides those of this process."""
        self._logs = logs
        self._environment = {**os.environ, **(environment or {})}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.rss_max_bytes = 0

    def start(self, flow: str, arguments: tuple[str, ...] = ()) -> None:
        """Start `concord run <flow>`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._running[flow] = self._spawn(flow, [sys.executable, "-m", "console.cli", "run", flow, *arguments])

    def start_service(self, name: str, arguments: list[str]) -> None:
        """Start another long-running module of the project, for example the demo's HTTP services."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._running[name] = self._spawn(name, [sys.executable, "-m", *arguments])

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log(name).open("ab") as out:
            return subprocess.Popen(  # noqa: S603 - our own modules with our own arguments
                command, cwd=ROOT, env=self._environment, stdout=out, stderr=out, start_new_session=True
            )

    def log(self, name: str) -> Path:
        """Log file of a flow."""
        return self._logs / f"flow-{name}.log"

    def check(self) -> None:
        """Measure the memory of all; raises FlowDied if one has ended."""
        total = 0
        for name, process in self._running.items():
            code = process.poll()
            if code is not None:
                raise FlowDied(
                    f"{name} ended with exit code {code}.\n{tail(self.log(name))}\nNext step: read {self.log(name)}"
                )
            if not name.startswith("demo"):
                total += _rss(process.pid)
        self.rss_max_bytes = max(self.rss_max_bytes, total)

    def stop(self) -> dict[str, float]:
        """Ask all to end, kill what does not within 10 s; returns the seconds that each took."""
        started = time.monotonic()
        for process in self._running.values():
            process.terminate()
        took = {}
        for name, process in self._running.items():
            try:
                process.wait(max(STOP_SECONDS - (time.monotonic() - started), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            took[name] = round(time.monotonic() - started, 2)
        self._running.clear()
        return took


def _rss(pid: int) -> int:
    """Resident bytes of a process and its children; 0 for what has just ended."""
    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total

"""Processes that outlive the command that started them: pid files that cannot name somebody else's process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stack.errors import StackError

LOG_ROTATE_BYTES = 20_000_000
POLL_SECONDS = 0.05

# children of this very process, kept so that a dead one is reaped instead of staying a zombie
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Launch:
    """How to start one component."""

    command: list[str]
    cwd: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: int | None = None
    group: int | None = None


def start_mark(pid: int) -> str | None:
    """What tells this process from a later one with the same pid: boot and start time; None if it does not run."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
        return None
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            return None
        return None if fields[0] in "ZX" and not threads_left(pid) else f"{boot_id()}:{fields[19]}"
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def threads_left(pid: int) -> bool:
    """Whether a process that shows as ended still has threads, which hold its ports for another moment."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def boot_id() -> str:
    """This boot of the machine, because start times count from it."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def write_pid(path: Path, pid: int) -> None:
    """Write down a process that runs now, whole or not at all."""
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps({"pid": pid, "mark": start_mark(pid)}))
    os.replace(scratch, path)


def running_pid(path: Path) -> int | None:
    """The pid in the file if that very process still runs; a recycled pid, a torn file or no file is None."""
    try:
        known = json.loads(path.read_text())
        pid, mark = int(known["pid"]), known["mark"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if mark is not None and start_mark(pid) == mark else None


def spawn(launch: Launch, pid_file: Path, log: Path) -> int:
    """Start detached, output appended to the log; returns the pid."""
    if log.exists() and log.stat().st_size > LOG_ROTATE_BYTES:
        os.replace(log, log.with_suffix(".log.1"))
    with log.open("ab") as output:
        child = subprocess.Popen(
            launch.command,
            cwd=launch.cwd,
            env=os.environ | launch.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=launch.user,
            group=launch.group,
            extra_groups=[] if launch.user is not None else None,
        )
    _children[child.pid] = child
    write_pid(pid_file, child.pid)
    return child.pid


def send(pid_file: Path, number: int) -> int | None:
    """Send a signal to the process of a pid file; returns its pid, or None if it does not run."""
    pid = running_pid(pid_file)
    if pid is None:
        return None
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return None
    except PermissionError as error:
        raise StackError(
            f"process {pid} ({pid_file.stem}) belongs to another user",
            "run the command as the user who started it",
        ) from error
    return pid


def wait_gone(pid_file: Path, timeout_seconds: float) -> bool:
    """Whether the process of the pid file is gone within the time."""
    deadline = time.monotonic() + timeout_seconds
    while running_pid(pid_file) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def stop(pid_file: Path, number: int, timeout_seconds: float) -> bool:
    """Ask to end, then insist; True if it ran. The pid file is removed only when the process is gone."""
    ran = send(pid_file, number) is not None
    if not wait_gone(pid_file, timeout_seconds):
        send(pid_file, signal.SIGKILL)
        if not wait_gone(pid_file, 10):
            raise StackError(
                f"{pid_file.stem} does not end, not even by SIGKILL",
                f"look at the process named in {pid_file}",
            )
    pid_file.unlink(missing_ok=True)
    return ran


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented, for an error message."""
    if not log.exists():
        return "  (no log was written)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (the log is empty)"

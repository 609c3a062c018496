"""A pid file never names somebody else's process, and no signal reaches one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.health import wait_ready
from stack.process import Launch, running_pid, send, spawn, start_mark, stop, tail, wait_gone, write_pid

SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)",
]


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that the stack did not start."""
    with subprocess.Popen(SLEEPER) as process:
        yield process
        process.kill()


def test_a_recycled_pid_is_not_ours(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    """The pid runs, but was started at another time than the file says: not running, and it gets no signal."""
    pid_file = tmp_path / "kafka.pid"
    write_pid(pid_file, stranger.pid)
    assert running_pid(pid_file) == stranger.pid
    pid_file.write_text(json.dumps({"pid": stranger.pid, "mark": "an earlier start"}))
    assert running_pid(pid_file) is None
    assert send(pid_file, signal.SIGKILL) is None
    assert not stop(pid_file, signal.SIGKILL, 1)
    assert stranger.poll() is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "12", '{"pid": 1}', '{"pid": "x", "mark": "y"}', '{"pid": 1, "mark": null}']
)
def test_a_torn_file_is_not_running(tmp_path: Path, text: str) -> None:
    """Half a file, as a power cut leaves it, reads as 'not running'."""
    (tmp_path / "kafka.pid").write_text(text)
    assert running_pid(tmp_path / "kafka.pid") is None


def test_no_file_is_not_running(tmp_path: Path) -> None:
    """Nothing was started here."""
    assert running_pid(tmp_path / "kafka.pid") is None


def test_a_started_process_is_detached_and_found(tmp_path: Path) -> None:
    """It leads its own session (Ctrl-C does not reach it), its output is in the log, its death is seen at once."""
    pid_file, log = tmp_path / "x.pid", tmp_path / "x.log"
    pid = spawn(Launch(STUBBORN, tmp_path), pid_file, log)
    assert running_pid(pid_file) == pid
    assert os.getsid(pid) == pid
    assert stop(pid_file, signal.SIGKILL, 10)
    assert start_mark(pid) is None
    assert not pid_file.exists()


def test_a_deaf_process_is_ended_all_the_same(tmp_path: Path) -> None:
    """One that ignores SIGTERM gets SIGKILL when its time is over."""
    pid_file, log = tmp_path / "x.pid", tmp_path / "x.log"
    spawn(Launch(STUBBORN, tmp_path), pid_file, log)
    assert wait_ready(lambda: None if "deaf" in tail(log) else "not yet deaf", lambda: None, 10) is None
    assert stop(pid_file, signal.SIGTERM, 0.2)
    assert wait_gone(pid_file, 0)


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    """Error messages quote the end, and say so when there is nothing to quote."""
    log = tmp_path / "x.log"
    assert "no log" in tail(log)
    log.write_text("")
    assert "empty" in tail(log)
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    assert tail(log, 2) == "  line 98\n  line 99"

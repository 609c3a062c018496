"""Processes of one host begin before their start is read; where there is no start, none of them is left.

Planted breaks, seen to fail: each is named at its test.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from console.cli import main
from console.exits import Exit
from dataflows import bootstrap, canonical
from dataflows.start import Start
from dataflows.worker import EXIT_AGAIN
from tests.chaos.flow_process import wait_until
from tests.connectors.valkey import free_port
from tests.dataflows.waiting_command import REFUSAL

WITHIN_S = 60.0
PROCESSES = 3


def first_free_port() -> int:
    """The first of as many ports as there are processes."""
    while True:
        first = free_port()
        with ExitStack() as tried, suppress(OSError, OverflowError):
            for number in range(PROCESSES):
                tried.enter_context(socket.socket()).bind(("127.0.0.1", first + number))
            if first <= 65_000:
                return first


@pytest.fixture
def apart(tmp_path: Path) -> dict[str, str]:
    """An environment where nobody answers, no port collides, and folders for temporary files are seen."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return {
        "CONCORD_STACK_DIR": str(tmp_path),
        "CONCORD_KAFKA": f"127.0.0.1:{free_port()}",
        "CONCORD_REGISTRY": f"http://127.0.0.1:{free_port()}",
        "CONCORD_CLUSTER_PORT": str(first_free_port()),
        "CONCORD_METRICS_PORT": "0",
        "TMPDIR": str(temporary),
    }


@pytest.fixture
def here(apart: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for this process."""
    for name, value in apart.items():
        monkeypatch.setenv(name, value)


def hears(pid: int) -> bool:
    """Whether the process has set up what SIGTERM does to it."""
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that nobody has fetched yet does not."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def kill(*processes: psutil.Process) -> None:
    """So that a failing test leaves nothing."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def running(environment: dict[str, str], *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command of these tests, in this environment."""
    command = [sys.executable, "-m", "tests.dataflows.waiting_command", *map(str, arguments)]
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def reading(environment: dict[str, str], folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A command that reads, and the processes that wait for it."""
    with running(environment, folder, PROCESSES) as command, ExitStack() as after:
        wait_until((folder / "reads").exists, WITHIN_S, "the command to read")
        children = psutil.Process(command.pid).children()
        after.callback(kill, *children)
        wait_until(lambda: all(hears(child.pid) for child in children), WITHIN_S, "the processes to hear signals")
        assert len(children) == PROCESSES
        yield command, children


def test_it_ends_when_its_parent_is_gone(apart: dict[str, str], tmp_path: Path) -> None:
    """With exit code 0, and it removes the folder that nobody else is left to remove. Planted: it only looks for a start."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with running(apart, folder, "child", os.getppid()) as child:
        assert child.wait(WITHIN_S) == 0
    assert not folder.exists()


def test_it_ends_when_it_is_told_to_while_it_waits(apart: dict[str, str], tmp_path: Path) -> None:
    """With exit code 0, not by the signal. Planted: its signals are those of a running flow, which nobody looks at yet."""
    with running(apart, tmp_path, "child", os.getpid()) as child:
        wait_until(lambda: hears(child.pid), WITHIN_S, "the process to hear signals")
        child.terminate()
        assert child.wait(WITHIN_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_none_outlives_a_parent_that_is_stopped_while_it_reads(
    apart: dict[str, str], tmp_path: Path, number: int
) -> None:
    """Neither processes nor folder stay. Planted: they only look for a start."""
    with reading(apart, tmp_path) as (parent, children):
        parent.send_signal(number)
        assert parent.wait(WITHIN_S) == -number
        wait_until(lambda: not any(map(alive, children)), WITHIN_S, "the processes to end")
    assert not list(Path(apart["TMPDIR"]).iterdir())


def test_a_refused_start_leaves_none(apart: dict[str, str], tmp_path: Path) -> None:
    """They had begun, and end without a word before the command does. Planted: ended only after a start."""
    with reading(apart, tmp_path) as (command, children):
        (tmp_path / "refuse").touch()
        assert command.wait(WITHIN_S) == Exit.USAGE
        assert not any(map(alive, children))
        assert command.stderr is not None
        said = command.stderr.read()
    assert said.count("\n") == 1 and REFUSAL in said


def test_a_process_is_told_what_was_looked_at(apart: dict[str, str], tmp_path: Path) -> None:
    """It is forked with mappings and contracts, so a command without Kafka clients has one thread when it does that.

    Planted: forked after a Kafka client was made, whose threads and locks a forked process does not have.
    """
    with reading(apart, tmp_path) as (command, children):
        assert psutil.Process(command.pid).num_threads() == 1
        assert {child.num_threads() for child in children} == {1}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a start with two processes does that is overtaken by another one, in order."""
    told: list[str] = []

    @contextmanager
    def waiting(*_: object) -> Iterator[Mock]:
        told.append("begin")
        yield Mock(run=lambda *_: EXIT_AGAIN)
        told.append("end")

    def tells(word: str, result: object) -> Callable[..., object]:
        def tell(*_: object) -> object:
            told.append(word)
            return result

        return tell

    monkeypatch.setattr(bootstrap, "contracts", Mock())
    monkeypatch.setattr(canonical, "waiting", waiting)
    monkeypatch.setattr(canonical, "_begun", tells("read", Start({}, {})))
    monkeypatch.setattr(canonical, "again", tells("again", None))
    return told


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("stopped", "then"), [(False, ["again"]), (True, [])])
def test_one_that_was_overtaken_runs_again(
    stopped: bool, then: list[str], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its processes are gone before that; one that is to stop is content. Planted: again while they still run."""
    monkeypatch.setattr(canonical, "Stopping", lambda: Mock(asked=stopped))
    assert main(["run", "canonical", "--processes", "2"]) == Exit.OK
    assert told == ["begin", "read", "end", *then]


def test_again_is_the_same_command_in_the_same_process(tmp_path: Path) -> None:
    """A supervisor sees nothing of it. Planted: without its arguments."""
    first = tmp_path / "first"
    command = [sys.executable, "-m", "tests.dataflows.command_again", str(first), "--processes", "2"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=WITHIN_S).stdout)
    assert said == {"pid": int(first.read_text()), "arguments": [str(first), "--processes", "2"]}

"""Processes of one host begin while their start is still checked; where there is no start, none of them is left.

Planted breaks, seen to fail: each is named at its test.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from connectors.registry import RegistryUnavailable
from console.cli import main
from console.exits import Exit
from dataflows import bootstrap, canonical
from dataflows.start import Start, StartRefused
from dataflows.worker import EXIT_AGAIN
from tests.chaos.flow_process import wait_until
from tests.connectors.valkey import free_port

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


def children_of(pid: int) -> list[psutil.Process]:
    """All processes of the flow below its parent, which may have other children, once they hear signals."""
    found: list[psutil.Process] = []

    def ready() -> bool:
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            found[:] = [one for one in psutil.Process(pid).children() if "dataflows.child" in one.cmdline()]
            return len(found) == PROCESSES and all(hears(child.pid) for child in found)
        return False

    wait_until(ready, WITHIN_S, "all processes to have begun")
    return found


@contextmanager
def waiting_child(folder: Path, parent: int, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the flow for which there is no start."""
    command = [sys.executable, "-m", "dataflows.child", str(folder), "0", str(parent)]
    with subprocess.Popen(command, env={**os.environ, **environment}) as child:
        try:
            yield child
        finally:
            child.kill()


def test_it_ends_when_its_parent_is_gone(apart: dict[str, str], tmp_path: Path) -> None:
    """With exit code 0, and it removes the folder that nobody else is left to remove. Planted: it only looks for a start."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with waiting_child(folder, parent=os.getppid(), environment=apart) as child:
        assert child.wait(WITHIN_S) == 0
    assert not folder.exists()


def test_it_ends_when_it_is_told_to_while_it_imports(apart: dict[str, str], tmp_path: Path) -> None:
    """With exit code 0, not by the signal. Planted: it imports first, and its signals are those of a running flow."""
    with waiting_child(tmp_path, parent=os.getpid(), environment=apart) as child:
        wait_until(lambda: hears(child.pid), WITHIN_S, "the process to hear signals")
        child.terminate()
        assert child.wait(WITHIN_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_none_outlives_a_parent_that_is_stopped_while_it_checks(apart: dict[str, str], number: int) -> None:
    """It waits for a registry that does not answer; neither processes nor folder stay. Planted: they only look for a start."""
    command = [sys.executable, "-m", "console.cli", "run", "canonical", "--processes", str(PROCESSES)]
    with subprocess.Popen(command, env={**os.environ, **apart}) as parent, ExitStack() as after:
        after.callback(parent.kill)
        children = children_of(parent.pid)
        after.callback(kill, *children)
        parent.send_signal(number)
        assert parent.wait(WITHIN_S) == -number
        wait_until(lambda: not any(map(alive, children)), WITHIN_S, "the processes to end")
    assert not list(Path(apart["TMPDIR"]).iterdir())


@pytest.mark.parametrize(
    ("asked", "refusal", "code"),
    [
        ("dataflows.bootstrap.contracts", RegistryUnavailable("nobody is there"), Exit.UNREACHABLE),
        ("dataflows.canonical._read", StartRefused("not today"), Exit.USAGE),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_refused_start_leaves_none(
    asked: str,
    refusal: Exception,
    code: int,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """They had begun, and end without a word before the command does. Planted: ended only after a start."""
    began: list[psutil.Process] = []

    def refuse(*_: object) -> None:
        began.extend(children_of(os.getpid()))
        raise refusal

    request.addfinalizer(lambda: kill(*began))

    monkeypatch.setattr(bootstrap, "contracts", Mock())
    monkeypatch.setattr(asked, refuse)
    assert main(["run", "canonical", "--processes", str(PROCESSES)]) == code
    assert len(began) == PROCESSES and not any(map(alive, began))
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and str(refusal) in err


@pytest.mark.usefixtures("here")
def test_one_that_starts_once_more_begins_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the first start are gone before the next is read. Planted: one set of processes for all starts."""
    told: list[str] = []
    codes = iter((EXIT_AGAIN, 0))

    @contextmanager
    def waiting(_: object) -> Iterator[Mock]:
        told.append("begin")
        yield Mock(run=lambda *_: next(codes))
        told.append("end")

    def begun(*_: object) -> Start:
        told.append("read")
        return Start({}, {})

    monkeypatch.setattr(bootstrap, "contracts", Mock())
    monkeypatch.setattr(canonical, "waiting", waiting)
    monkeypatch.setattr(canonical, "_begun", begun)
    monkeypatch.setattr(canonical, "Stopping", lambda: Mock(asked=False))
    assert main(["run", "canonical", "--processes", "2"]) == Exit.OK
    assert told == ["begin", "read", "end"] * 2

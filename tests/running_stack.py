"""The stack that tests run on: plain processes in a folder of their own, the compose file, or one that is already up."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from testcontainers.compose import DockerCompose

from stack import supervisor
from stack.errors import StackError
from stack.health import wait_ready
from stack.layout import ROOT, Addresses, Layout, layout_from
from stack.postgres import create_databases
from stack.roster import COMPONENTS

CHOICE = "CONCORD_TEST_STACK"
_PROCESS = "process"
SLOTS = 18
FIRST_PORT_BASE, PORTS_PER_SLOT = (
    28_000,
    200,
)  # all below 32768, where outgoing connections take their ports


class RunningStack(ABC):
    """Every component, up and reachable. Names are kafka, connect, registry, postgres and redis."""

    layout: Layout
    own = True  # False: others use it too, so it is neither killed nor restarted

    @property
    def addresses(self) -> Addresses:
        """Where the components are."""
        return self.layout.addresses()

    def environment(self) -> dict[str, str]:
        """CONCORD_* variables for a child process that must use this stack."""
        return self.addresses.environment() | {"CONCORD_STACK_DIR": str(self.layout.directory)}

    @abstractmethod
    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to a component; after SIGKILL it is gone."""

    @abstractmethod
    def start(self, name: str) -> None:
        """Start a killed component again; returns when it serves."""

    @abstractmethod
    def restart(self) -> None:
        """Stop everything in good order and start it again; data must still be there."""


class Processes(RunningStack):
    """Plain processes (stack/), or the developer's own stack that is already up."""

    def __init__(self, layout: Layout, own: bool = True) -> None:
        """Remember where it is."""
        self.layout = layout
        self.own = own

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Through the pid file."""
        supervisor.kill(name, number, self.layout)

    def start(self, name: str) -> None:
        """As `concord stack up` does."""
        supervisor.start(name, self.layout)

    def restart(self) -> None:
        """As `concord stack down` and `concord stack up` do."""
        supervisor.down(self.layout)
        supervisor.up(self.layout)


class Containers(RunningStack):
    """docker-compose.yml through testcontainers; the same addresses as the default port base."""

    def __init__(self, layout: Layout, compose: DockerCompose) -> None:
        """Remember the engine's handle."""
        self.layout = layout
        self.compose = compose

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Through the engine."""
        self.run("kill", "--signal", signal.Signals(number).name, name)

    def start(self, name: str) -> None:
        """Through the engine, then wait as for a plain process."""
        self.run("start", name)
        self.wait(name)

    def restart(self) -> None:
        """Containers stop and start; their volumes stay."""
        self.run("stop")
        self.run("start")
        for name in COMPONENTS:
            self.wait(name)

    def wait(self, name: str) -> None:
        """Until the component serves."""
        component = COMPONENTS[name]
        reason = wait_ready(
            lambda: component.ready(self.addresses),
            lambda: None,
            component.start_timeout_seconds,
        )
        assert reason is None, reason

    def run(self, *words: str) -> None:
        """One command of docker compose."""
        self.compose._run_command([*self.compose.compose_command_property, *words])


@contextmanager
def processes() -> Iterator[RunningStack]:
    """A fresh stack of plain processes that no developer's stack and no other test run sees; wiped at the end."""
    with free_slot() as (directory, port_base):
        here = layout_from(
            {
                **os.environ,
                "CONCORD_STACK_DIR": str(directory),
                "CONCORD_PORT_BASE": str(port_base),
            }
        )
        supervisor.wipe(here)  # what a killed test run left
        try:
            supervisor.up(here)
            yield Processes(here)
        finally:
            supervisor.wipe(here)


def wipe_leftovers() -> None:
    """End and remove what killed test runs left; stacks of test runs that still live are not touched."""
    for number in range(SLOTS):
        directory = slot(number)
        if not directory.exists():
            continue
        with (directory / "slot").open("w") as lock:
            if not taken(lock):
                supervisor.wipe(layout_from({"CONCORD_STACK_DIR": str(directory)}))


def slot(number: int) -> Path:
    """The folder of one test stack."""
    return ROOT / ".stack" / "tests" / str(number)


@contextmanager
def free_slot() -> Iterator[tuple[Path, int]]:
    """A folder and a port base that nobody else holds, for as long as this process lives."""
    for number in range(SLOTS):
        directory = slot(number)
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "slot").open("w") as lock:
            base = FIRST_PORT_BASE + number * PORTS_PER_SLOT
            if taken(lock) or answers(base):
                continue
            yield directory, base
            return
    raise StackError(f"all {SLOTS} test stacks are in use", "wait for another test run to end")


def answers(port_base: int) -> bool:
    """Whether the stack of another work tree is on these ports: Valkey is up at once, PostgreSQL stops last."""

    def is_there(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return is_there(port_base + 79) or is_there(port_base + 32)


def taken(lock: TextIO) -> bool:
    """Whether somebody else holds the lock; if not, we do now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@contextmanager
def containers() -> Iterator[RunningStack]:
    """The compose file's core profile; its containers and volumes are removed at the end."""
    directory = ROOT / ".stack" / "tests" / "docker"
    directory.mkdir(parents=True, exist_ok=True)
    here = layout_from({"CONCORD_STACK_DIR": str(directory)})
    compose = DockerCompose(
        ROOT,
        compose_file_name="docker-compose.yml",
        profiles=["core"],
        keep_volumes=False,
    )
    with compose:
        running = Containers(here, compose)
        for name in COMPONENTS:
            running.wait(name)
        create_databases(here.addresses().postgres)
        here.stack_json.write_text(json.dumps(here.addresses().as_dict()))
        yield running


@contextmanager
def already_running() -> Iterator[RunningStack]:
    """The stack of this work tree; nothing is started, stopped or wiped."""
    here = layout_from()
    ill = [f"{one.name} is {one.state}" for one in supervisor.status(here).values() if not one.well]
    if ill:
        raise StackError(f"{CHOICE}=running, but {', '.join(ill)}", "run `concord stack up` first")
    yield Processes(here, own=False)


def fresh_stacks() -> bool:
    """Whether each test run has a stack of its own, so that there may be two."""
    return (os.environ.get(CHOICE) or _PROCESS) == _PROCESS


@contextmanager
def chosen_stack() -> Iterator[RunningStack]:
    """The stack that CONCORD_TEST_STACK names: process (the default), docker or running."""
    choices = {_PROCESS: processes, "docker": containers, "running": already_running}
    name = os.environ.get(CHOICE) or _PROCESS
    if name not in choices:
        raise StackError(f"{CHOICE} is {name!r}", f"use one of {', '.join(choices)}")
    with choices[name]() as running:
        yield running

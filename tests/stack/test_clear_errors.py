"""What goes wrong at the start is said in one sentence that names the thing, the setting and the next step."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

from stack import supervisor
from stack.component import Component
from stack.errors import StackError
from stack.guards import make_folders, require_disk, require_python
from stack.health import require_free
from stack.jars import JarCache
from stack.layout import HOST, Addresses, Layout, layout_from
from stack.process import Launch
from stack.roster import closure
from stack.supervisor import start_component


def layout(tmp_path: Path, **environment: str) -> Layout:
    """A stack in a folder of the test."""
    here = layout_from({"CONCORD_STACK_DIR": str(tmp_path), **environment})
    make_folders(here)
    return here


class Mortal(Component):
    """A server that says why and ends at once."""

    name = "redis"
    version = "0"
    ports = ("redis",)

    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """A process that lives for a moment."""
        return Launch([sys.executable, "-c", "print('disk quota exceeded')"], layout.run)

    def ready(self, addresses: Addresses) -> str | None:
        """Never."""
        return "no connection"


def test_a_taken_port_is_named_with_the_setting_that_moves_it() -> None:
    """The message has the port, the component, who holds it and CONCORD_PORT_BASE."""
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(StackError) as caught:
            require_free(port, "kafka", 27000)
    assert re.search(rf"port {port}, which kafka needs, is taken by \S+ \(pid \d+\)", str(caught.value))
    assert "set CONCORD_PORT_BASE (now 27000)" in caught.value.next_step


def test_a_taken_port_stops_the_start_before_anything_runs(tmp_path: Path) -> None:
    """Nothing is spawned on a port that another program answers on: it would be taken for ours."""
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        base = holder.getsockname()[1] - 79
        here = layout(tmp_path, CONCORD_PORT_BASE=str(base))
        with pytest.raises(StackError, match=r"which redis needs, is taken"):
            supervisor.up(here, only=["redis"])
    assert not here.pid_file("redis").exists()


def test_a_component_that_dies_shows_its_last_lines(tmp_path: Path) -> None:
    """The person sees the cause, not only that it failed."""
    here = layout(tmp_path, CONCORD_PORT_BASE="26500")
    with pytest.raises(StackError) as caught:
        start_component(Mortal(), here, JarCache(here.jars))
    assert "redis 0 ended while it was starting" in str(caught.value)
    assert "disk quota exceeded" in str(caught.value)
    assert str(here.log("redis")) in caught.value.next_step


@pytest.mark.parametrize("text", ["abc", "80", "64001", "-1", "1e4"])
def test_a_wrong_port_base_is_refused(text: str) -> None:
    """The setting, what was given and what is allowed."""
    with pytest.raises(StackError, match=f"CONCORD_PORT_BASE is {text!r}, .* from 1024 to 64000"):
        layout_from({"CONCORD_PORT_BASE": text})


def test_an_unsupported_python_is_refused() -> None:
    """The message says which one runs and how to choose another."""
    require_python((3, 12))
    with pytest.raises(StackError, match=r"needs Python 3\.11 or 3\.12 and runs on 3\.13 .*make PYTHON="):
        require_python((3, 13))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be, for example."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StackError, match=rf"{blocked}.* cannot be used .*check its owner and permissions"):
        layout(blocked)


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a component dies of it in the middle of a write."""
    here = layout(tmp_path)
    monkeypatch.setattr("stack.guards.DISK_FREE_BYTES_MIN", 10**18)
    with pytest.raises(StackError, match=r"MB left, the stack needs .*CONCORD_STACK_DIR"):
        require_disk(here)


def test_an_external_component_that_is_not_there_is_named(tmp_path: Path) -> None:
    """An address that somebody set is used, never replaced in silence by a component of our own."""
    here = layout(tmp_path, CONCORD_REDIS="redis://127.0.0.1:1/0")
    with pytest.raises(
        StackError, match=r"redis is set by CONCORD_REDIS to 'redis://127.0.0.1:1/0' but does not serve"
    ):
        supervisor.up(here, only=["redis"])
    assert not here.pid_file("redis").exists()
    assert supervisor.status(here)["redis"].state == "unreachable"


def test_unknown_components_are_refused() -> None:
    """The message lists those that exist; what a component needs is started with it, before it."""
    with pytest.raises(StackError, match=r"no component 'zookeeper'.*postgres, kafka, registry, connect, redis"):
        closure(["zookeeper"])
    assert closure(["connect"]) == ["kafka", "connect"]


def test_killing_what_does_not_run_is_an_error(tmp_path: Path) -> None:
    """A test that believes it killed something must not pass by accident."""
    with pytest.raises(StackError, match=r"kafka does not run in"):
        supervisor.kill("kafka", layout=layout(tmp_path))

"""The processes of one flow on several hosts meet: all of them or none, and none that has something otherwise.

Planted breaks that were seen to fail here: a disagreement that is not looked for; a `begin` that does not count who is
there; an older process of the same number that is left waiting.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from connectors.hosts.line import Line
from connectors.hosts.meeting import Agreement, Meeting, disagreement
from connectors.hosts.member import EXIT_REFUSED, EXIT_REPLACED, Membership, NotMet
from connectors.hosts.together import keep_together
from connectors.ports import LOOPBACK, held
from tests.chaos.flow_process import wait_until
from tests.connectors.valkey import free_port

SAME: Agreement = {"CONCORD_PREFIX": "concord.", "billing/mapping.yaml": "version 1 with content ab"}
WAIT_S = 20.0


class Stop:
    """A stop as the flow has it, without signals."""

    def __init__(self) -> None:
        self.asked, self.by = False, None

    asked: bool
    by: int | None

    def tell(self, number: int) -> None:
        """Another process was asked to stop."""
        if not self.asked:
            self.asked, self.by = True, number


class Hosts:
    """A meeting of three processes, and whoever comes to it."""

    def __init__(self, ends: ExitStack) -> None:
        self.address = LOOPBACK, free_port()
        self._listener = ends.enter_context(held(self.address[1], "the test's meeting", "nothing"))
        self._pool = ends.enter_context(ThreadPoolExecutor(8))
        self.stop = Stop()
        self._stops = [self.stop]
        ends.callback(self.end)
        self.meeting = Meeting(self._listener, 3, SAME, self.stop, "test")

    def come(self, number: int, agreement: Agreement = SAME) -> tuple[Future[Any], Stop]:
        """A process that joins from now on, and how it is stopped."""
        stop = Stop()
        self._stops.append(stop)
        return self._pool.submit(Membership(self.address, number, agreement, stop, "test").join), stop

    def gather(self) -> Future[bool]:
        """Process 0 waits for the others."""
        return self._pool.submit(self.meeting.gather)

    def watch(self, line: Line, mine: int, stop: Stop) -> Future[None]:
        """A process at work."""
        return self._pool.submit(keep_together, line, mine, 0, stop, "test")

    def end(self) -> None:
        """Everybody stops."""
        for stop in self._stops:
            stop.asked = True


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Such a meeting, ended behind the test."""
    with ExitStack() as ends:
        yield Hosts(ends)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for it."""
    wait_until(condition, WAIT_S, what)


def test_all_hear_one_start_and_stop_with_the_first_that_stops(hosts: Hosts) -> None:
    """Nobody begins before the last one is there; then a stop of process 2 is told to all, and who was asked."""
    gathered, (first, first_stop) = hosts.gather(), hosts.come(1)
    assert not first.done() and not hosts.meeting.begin({"commit": 7})
    second, second_stop = hosts.come(2)
    assert gathered.result(WAIT_S)
    assert hosts.meeting.begin({"commit": 7})
    lines = [one.result(WAIT_S) for one in (first, second)]
    assert [start for _line, start in lines] == [{"commit": 7}] * 2
    watched = [hosts.watch(lines[0][0], 1, first_stop), hosts.watch(lines[1][0], 2, second_stop)]
    second_stop.asked = True
    until(lambda: hosts.stop.asked and first_stop.asked, "the stop at every process")
    assert (hosts.stop.by, first_stop.by, second_stop.by) == (2, 2, None)
    for line, _start in lines:
        line.close()
    for one in watched:
        one.result(WAIT_S)


@pytest.mark.parametrize(
    ("number", "changed", "named"),
    [
        (1, {"CONCORD_PREFIX": "other."}, "HOSTS_DISAGREE: process 1 and process 0 disagree about CONCORD_PREFIX"),
        (2, {"billing/mapping.yaml": "version 2 with content cd"}, "disagree about billing/mapping.yaml: 'version 2"),
        (1, {"crm/mapping.yaml": "version 1 with content ef"}, "disagree about crm/mapping.yaml"),
        (3, {}, "there is no process 3 of 3"),
    ],
)
def test_who_has_something_otherwise_is_refused_by_name(
    hosts: Hosts, number: int, changed: dict[str, str], named: str
) -> None:
    """Exit code 2; the meeting goes on and takes the process once it agrees."""
    gathered = hosts.gather()
    refused, _ = hosts.come(number, {**SAME, **changed})
    with pytest.raises(NotMet, match=named) as refusal:
        refused.result(WAIT_S)
    assert refusal.value.code == EXIT_REFUSED
    hosts.come(1)
    hosts.come(2)
    assert gathered.result(WAIT_S)
    assert disagreement(SAME, dict(SAME), 1) is None


def test_of_two_with_one_number_the_newer_counts(hosts: Hosts) -> None:
    """The older one ends with exit code 3, as everywhere; one that leaves before the start is waited for again."""
    gathered, (older, _) = hosts.gather(), hosts.come(1)
    hosts.come(2)
    assert gathered.result(WAIT_S)
    newer, stop = hosts.come(1)
    with pytest.raises(NotMet, match="newer start") as replaced:
        older.result(WAIT_S)
    assert replaced.value.code == EXIT_REPLACED
    stop.asked = True
    assert newer.result(WAIT_S) is None
    until(lambda: hosts.meeting.there() == [2], "the one that left to be missed")
    hosts.come(1)
    assert hosts.gather().result(WAIT_S)


def test_no_start_ends_those_who_wait(hosts: Hosts) -> None:
    """What refuses process 0 is told to the others, with its exit code."""
    gathered, waiting = hosts.gather(), [hosts.come(1)[0], hosts.come(2)[0]]
    assert gathered.result(WAIT_S)
    hosts.meeting.dismiss("raise `version`", 2)
    for one in waiting:
        with pytest.raises(NotMet, match="process 0 does not start: raise `version`") as refusal:
            one.result(WAIT_S)
        assert refusal.value.code == 2


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b'{"hello": "1"}\n', b"[1]\n", b"\x80\x04K\x01.\n", b""])
def test_strangers_change_nothing(hosts: Hosts, said: bytes) -> None:
    """Whoever speaks otherwise is put down; nothing is unpickled, nobody is counted in."""
    with socket.create_connection(hosts.address) as stranger:
        stranger.sendall(said)
        stranger.shutdown(socket.SHUT_WR)
        stranger.settimeout(WAIT_S)
        assert stranger.recv(10) == b""
    gathered = hosts.gather()
    hosts.come(1)
    hosts.come(2)
    assert gathered.result(WAIT_S)


def test_a_silent_end_is_asked_for_by_the_kernel() -> None:
    """Keep-alive is on, since a host without power says no farewell."""
    with socket.create_server((LOOPBACK, 0)) as server, socket.create_connection(server.getsockname()) as connection:
        line = Line(connection)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 10
        line.close()

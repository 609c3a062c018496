"""Process 0's side: it waits until every process of the flow is there and agrees with it, then tells them the start."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Condition, Thread
from typing import Any

from connectors.hosts.line import Line
from connectors.hosts.together import LOOK_SECONDS, Stopping, end_process, keep_together
from connectors.log import logger

#: how long somebody who connects may take to say who he is
_HELLO_SECONDS = 10.0
_REPORT_SECONDS = 10.0

#: code of a process that is refused because it has something otherwise than process 0
HOSTS_DISAGREE = "HOSTS_DISAGREE"
#: what must be the same at every process, by the name that a person knows it under
Agreement = Mapping[str, Any]


def disagreement(first: Agreement, other: Agreement, number: int) -> str | None:
    """The first thing that process `number` has otherwise than process 0, None if there is none."""
    for name in sorted(first.keys() | other.keys()):
        mine, theirs = first.get(name), other.get(name)
        if mine != theirs:
            return (
                f"{HOSTS_DISAGREE}: process {number} and process 0 disagree about {name}: {theirs!r} at process {number}, {mine!r} at "
                f"process 0. Next step: make them the same on every host, then start process {number} again"
            )
    return None


class Meeting:
    """The processes 1 to `count` - 1, as far as they are there. Of two with one number the newer one counts."""

    def __init__(
        self, listener: socket.socket, count: int, agreement: Agreement, stopping: Stopping, flow: str
    ) -> None:
        """Answers from now on; `listener` is bound to the meeting's address."""
        self._count, self._stopping, self._flow = count, stopping, flow
        self._agreement: Agreement = agreement
        self._there: dict[int, Line] = {}
        self._begun = False
        self._changed = Condition()
        self._log = logger(flow)
        listener.listen()
        Thread(target=self._accept, args=(listener,), name="meeting", daemon=True).start()

    def there(self) -> list[int]:
        """The processes that are there, besides this one."""
        with self._changed:
            return sorted(self._there)

    def gather(self) -> bool:
        """Wait for all of them; False after a stop was asked for."""
        told_at = time.monotonic()
        with self._changed:
            while missing := sorted(set(range(1, self._count)) - self._there.keys()):
                if self._stopping.asked:
                    return False
                if time.monotonic() > told_at + _REPORT_SECONDS:
                    told_at = time.monotonic()
                    self._log.warning("waiting for other processes of the flow", missing=missing)
                self._changed.wait(LOOK_SECONDS)
        return not self._stopping.asked

    def begin(self, start: Mapping[str, Any]) -> bool:
        """Tell the start to all of them; False if one has left meanwhile: then gather again and begin anew."""
        with self._changed:
            if len(self._there) < self._count - 1:
                return False
            self._begun = True
            for line in self._there.values():
                line.send(start=start)
            self._changed.notify_all()
            return True

    def dismiss(self, reason: str, code: int) -> None:
        """There is no start: they end with this exit code."""
        with self._changed:
            for line in self._there.values():
                line.send(end=reason, code=code)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _address = listener.accept()
            Thread(target=self._meet, args=(Line(connection),), name="meeting", daemon=True).start()

    def _meet(self, line: Line) -> None:
        """One process, from its hello to its end."""
        try:
            hello = line.receive(_HELLO_SECONDS)
        except TimeoutError:
            hello = None
        number, theirs = (hello or {}).get("hello"), (hello or {}).get("agreement")
        if not isinstance(number, int) or not isinstance(theirs, dict):
            line.close()
            return
        if refused := self._refusal(number, theirs):
            self._log.warning("process refused", process=number, reason=refused)
            line.send(refused=refused)
            line.close()
            return
        self._enter(number, line)
        if self._wait(number, line):
            keep_together(line, 0, number, self._stopping, self._flow)

    def _refusal(self, number: int, theirs: Agreement) -> str | None:
        if not 0 < number < self._count:
            return f"there is no process {number} of {self._count}. Next step: set CONCORD_PROCESS on that host"
        return disagreement(self._agreement, theirs, number)

    def _enter(self, number: int, line: Line) -> None:
        """Count it in."""
        with self._changed:
            if self._begun:  # it, or its host, was started again before anybody saw that it was gone
                line.send(again=True)
                end_process(self._flow, f"process {number} has come again, and the flow begins anew with it")
            if (older := self._there.get(number)) is not None:
                older.send(replaced=True)
                older.close()
            self._there[number] = line
            self._changed.notify_all()
        self._log.info("process is there", process=number)

    def _wait(self, number: int, line: Line) -> bool:
        """True once the flow has begun with it, False if it left or was replaced."""
        while True:
            message: dict[str, Any] | None = {}
            with suppress(TimeoutError):
                message = line.receive(LOOK_SECONDS)
            with self._changed:
                if self._there.get(number) is not line:
                    return False
                if self._begun:
                    if message and "stop" in message:
                        self._stopping.tell(number)
                    return True
                if message is None:
                    del self._there[number]
                    self._log.warning("process has left", process=number)
                    return False

"""The side of every process but the first: it goes to process 0, says what it has, and hears the start."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from connectors.hosts.line import Line
from connectors.hosts.meeting import Agreement
from connectors.hosts.together import LOOK_SECONDS, Stopping
from connectors.log import logger

#: pause between two attempts to reach process 0, and the length of one
_PAUSE_SECONDS, _CONNECT_SECONDS = 0.3, 2.0
_REPORT_SECONDS = 10.0
EXIT_REFUSED, EXIT_REPLACED = 2, 3


class NotMet(Exception):
    """There is no start for this process; `code` is its exit code."""

    def __init__(self, reason: str, code: int) -> None:
        """`reason` says what to do, too."""
        super().__init__(reason)
        self.code = code


class Membership:
    """The way of one process to the meeting at `address` (host, port)."""

    def __init__(
        self, address: tuple[str, int], number: int, agreement: Agreement, stopping: Stopping, flow: str
    ) -> None:
        """Nothing is connected yet."""
        self._address, self._number = address, number
        self._agreement, self._stopping = agreement, stopping
        self._log = logger(flow)
        self._told_at = time.monotonic()

    def join(self) -> tuple[Line, dict[str, Any]] | None:
        """Wait for the start, however long: (the connection to keep, the start); None after a stop. Raises NotMet."""
        while not self._stopping.asked:
            line = self._connected()
            if line is None:
                continue
            line.send(hello=self._number, agreement=self._agreement)
            start = self._answer(line)
            if start is not None:
                return line, start
            line.close()
        return None

    def _connected(self) -> Line | None:
        try:
            return Line(socket.create_connection(self._address, _CONNECT_SECONDS))
        except OSError as error:
            if time.monotonic() > self._told_at + _REPORT_SECONDS:
                self._told_at = time.monotonic()
                where = f"{self._address[0]}:{self._address[1]}"
                self._log.warning("process 0 is not there", address=where, reason=error.strerror or str(error))
        self._pause()
        return None

    def _pause(self) -> None:
        over = time.monotonic() + _PAUSE_SECONDS
        while not self._stopping.asked and time.monotonic() < over:
            time.sleep(LOOK_SECONDS)

    def _answer(self, line: Line) -> dict[str, Any] | None:
        """What process 0 says in the end; None where this process has to come again, or stops."""
        message: dict[str, Any] | None = {}
        while message is not None and not self._stopping.asked:
            with suppress(TimeoutError):
                message = line.receive(LOOK_SECONDS)
            if not message:
                continue
            if isinstance(start := message.get("start"), dict):
                return start
            if "refused" in message:
                raise NotMet(str(message["refused"]), EXIT_REFUSED)
            if "replaced" in message:
                raise NotMet(f"a newer start of process {self._number} has taken its place", EXIT_REPLACED)
            if "end" in message:
                raise NotMet(f"process 0 does not start: {message['end']}", int(message.get("code", EXIT_REFUSED)))
            message = {}
        self._pause()
        return None

"""One connection between two processes of a flow: lines of JSON, and an end that is noticed although nobody writes."""

from __future__ import annotations

import json
import socket
import sys
from contextlib import suppress
from typing import Any

#: a start names every partition of every input topic; more than this is no message of ours
LINE_BYTES_MAX = 32 * 1024 * 1024
_CHUNK_BYTES = 65_536
#: a host that lost its power says no farewell: the kernel asks for it, and gives up after about ten seconds
_SILENCE_S, _PAUSE_S, _QUESTIONS, _UNANSWERED_MS = 4, 2, 3, 10_000


class Line:
    """Messages are JSON objects, one a line. Nothing that is received is executed or unpickled."""

    def __init__(self, connection: socket.socket) -> None:
        """Takes the connection over."""
        self._connection = connection
        self._received = bytearray()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PAUSE_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _QUESTIONS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)

    def send(self, **message: Any) -> None:
        """Send one message; that the other side is gone shows when it is listened to."""
        with suppress(OSError):
            self._connection.settimeout(None)
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message, None at the end of the connection or where no message of ours comes. Raises TimeoutError."""
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > LINE_BYTES_MAX:
                return None
            try:
                self._connection.settimeout(timeout_s)
                chunk = self._connection.recv(_CHUNK_BYTES)
            except TimeoutError:
                raise
            except OSError:
                return None
            if not chunk:
                return None
            self._received += chunk
        text, self._received = self._received[:end], self._received[end + 1 :]
        with suppress(ValueError):
            message = json.loads(text)
            return message if isinstance(message, dict) else None
        return None

    def close(self) -> None:
        """End the connection."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

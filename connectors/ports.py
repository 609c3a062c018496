"""Loopback ports that a flow is going to listen on: asked for before anything is done that a refused start would regret."""

from __future__ import annotations

import socket
import time

#: children of a flow that was killed a moment ago may need so long to notice
PATIENCE_S = 2.0


class PortTaken(Exception):
    """A port that a flow needs is in use: it must not start. Exit code 2."""


def demand(port: int, purpose: str, setting: str, patience_s: float = PATIENCE_S) -> None:
    """See that the port can be used. Raises PortTaken, which names port, purpose and setting."""
    deadline = time.monotonic() + patience_s
    while error := _refusal(port):
        if time.monotonic() > deadline:
            raise taken(port, purpose, setting, error) from error
        time.sleep(0.05)


def _refusal(port: int) -> OSError | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def taken(port: int, purpose: str, setting: str, error: OSError) -> PortTaken:
    """The error for a port that cannot be listened on."""
    return PortTaken(
        f"port {port} for {purpose} cannot be used ({error.strerror}). Next step: end what uses it (another start of this "
        f"flow?), or set {setting} to another first port"
    )

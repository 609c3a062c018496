"""Ports that a flow is going to listen on: asked for before anything is done that a refused start would regret."""

from __future__ import annotations

import errno
import socket
import time

#: children of a flow that was killed a moment ago may need so long to notice
PATIENCE_S = 2.0
LOOPBACK = "127.0.0.1"


class PortTaken(Exception):
    """A port that a flow needs is in use, or not of this machine: it must not start. Exit code 2."""


def demand(port: int, purpose: str, setting: str, patience_s: float = PATIENCE_S, host: str = LOOPBACK) -> None:
    """See that the port can be used. Raises PortTaken, which names port, purpose and setting."""
    held(port, purpose, setting, patience_s, host).close()


def held(port: int, purpose: str, setting: str, patience_s: float = PATIENCE_S, host: str = LOOPBACK) -> socket.socket:
    """The port itself, listening already. Raises PortTaken."""
    deadline = time.monotonic() + patience_s
    while isinstance(found := _bound(host, port), OSError):
        if found.errno == errno.EADDRNOTAVAIL or isinstance(found, socket.gaierror):
            raise PortTaken(
                f"{host}:{port} for {purpose} is no address of this machine ({found.strerror}). Next step: correct "
                f"{setting}, or say which process this one is (CONCORD_PROCESS, --process)"
            ) from found
        if time.monotonic() > deadline:
            raise taken(port, purpose, setting, found) from found
        time.sleep(0.05)
    return found


def _bound(host: str, port: int) -> socket.socket | OSError:
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
        probe.listen(1)
    except OSError as error:
        probe.close()
        return error
    return probe


def taken(port: int, purpose: str, setting: str, error: OSError) -> PortTaken:
    """The error for a port that cannot be listened on."""
    return PortTaken(
        f"port {port} for {purpose} cannot be used ({error.strerror}). Next step: end what uses it (another start of this "
        f"flow?), or set {setting} to another first port"
    )

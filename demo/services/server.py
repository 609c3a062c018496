"""Serving a demo service on loopback: in this process (blocking) or in a thread of a test or of the demo."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from demo.services.app import build

START_S_MAX = 15


class ServiceFailed(Exception):
    """A demo service did not start; the message says which one, where, and the next step."""


class Addresses(NamedTuple):
    """Where the two demo services answer."""

    erp: str
    support: str


class DroppableProtocol(H11Protocol):
    """uvicorn's HTTP protocol that hands the socket to the application, so that a fault can cut the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        application = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope["concord.transport"] = self.transport
            await application(scope, receive, send)

        self.app = with_transport


def _server(name: str, dsn: str, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        build(name, dsn),
        host="127.0.0.1",
        port=port,
        http=DroppableProtocol,
        loop="asyncio",
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    return uvicorn.Server(config)


def _check(name: str, dsn: str) -> None:
    """Raise ServiceFailed with one sentence if the database cannot be used."""
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.Error as error:
        raise ServiceFailed(
            f"demo service {name}: the database of {dsn!r} does not answer ({' '.join(str(error).split())}). "
            f"Next step: start the stack (`concord stack up`) and load demo/sql/{name}.sql"
        ) from error


def serve(name: str, dsn: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT (uvicorn installs the handlers). Raises ServiceFailed."""
    _check(name, dsn)
    _server(name, dsn, port).run()


@contextmanager
def running(name: str, dsn: str, port: int = 0) -> Iterator[str]:
    """Serve in a thread for the length of a `with` block; gives the base address. Port 0 takes a free one.

    Raises ServiceFailed if the port is taken or the database does not answer within 15 s.
    """
    _check(name, dsn)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ServiceFailed(
            f"demo service {name}: port {port} is not free ({error}). Next step: stop what listens there or choose another"
        ) from error
    server = _server(name, dsn, port)
    ready = threading.Event()

    async def run() -> None:
        task = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        ready.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(run()), name=f"demo-{name}", daemon=True)
    thread.start()
    ready.wait(START_S_MAX)
    if not server.started:
        listener.close()
        raise ServiceFailed(
            f"demo service {name} did not start over {dsn!r}. Next step: check that the database exists and its schema is loaded"
        )
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def running_both(postgres: str, erp_port: int = 0, support_port: int = 0) -> Iterator[Addresses]:
    """Both services over the databases `erp` and `support` of one server; `postgres` is a DSN without dbname."""
    with (
        running("erp", f"{postgres} dbname=erp", erp_port) as erp,
        running("support", f"{postgres} dbname=support", support_port) as support,
    ):
        yield Addresses(erp, support)

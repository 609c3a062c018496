"""A process that was forked asks the registry over a connection of its own: two that share one read each other's answers."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from connectors.registry import Registry


class Subjects(BaseHTTPRequestHandler):
    """A registry without subjects, which keeps connections open."""

    protocol_version = "HTTP/1.1"
    callers: list[object]

    def do_GET(self) -> None:
        """An empty list."""
        self.callers.append(self.client_address)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[object]]]:
    """Its address, and who called, a connection each."""
    callers: list[object] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Counted", (Subjects,), {"callers": callers})) as found:
        found.daemon_threads = True
        thread = Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}", callers
        found.shutdown()
        thread.join()


def test_connections_are_left_to_the_parent(server: tuple[str, list[object]]) -> None:
    """One connection serves question after question, until `reconnect`. Planted: it does nothing."""
    url, callers = server
    registry = Registry(url)
    for _ in range(2):
        assert registry.subjects() == []
    registry.reconnect()
    assert registry.subjects() == []
    assert callers[0] == callers[1] != callers[2]

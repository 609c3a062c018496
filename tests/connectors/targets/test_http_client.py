"""The HTTP client of the adapters and connections that its server is about to close."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from connectors.targets import http_client
from connectors.targets.description import Timeouts

#: after which common servers close an idle connection
SERVERS_IDLE_S = 5.0


class Counting(BaseHTTPRequestHandler):
    """Answers, and counts connections."""

    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        """One more."""
        super().setup()
        Counting.connections += 1

    def do_GET(self) -> None:
        """Nothing, and the connection stays."""
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server that never closes a connection by itself."""
    Counting.connections = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Counting) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("idle_s", "connections"), [(60.0, 1), (0.01, 2)])
def test_an_idle_connection_is_not_used_again(
    url: str, monkeypatch: pytest.MonkeyPatch, idle_s: float, connections: int
) -> None:
    """Its server may be closing it, and what is sent then is in doubt. Planted break, seen to fail: httpx's own five seconds."""
    assert http_client.IDLE_S < SERVERS_IDLE_S
    monkeypatch.setattr(http_client, "IDLE_S", idle_s)
    with http_client.open_client(url, Timeouts(connect_ms=10_000, answer_ms=60_000), 8, {}) as client:
        client.get("/")
        later = time.monotonic() + 0.1
        while time.monotonic() < later:
            time.sleep(0.01)
        client.get("/")
    assert Counting.connections == connections

"""A target that promises nothing: it takes every PUT, knows no keys and no versions, and counts what it carried out."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: how long an answer takes while the store is slow
SLOW_SECONDS = 2.0


class PlainStore:
    """Rows by path. `slow`: while it is set, a write is carried out at once and answered late."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.effects: Counter[str] = Counter()
        self.slow = threading.Event()
        store = self

        class Handler(BaseHTTPRequestHandler):
            """GET reads, PUT carries out and counts."""

            def do_GET(self) -> None:
                """The row; /control/effects shows what was carried out."""
                if self.path == "/control/effects":
                    return self._answer(200, dict(store.effects))
                row = store.rows.get(self.path)
                return self._answer(404, {"code": "NOT_FOUND"}) if row is None else self._answer(200, row)

            def do_PUT(self) -> None:
                """Every request is an effect, the same one twice, too."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                store.rows[self.path] = json.loads(body)
                store.effects[self.path.rsplit("/", 1)[-1]] += 1
                if store.slow.is_set():
                    threading.Event().wait(SLOW_SECONDS)
                self._answer(200, store.rows[self.path])

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                text = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    return  # who asked is gone

            def log_message(self, *args: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

"""A proxy between an adapter and a real HTTP server that breaks requests on purpose: the same faults for every server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import httpx

from stack.layout import HOST

#: drop_before: the connection breaks and nothing was forwarded. drop_after: it breaks when the server has answered.
#: hold: the server has answered and the answer never comes. answer: the proxy answers in the server's place.
#: answer_after: it does so when the server has answered. pass: the request is forwarded, `meanwhile` runs before.
#: late: the connection breaks as for drop_before, and the request is kept until `deliver_late`.
Kind = Literal["drop_before", "drop_after", "hold", "answer", "answer_after", "pass", "late"]
_HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "content-encoding", "host", "keep-alive"})
_READ_S = 120


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Fault:
    """What happens to the next `count` requests (None: to all) for which `when` holds.

    `rewrite` changes the body before it is forwarded; `meanwhile` is run before the request is forwarded.
    """

    kind: Kind
    when: Callable[[Request], bool]
    count: int | None = 1
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    rewrite: Callable[[bytes], bytes] | None = None
    meanwhile: Callable[[], None] | None = None
    strikes: int = 0


class FaultProxy:
    """Listens on loopback and forwards to `upstream`; faults are switched on and off from any thread."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.port = 0
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._client: httpx.AsyncClient | None = None
        self._late: list[Request] = []

    @property
    def url(self) -> str:
        """Where the adapter finds it."""
        return f"http://{HOST}:{self.port}"

    def switch_on(self, fault: Fault) -> Fault:
        """Add a fault; of several that fit a request, the oldest strikes."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults and all requests seen."""
        with self._lock:
            self._faults.clear()
            self.requests.clear()
            self._late.clear()

    def deliver_late(self) -> int:
        """Let what was kept arrive at the server, each once, oldest first; returns how many there were."""
        with self._lock:
            kept, self._late = self._late, []
        for request in kept:
            asyncio.run_coroutine_threadsafe(self._forward(request, request.body), self._loop).result(_READ_S)
        return len(kept)

    def down(self) -> None:
        """Refuse connections, as a server that is not there."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    def up(self) -> None:
        """Listen (again) on the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self.up()

    def stop(self) -> None:
        """End; waits for the thread."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        self._client = httpx.AsyncClient(base_url=self.upstream, timeout=_READ_S, trust_env=False)
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()
        if self._client is not None:
            await self._client.aclose()

    def _strike(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            for fault in self._faults:
                if (fault.count is None or fault.strikes < fault.count) and fault.when(request):
                    fault.strikes += 1
                    return fault
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: requests one after another until either side has enough."""
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, httpx.HTTPError):
                while (request := await _read(reader)) is not None and await self._answer(request, reader, writer):
                    pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Handle one request; whether the connection goes on."""
        fault = self._strike(request)
        if fault is not None and fault.kind == "drop_before":
            return False
        if fault is not None and fault.kind == "late":
            with self._lock:
                self._late.append(request)
            return False
        if fault is not None and fault.kind == "answer":
            await _write(writer, fault.status, list(fault.headers.items()), fault.body)
            return True
        body = request.body
        if fault is not None:
            if fault.meanwhile is not None:
                await asyncio.to_thread(fault.meanwhile)
            body = fault.rewrite(body) if fault.rewrite else body
        answer = await self._forward(request, body)
        if fault is not None and fault.kind == "drop_after":
            return False
        if fault is not None and fault.kind == "hold":
            await reader.read()  # until the other side gives up
            return False
        if fault is not None and fault.kind == "answer_after":
            await _write(writer, fault.status, list(fault.headers.items()), fault.body)
            return True
        kept = [(name, text) for name, text in answer.headers.multi_items() if name.lower() not in _HOP_BY_HOP]
        await _write(writer, answer.status_code, kept, answer.content)
        return True

    async def _forward(self, request: Request, body: bytes) -> httpx.Response:
        assert self._client is not None
        headers = {name: text for name, text in request.headers.items() if name not in _HOP_BY_HOP}
        return await self._client.request(request.method, request.path, headers=headers, content=body)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection, or None at its end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.splitlines()
    method, path, _version = first.split(" ", 2)
    headers = {name.strip().lower(): text.strip() for name, _, text in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


async def _write(writer: asyncio.StreamWriter, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {text}" for name, text in headers), f"content-length: {len(body)}"]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    await writer.drain()


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A running proxy for the length of a `with` block."""
    proxy = FaultProxy(upstream)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()

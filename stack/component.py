"""What every component of the stack has in common."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from typing import ClassVar

from stack.jars import JarCache
from stack.layout import Addresses, Layout
from stack.process import Launch


class Component(ABC):
    """One server of the stack. Methods may be called from any thread; none is called twice at once."""

    name: ClassVar[str]
    version: ClassVar[str]
    # components that must be up before this one starts
    needs: ClassVar[tuple[str, ...]] = ()
    needs_jars: ClassVar[bool] = True
    ports: ClassVar[tuple[str, ...]]
    stop_signal: ClassVar[int] = signal.SIGTERM
    start_timeout_seconds: ClassVar[float] = 120
    stop_timeout_seconds: ClassVar[float] = 20

    @abstractmethod
    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """Write the configuration and, the first time, the data folder; says how to start. Callers run it each time."""

    @abstractmethod
    def ready(self, addresses: Addresses) -> str | None:
        """None if it serves, else the reason why not."""

    def after_start(self, layout: Layout) -> None:  # noqa: B027 - most components need nothing more
        """Called once it serves, before the components that need it start. Must be repeatable."""

    def wipe(self, layout: Layout) -> None:  # noqa: B027 - most keep all data below layout.data
        """Remove data that lies outside the stack's folder."""

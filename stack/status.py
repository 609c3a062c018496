"""What runs, as it is now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import psutil

from stack.component import Component
from stack.layout import Layout, layout_from
from stack.process import running_pid
from stack.roster import COMPONENTS, TARGET_SYSTEMS


@dataclass(frozen=True)
class Status:
    """One component; state is running, unready, stopped, external or unreachable (external without an answer)."""

    name: str
    version: str
    state: str
    pid: int | None
    port: int | None
    memory_mb: int | None
    reason: str | None

    @property
    def well(self) -> bool:
        """Whether it can be used."""
        return self.state in ("running", "external")

    def as_dict(self) -> dict[str, object]:
        """The fields by name, ready for JSON."""
        return asdict(self)


def status(layout: Layout | None = None) -> dict[str, Status]:
    """Every component by name, and the target systems that run; asks the running ones whether they serve."""
    here = layout or layout_from()
    shown = [*COMPONENTS.values(), *(one for one in TARGET_SYSTEMS.values() if here.pid_file(one.name).exists())]
    with ThreadPoolExecutor(len(shown)) as pool:
        found = pool.map(lambda component: component_status(component, here), shown)
        return {one.name: one for one in found}


def component_status(component: Component, layout: Layout) -> Status:
    """One component as it is now."""
    name, version = component.name, component.version
    if name in layout.external:
        reason = component.ready(layout.addresses())
        return Status(
            name,
            "external",
            "external" if reason is None else "unreachable",
            None,
            None,
            None,
            reason,
        )
    port = layout.port(component.ports[0])
    pid = running_pid(layout.pid_file(name))
    if pid is None:
        return Status(name, version, "stopped", None, port, None, None)
    reason = component.ready(layout.addresses())
    return Status(
        name,
        version,
        "running" if reason is None else "unready",
        pid,
        port,
        memory_mb(pid),
        reason,
    )


def memory_mb(pid: int) -> int | None:
    """Memory of a process and its children, what they share counted once (MiB)."""
    try:
        process = psutil.Process(pid)
        own = process.memory_info().rss
        children = [child.memory_info() for child in process.children(recursive=True)]
    except psutil.Error:
        return None
    return (own + sum(info.rss - getattr(info, "shared", 0) for info in children)) // 2**20

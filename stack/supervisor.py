"""Start and stop the stack. Every call may be repeated; data stays until `wipe`."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor

from stack.component import Component
from stack.errors import StackError
from stack.guards import (
    as_stack_error,
    exclusive,
    make_folders,
    require_disk,
    require_python,
    write_stack_json,
)
from stack.health import require_free, wait_ready
from stack.jars import JarCache
from stack.layout import EXTERNAL, Addresses, Layout, layout_from
from stack.process import running_pid, send, spawn, stop, tail, wait_gone
from stack.progress import say
from stack.roster import ALL, closure, component_named
from stack.status import Status, status

__all__ = [
    "Addresses",
    "StackError",
    "Status",
    "down",
    "kill",
    "start",
    "status",
    "up",
    "wipe",
]

# those that others need are stopped last
WAVES = (("connect", "registry", "redis", "tryton", "request-tracker"), ("kafka", "postgres"))


def up(layout: Layout | None = None, only: Collection[str] | None = None) -> Addresses:
    """Start what does not run yet (with what it needs) and wait until it serves; writes stack.json.

    `only` limits the start to these components and their needs. Raises StackError; what runs by then keeps running.
    """
    layout = layout or layout_from()
    require_python()
    names = closure(only)
    make_folders(layout)
    require_disk(layout)
    with exclusive(layout):
        start_all(layout, names)
        write_stack_json(layout)
    return layout.addresses()


def start_all(layout: Layout, names: list[str]) -> None:
    """Start in parallel, each component after those that it needs; raises the first failure."""
    jars = JarCache(layout.jars)
    futures: dict[str, Future[None]] = {}
    wanted = [name for name in names if ALL[name].needs_jars and name not in layout.external]
    pool = ThreadPoolExecutor(len(names) + 1)
    try:
        fetching = pool.submit(jars.ensure) if wanted else None
        for name in names:  # needs come before those who need them
            component = ALL[name]
            before: list[Future[None]] = [futures[need] for need in component.needs if need in futures]
            if name in wanted and fetching is not None:
                before.append(fetching)
            futures[name] = pool.submit(start_after, before, component, layout, jars)
        failures = [error for future in futures.values() if (error := future.exception()) is not None]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after an interrupt, nobody waits for a download
    if failures:
        raise as_stack_error(failures[0], layout) from failures[0]


def start_after(before: list[Future[None]], component: Component, layout: Layout, jars: JarCache) -> None:
    """Wait for what the component needs, then start it."""
    for future in before:
        future.result()
    start_component(component, layout, jars)


def start_component(component: Component, layout: Layout, jars: JarCache) -> None:
    """Start one component unless it runs, and wait until it serves."""
    if component.name in layout.external:
        require_external(component, layout)
        return
    pid_file = layout.pid_file(component.name)
    started = time.monotonic()
    fresh = running_pid(pid_file) is None
    if fresh:
        for port in component.ports:
            require_free(layout.port(port), port, layout.port_base)
        spawn(component.prepare(layout, jars), pid_file, layout.log(component.name))
    reason = wait_ready(
        lambda: component.ready(layout.addresses()),
        lambda: death(component, layout),
        component.start_timeout_seconds,
    )
    if reason is not None:
        raise StackError(
            f"{component.name} runs but does not serve after {component.start_timeout_seconds:.0f} s: {reason}\n"
            f"{tail(layout.log(component.name))}",
            f"read {layout.log(component.name)}, then `concord stack down` and `concord stack up`",
        )
    component.after_start(layout)
    if fresh:
        say(f"{component.name} {component.version} up in {time.monotonic() - started:.1f} s")


def require_external(component: Component, layout: Layout) -> None:
    """Check a component that somebody else runs."""
    reason = component.ready(layout.addresses())
    if reason is not None:
        variable = EXTERNAL[component.name]
        raise StackError(
            f"{component.name} is set by {variable} to {layout.external[component.name]!r} but does not serve: {reason}",
            f"start it, correct {variable}, or unset {variable} so that the stack starts its own",
        )
    component.after_start(layout)


def death(component: Component, layout: Layout) -> StackError | None:
    """The error that explains why a component ended while it was starting; None if it runs."""
    if running_pid(layout.pid_file(component.name)) is not None:
        return None
    log = layout.log(component.name)
    return StackError(
        f"{component.name} {component.version} ended while it was starting. Its last lines:\n{tail(log)}",
        f"read {log}; if it speaks of damaged data, `concord stack wipe` starts anew (this removes the stack's data)",
    )


def start(name: str, layout: Layout | None = None) -> None:
    """Start one component again, after `kill` for example, and wait until it serves; its needs are not looked at."""
    layout = layout or layout_from()
    make_folders(layout)
    try:
        start_component(component_named(name), layout, JarCache(layout.jars))
    except OSError as error:
        raise as_stack_error(error, layout) from error


def kill(name: str, number: int = signal.SIGKILL, layout: Layout | None = None) -> int:
    """Send a signal to one component (SIGKILL, SIGSTOP, ...); waits for the end if it was SIGKILL. Returns the pid."""
    layout = layout or layout_from()
    pid_file = layout.pid_file(component_named(name).name)
    pid = send(pid_file, number)
    if pid is None:
        raise StackError(
            f"{name} does not run in {layout.directory}",
            "start it with `concord stack up`",
        )
    if number == signal.SIGKILL and not wait_gone(pid_file, 10):
        raise StackError(f"{name} (pid {pid}) did not end on SIGKILL", "look at the process")
    return pid


def down(layout: Layout | None = None) -> list[str]:
    """Stop everything that this stack runs, dependents first; data stays. Returns the names of what ran."""
    layout = layout or layout_from()
    if not layout.run.exists():
        return []
    with exclusive(layout), ThreadPoolExecutor(len(ALL)) as pool:
        stopped: list[str] = []
        for wave in WAVES:
            ran = pool.map(
                stop_component,
                [ALL[name] for name in wave],
                [layout] * len(wave),
            )
            stopped += [name for name, did in zip(wave, ran, strict=True) if did]
        layout.stack_json.unlink(missing_ok=True)
    return stopped


def stop_component(component: Component, layout: Layout) -> bool:
    """Stop one component; a stopped (SIGSTOP) one is woken so that it can end in good order. True if it ran."""
    pid_file = layout.pid_file(component.name)
    send(pid_file, signal.SIGCONT)
    return stop(pid_file, component.stop_signal, component.stop_timeout_seconds)


def wipe(layout: Layout | None = None) -> list[str]:
    """Stop everything and remove all data, logs and configuration; the jars stay. Returns the names of what ran."""
    layout = layout or layout_from()
    stopped = down(layout)
    for component in ALL.values():
        component.wipe(layout)
    for folder in (layout.data, layout.logs, layout.run):
        shutil.rmtree(folder, ignore_errors=True)
    return stopped

"""What a person sees while jars come in and components start; on standard error, so that --json stays clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

console = Console(stderr=True, highlight=False)


@contextmanager
def bytes_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar of `total` bytes (a plain line where there is no terminal); yields the function that advances it."""
    if not console.is_terminal:
        console.print(f"{what}: {total / 1e6:.0f} MB ...")
        yield lambda _count: None
        console.print(f"{what}: done")
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def say(line: str) -> None:
    """One line of progress."""
    console.print(line)

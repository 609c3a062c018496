"""`concord bench ...`: measure the canonical flow on the real broker, and prove at every commit that what it published is right."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.catchup import BenchmarkFailed, Result, catchup
from dataflows.settings import SettingsError, load_settings

app = typer.Typer(no_args_is_help=True, help="Benchmarks on the real broker, with every published commit verified.")

#: exit codes: the run was fine but records were wrong; the run could not be made
EXIT_WRONG, EXIT_SETTINGS, EXIT_FAILED = 1, 2, 3


class _Bars:
    """One bar a step, on standard error, so that --json stays clean."""

    def __init__(self, progress: Progress) -> None:
        """`progress` draws the bars."""
        self._progress = progress
        self._task: TaskID | None = None

    def step(self, name: str, total: int) -> None:
        """The last step is done; a new one begins."""
        self.finish()
        self._task = self._progress.add_task(name, total=total)

    def advance(self, done: int) -> None:
        """So much of the step is done."""
        if self._task is not None:
            self._progress.update(self._task, completed=done)

    def finish(self) -> None:
        """Fill the bar of the step at hand."""
        if self._task is not None:
            total = self._progress.tasks[self._task].total
            self._progress.update(self._task, completed=total)


@app.callback()
def _root() -> None:
    """Keeps `catchup` a named command even while it is the only one."""


@app.command("catchup")
def catchup_command(
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
    changes: Annotated[int, typer.Option(min=1, help="row changes in the backlog")] = 1_000_000,
    accounts: Annotated[int, typer.Option(min=1, help="accounts in the backlog")] = 100_000,
    processes: Annotated[int, typer.Option(min=1, max=64, help="processes of the canonical flow")] = 1,
    keep: Annotated[bool, typer.Option(help="keep the run's output topics")] = False,
) -> None:
    """Work off a backlog at full speed: rate, CPU, memory, and every record checked at its commit number.

    Exit codes: 0 every record was right, 1 records were wrong, 2 wrong setting or argument, 3 the run gave no result.
    """
    errors = Console(stderr=True)
    columns = (
        TextColumn("{task.description:>22}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=errors) as progress:
            bars = _Bars(progress)
            result = catchup(load_settings(), changes, accounts, processes, bars, keep)
            bars.finish()
    except SettingsError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(EXIT_SETTINGS) from error
    except BenchmarkFailed as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    if as_json:
        typer.echo(json.dumps(result.as_json()))
    else:
        _show(result)
    if not result.verdict.right:
        raise typer.Exit(EXIT_WRONG)


def _show(result: Result) -> None:
    """Two tables: what was measured, what was verified."""
    console = Console()
    for title, values in (("measured", result.measured), ("verified", result.verdict.as_json())):
        table = Table("", title, show_edge=False)
        for name, value in values.items():
            table.add_row(name, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))
        console.print(table)

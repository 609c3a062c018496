"""What all `concord bench` commands share: bars on standard error, one result on standard output, the exit codes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.outcome import BenchmarkFailed, Reporter
from dataflows.settings import Settings, SettingsError, load_settings
from stack.errors import StackError, WrongSetting

#: exit codes: the run was fine but records were wrong; the run could not be made
EXIT_WRONG, EXIT_SETTINGS, EXIT_FAILED = 1, 2, 3
CODES = (
    "Exit codes: 0 every record was right, 1 records were wrong, 2 wrong setting or argument, 3 the run gave no result, "
    "5 a service cannot be reached."
)

VALUES_IN_A_LINE_MAX = 6

Result = dict[str, Any]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]


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


def run(work: Callable[[Settings, Reporter], Result], as_json: bool) -> None:
    """Do the work, print its result, end with the exit code of its `right`."""
    errors = Console(stderr=True)
    # a benchmark has processes, topics, databases and worktrees of its own: an asked-for end tidies them up
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    columns = (
        TextColumn("{task.description:>28}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=errors) as progress:
            bars = _Bars(progress)
            result = work(load_settings(), bars)
            bars.finish()
    except (SettingsError, WrongSetting) as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(EXIT_SETTINGS) from error
    except (BenchmarkFailed, StackError) as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    if as_json:
        typer.echo(json.dumps(result))
    else:
        show(result, Console())
    if not result["right"]:
        raise typer.Exit(EXIT_WRONG)


def show(result: Result, console: Console) -> None:
    """The plain values as one table, each list of rows as one of its own."""
    table = Table(show_header=False, show_edge=False)
    for name, value in result.items():
        if not isinstance(value, list | dict):
            table.add_row(name, _text(value))
    console.print(table)
    for name, value in result.items():
        rows = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
        if rows and isinstance(rows[0], dict):
            console.print(table_of(name, rows))


def table_of(title: str, rows: list[Result]) -> Table:
    """Few values: a line a row. More: a column a row and a line a value, which is how a few runs fit a screen."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if len(names) <= VALUES_IN_A_LINE_MAX:
        table = Table(*names, title=title, show_edge=False)
        for row in rows:
            table.add_row(*(_text(row.get(name, "")) for name in names))
        return table
    table = Table("", *(str(number + 1) for number in range(len(rows))), title=title, show_edge=False)
    for name in names:
        table.add_row(name, *(_text(row.get(name, "")) for row in rows))
    return table


def _text(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(_text(one) for one in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

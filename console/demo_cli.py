"""`concord demo`: the whole of Concord in one command, and a report that a machine can read."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from console.exits import Exit, help_text
from demo.flows import FlowDied
from demo.report import failures, rows
from demo.run import Demo, DemoFailed, DemoOptions
from stack import supervisor
from stack.errors import StackError, WrongSetting

app = typer.Typer(invoke_without_command=True)
_HELP = (
    "Start the stack, run the demo company for about a minute, correct what the old integration gets wrong, audit "
    "everything and print a report. " + help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.UNREACHABLE)
)


@app.callback(help=_HELP)
def demo(
    seconds: Annotated[float, typer.Option(min=5, help="how long business acts go on")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, help="acts per second")] = 40.0,
    accounts: Annotated[int, typer.Option(min=10, help="accounts at the start")] = 1000,
    seed: Annotated[int, typer.Option(help="same seed, same acts")] = 1,
    drift: Annotated[float, typer.Option(min=0, max=0.5, help="share that the old integration gets wrong")] = 0.04,
    keep: Annotated[bool, typer.Option("--keep", help="leave the stack up")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as one JSON object")] = False,
    picture: Annotated[Path | None, typer.Option(help="also write the report as an SVG picture")] = None,
) -> None:
    """Run the demo."""
    people = Console(stderr=as_json)
    try:
        people.print("[bold]starting the stack[/] (the first time it downloads about 250 MB)")
        supervisor.up()
        outcome = _run(DemoOptions(seconds, rate, accounts, seed, drift), people)
    except StackError as error:
        people.print(f"Error: {error.problem}.\nNext step: {error.next_step}.")
        raise typer.Exit(Exit.USAGE if isinstance(error, WrongSetting) else Exit.FAILED) from error
    except (DemoFailed, FlowDied) as error:
        people.print(f"Error: {error}")
        raise typer.Exit(Exit.FAILED) from error
    finally:
        if not keep:
            with suppress(WrongSetting):  # said already
                supervisor.down()
    bad = failures(outcome)
    if as_json:
        typer.echo(json.dumps(outcome))
    else:
        _print(outcome, bad, people)
    if picture:
        canvas = Console(record=True, width=100, file=io.StringIO())
        _print(outcome, bad, canvas)
        picture.write_text(canvas.export_svg(title="make demo"))
    raise typer.Exit(Exit.FAILED if bad else Exit.OK)


def _run(options: DemoOptions, people: Console) -> dict[str, Any]:
    demo_run = Demo(options, lambda step: people.print(f"[bold]·[/] {step}"))
    with Live(console=people, refresh_per_second=2, transient=True) as live:
        return demo_run.run(lambda moment: live.update(_moment(moment)))


def _moment(moment: dict[str, Any]) -> Table:
    table = Table(title="Concord, live", show_header=False)
    fresh = moment["freshness_ms"]
    table.add_row("business acts", f"{moment['acts']:,} in {moment['transactions']:,} transactions")
    table.add_row("cuts", f"{moment['cuts']:,} with {moment['records']:,} records")
    table.add_row("partial states", str(moment["partial_states"]))
    table.add_row("freshness", f"p50 {fresh['p50']:.0f} ms, p99 {fresh['p99']:.0f} ms")
    table.add_row("drift planted", str(moment["planted"]))
    table.add_row("corrections", ", ".join(f"{n} {s}" for s, n in sorted(moment["corrections"].items())) or "-")
    table.add_row("memory of the flows", f"{moment['rss_mb']:.0f} MB")
    return table


def _print(outcome: dict[str, Any], bad: list[str], people: Console) -> None:
    table = Table(title="Concord demo", show_header=False, title_style="bold")
    for name, value in rows(outcome):
        table.add_row(name, value)
    people.print(table)
    for problem in outcome["problems"] + outcome["audit"] + outcome["missed"] + outcome["unexplained"]:
        people.print(f"  {problem}")
    people.print(f"[bold red]failed:[/] {'; '.join(bad)}" if bad else "[bold green]all systems agree, nothing lost[/]")

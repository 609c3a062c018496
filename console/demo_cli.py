"""`concord demo`: the whole of Concord in one command, and a report that a machine can read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from connectors.targets.protocol import TargetError
from console.exits import Exit, help_text
from demo import kept
from demo import report as plain_report
from demo.failed import DemoFailed
from demo.flows import FlowDied
from demo.real import report as real_report
from demo.real.run import RealDemo, RealOptions
from demo.run import Demo, DemoOptions
from stack import supervisor
from stack.errors import StackError, WrongSetting
from stack.layout import layout_from
from stack.real import request_tracker
from stack.roster import COMPONENTS, TARGET_SYSTEMS


class Targets(StrEnum):
    """Which systems are corrected."""

    DEMO = "demo"
    REAL = "real"


app = typer.Typer(invoke_without_command=True)
_HELP = (
    "Start the stack, run the demo company for about a minute, correct what the old integration gets wrong, audit "
    "everything and print a report. --targets real: with real Tryton and Request Tracker as ERP and support. "
    + help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.UNREACHABLE)
)


@app.callback(help=_HELP)
def demo(
    seconds: Annotated[float, typer.Option(min=5, help="how long business acts go on")] = 60.0,
    rate: Annotated[float | None, typer.Option(min=0.1, help="acts per second; default 40, on real targets 1")] = None,
    accounts: Annotated[
        int | None, typer.Option(min=10, help="accounts at the start; default 1000, on real targets 20")
    ] = None,
    seed: Annotated[int, typer.Option(help="same seed, same acts")] = 1,
    drift: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.5, help="share that the old integration gets wrong; default 0.04, on real targets 0.3"
        ),
    ] = None,
    targets: Annotated[
        Targets, typer.Option(help="the demo's own ERP and support desk, or real systems")
    ] = Targets.DEMO,
    keep: Annotated[bool, typer.Option("--keep", help="leave the stack up")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as one JSON object")] = False,
    picture: Annotated[Path | None, typer.Option(help="also write the report as an SVG picture")] = None,
) -> None:
    """Run the demo."""
    people = Console(stderr=as_json)
    given = {"rate": rate, "accounts": accounts, "drift": drift}
    told = {"seconds": seconds, "seed": seed, **{name: value for name, value in given.items() if value is not None}}
    with _ending(people, keep):
        run = _on_real_systems if targets is Targets.REAL else _on_own_services
        outcome, settings = run(told, people)
    report = real_report if targets is Targets.REAL else plain_report
    bad = report.failures(outcome)
    if as_json:
        typer.echo(json.dumps(outcome))
    else:
        _print(report.rows(outcome), outcome, bad, people)
    if picture:
        canvas = Console(record=True, width=100, file=io.StringIO())
        _print(report.rows(outcome), outcome, bad, canvas)
        picture.write_text(canvas.export_svg(title="make demo"))
    if keep:
        people.print(
            f"The stack is left up, its flows are ended. To look at it:\n  . {settings}\n  .venv/bin/concord status",
            soft_wrap=True,
        )
    raise typer.Exit(Exit.FAILED if bad else Exit.OK)


@contextmanager
def _ending(people: Console, keep: bool) -> Iterator[None]:
    """What goes wrong is said in words, with the exit code; the stack is stopped unless it is kept."""
    try:
        yield
    except TargetError as error:
        people.print(f"Error: {error}.\nNext step: see the target's log below {layout_from().logs}.")
        raise typer.Exit(Exit.FAILED) from error
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


def _on_own_services(told: dict[str, Any], people: Console) -> tuple[dict[str, Any], Path]:
    """The report, and the file with the settings of what ran."""
    people.print("[bold]starting the stack[/] (the first time it downloads about 250 MB)")
    supervisor.up()
    demo_run = Demo(DemoOptions(**told), _teller(people))
    settings = kept.keep(layout_from(), "demo", demo_run.told)
    return _run(demo_run, people), settings


def _on_real_systems(told: dict[str, Any], people: Console) -> tuple[dict[str, Any], Path]:
    """The same. Raises StackError before anything is started where a real system cannot be had."""
    if (reason := request_tracker.obstacle()) is not None:
        raise StackError(reason, "install it by hand, or run `concord demo` with its own services")
    people.print("[bold]starting the stack, Tryton and Request Tracker[/] (the first time they are installed: minutes)")
    supervisor.up(only=[*COMPONENTS, *TARGET_SYSTEMS])
    demo_run = RealDemo(layout_from(), RealOptions(**told), _teller(people))
    settings = kept.keep(layout_from(), "demo-real", demo_run.told)
    return _run(demo_run, people), settings


def _teller(people: Console) -> Callable[[str], None]:
    return lambda step: people.print(f"[bold]·[/] {step}")


def _run(demo_run: Demo | RealDemo, people: Console) -> dict[str, Any]:
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


def _print(lines: list[tuple[str, str]], outcome: dict[str, Any], bad: list[str], people: Console) -> None:
    table = Table(title="Concord demo", show_header=False, title_style="bold")
    for name, value in lines:
        table.add_row(name, value)
    people.print(table)
    for name in ("problems", "audit", "missed", "unexplained"):
        for problem in outcome.get(name, []):
            people.print(f"  {problem}")
    people.print(f"[bold red]failed:[/] {'; '.join(bad)}" if bad else "[bold green]all systems agree, nothing lost[/]")

"""`concord stack`: the real components as plain processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from console.exits import Exit, help_text
from stack import supervisor
from stack.errors import StackError, WrongSetting
from stack.jars import JarCache
from stack.layout import Layout, layout_from
from stack.real.program import secret_file
from stack.resolver import write_lock
from stack.roster import TARGET_SYSTEMS

CODES = help_text(Exit.OK, Exit.FAILED, Exit.USAGE)
STATUS_CODES = (Exit.OK, Exit.FAILED, Exit.USAGE, Exit.REFUSED)
T = TypeVar("T")
INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    help="Kafka, Connect with Debezium, schema registry, PostgreSQL and Valkey as plain processes on 127.0.0.1. "
    + help_text(*STATUS_CODES),
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Only = Annotated[
    list[str] | None,
    typer.Argument(help="Components (with what they need); all if none is named."),
]


def guarded(action: Callable[[Layout], T]) -> T:
    """Run with the layout of the environment; a StackError becomes its message and exit code 1 or 2."""
    try:
        return action(layout_from())
    except StackError as error:
        typer.echo(f"Error: {error.problem}.\nNext step: {error.next_step}.", err=True)
        raise typer.Exit(Exit.USAGE if isinstance(error, WrongSetting) else Exit.FAILED) from error
    except KeyboardInterrupt:
        typer.echo("Interrupted. What runs keeps running. Next step: `concord stack down` ends it.", err=True)
        os._exit(INTERRUPTED)  # threads may still wait for a download or a start; nobody waits for them


@app.command(help="Start what does not run yet, wait until it serves, write .stack/stack.json. " + CODES)
def up(only: Only = None, as_json: Json = False) -> None:
    """Start what does not run yet, wait until it serves, write .stack/stack.json."""
    addresses = guarded(lambda layout: supervisor.up(layout, only or None)).as_dict()
    if as_json:
        typer.echo(json.dumps(addresses))
        return
    for name in ("kafka", "connect", "registry", "postgres", "redis"):
        typer.echo(f"{name:<9} {addresses[name]}")
    for name in TARGET_SYSTEMS:
        if name in (only or ()):
            password = secret_file(layout_from(), name)
            typer.echo(f"{name} {addresses[name.replace('-', '_') + '_url']}, its user's password is in {password}")


@app.command(help="Show every component. " + help_text(*STATUS_CODES) + " 3: a component is not up.")
def status(as_json: Json = False) -> None:
    """Show every component."""
    found = guarded(supervisor.status)
    if as_json:
        typer.echo(json.dumps({name: one.as_dict() for name, one in found.items()}))
    else:
        table = Table("component", "version", "state", "pid", "port", "MB", "note")
        for one in found.values():
            cells = (
                one.name,
                one.version,
                one.state,
                one.pid,
                one.port,
                one.memory_mb,
                one.reason,
            )
            table.add_row(*("" if cell is None else str(cell) for cell in cells))
        Console().print(table)
    if not all(one.well for one in found.values()):
        raise typer.Exit(Exit.REFUSED)


@app.command(help="Stop everything that was started here; all data stays. " + CODES)
def down(as_json: Json = False) -> None:
    """Stop everything that was started here; all data stays."""
    report("stopped", guarded(supervisor.down), as_json)


@app.command(help="Stop everything and remove all data and logs; downloaded jars stay. " + CODES)
def wipe(as_json: Json = False) -> None:
    """Stop everything and remove all data and logs; downloaded jars stay."""
    report("stopped and wiped", guarded(supervisor.wipe), as_json)


@app.command(help="Download the jars of stack/java.lock, each checked against its SHA-256, and start nothing. " + CODES)
def fetch() -> None:
    """Download the jars of stack/java.lock, each checked against its SHA-256, and start nothing."""
    typer.echo(guarded(lambda layout: fetched(JarCache(layout.jars))))


@app.command(help="Resolve the versions of stack/versions.py anew and rewrite stack/java.lock. " + CODES)
def lock() -> None:
    """Resolve the versions of stack/versions.py anew and rewrite stack/java.lock."""
    typer.echo(f"{guarded(lambda _layout: write_lock())} files locked")


def fetched(jars: JarCache) -> str:
    """Bring the jars in; says where they are."""
    jars.ensure()
    return str(jars.directory)


def report(done: str, names: list[str], as_json: bool) -> None:
    """Say what a stop did."""
    if as_json:
        typer.echo(json.dumps({"stopped": names}))
    else:
        typer.echo(f"{done}: {', '.join(names) or 'nothing ran'}")


if __name__ == "__main__":
    app()

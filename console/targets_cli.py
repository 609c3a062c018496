"""`concord targets`: what each target promises, and whether it can be reached and lets us in."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from connectors.targets.protocol import Target, TargetError, TransientError
from console.exits import Exit, help_text
from dataflows.dispatch import targets
from dataflows.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    help="Systems that corrections are written to. " + help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.UNREACHABLE),
)
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
#: a name that no target knows: asking for it has no effect and tells whether we are let in
NOBODY = "concord-check"
#: too long for a line of a table
_ONLY_JSON = frozenset({"fields", "looked_for_by", "key_window_hours"})


@app.command(help="What each target promises, by object. " + help_text(Exit.OK, Exit.USAGE))
def show(as_json: Json = False) -> None:
    """What the adapters declare."""
    _print(rows(targets(load_settings())), as_json)


@app.command(
    help="Ask each target for something that nobody has: address, login and description are tried, nothing is written. "
    + help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.UNREACHABLE)
)
def check(as_json: Json = False) -> None:
    """Whether each object of each target can be read."""
    findings = [finding for name, target in targets(load_settings()).items() for finding in asked(name, target)]
    _print([{key: value for key, value in one.items() if key != "away"} for one in findings], as_json)
    if any(not one["well"] for one in findings):
        away = all(one["away"] for one in findings if not one["well"])
        raise typer.Exit(Exit.UNREACHABLE if away else Exit.FAILED)


def rows(known: dict[str, Target]) -> list[dict[str, Any]]:
    """One row an object: docs/targets.md explains the columns."""
    return [
        {
            "target": name,
            "object": key,
            "making": one.tier_create,
            "changing": one.tier_update,
            "on_condition_of": one.conditioned_by,
            "key_window_hours": one.key_window_hours,
            "looked_for_by": one.search,
            "trace": one.trace,
            "fields": sorted(one.fields),
        }
        for name, target in known.items()
        for key, one in sorted(target.declares.items())
    ]


def asked(name: str, target: Target) -> list[dict[str, Any]]:
    """One finding an object."""
    found = []
    for key, one in sorted(target.declares.items()):
        finding: dict[str, Any] = {"target": name, "object": key, "well": True, "code": None, "reason": None}
        try:
            place = dict.fromkeys((*one.fields, "object_id", "account_id"), NOBODY)
            target.read(key, place)
            away = False
        except TargetError as error:
            away = isinstance(error, TransientError)
            finding |= {"well": False, "code": error.code, "reason": error.reason}
        found.append(finding | {"away": away})
    target.close()
    return found


def _print(told: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"targets": told}))
        return
    names = [name for name in told[0] if name not in _ONLY_JSON]
    table = Table(*(name.replace("_", " ") for name in names))
    for row in told:
        table.add_row(*(_cell(row[name]) for name in names))
    Console().print(table)


def _cell(value: Any) -> str:
    return {None: "", True: "yes", False: "no"}.get(value, str(value))

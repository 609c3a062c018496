"""`concord mapping`: what the rows of a source mean, checked before anything runs on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from connectors.mapping_check import check as check_folder
from connectors.mapping_findings import MappingReport
from console.exits import Exit, help_text

app = typer.Typer(
    no_args_is_help=True,
    help="Mappings of sources. " + help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.UNREACHABLE),
)
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="a source's folder, for example debezium/billing")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]


@app.command()
def check(folder: Folder, as_json: Json = False) -> None:
    """Validate a source's folder; each finding names file, line, column, code and next step. Exit codes: 0 nothing is wrong, 1 something is, 2 usage."""
    show(check_folder(folder), as_json)


def show(report: MappingReport, as_json: bool) -> None:
    """Print the report; exit code 1 if something is wrong."""
    if as_json:
        typer.echo(json.dumps(as_data(report)))
    else:
        for finding in report.findings:
            typer.echo(str(finding))
        for name, why in report.unchecked:
            typer.echo(f"{name}: not checked ({why})")
        typer.echo(f"checked: {', '.join(report.checked)}; {'all is well' if report.well else 'something is wrong'}")
    if not report.well:
        raise typer.Exit(Exit.FAILED)


def as_data(report: MappingReport) -> dict[str, object]:
    """The report as plain data for JSON."""
    return {
        "well": report.well,
        "checked": list(report.checked),
        "unchecked": [{"check": name, "why": why} for name, why in report.unchecked],
        "findings": [finding._asdict() for finding in report.findings],
    }

"""`concord mapping`: what the rows of a source mean, drafted and checked before anything runs on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from connectors.mapping_check import Truth
from connectors.mapping_check import check as check_folder
from connectors.mapping_check_schemas import recorded_columns, registry_columns
from connectors.mapping_findings import MappingReport
from connectors.registry import Registry
from connectors.source_catalogue import open_catalogue
from console.exits import Exit, help_text
from dataflows.settings import SettingsError, load_settings

app = typer.Typer(
    no_args_is_help=True,
    help="Mappings of sources. " + help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.UNREACHABLE),
)
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="a source's folder, for example debezium/billing")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
Database = Annotated[
    str | None, typer.Option(metavar="URL", help="hold it against this PostgreSQL database's catalogue")
]
Recorded = Annotated[
    Path | None, typer.Option(metavar="FILE", help="hold it against recorded events or schemas, or a folder of them")
]
InRegistry = Annotated[bool, typer.Option("--registry", help="hold it against the writer schemas in CONCORD_REGISTRY")]


@app.command()
def check(
    folder: Folder,
    database: Database = None,
    recorded: Recorded = None,
    registry: InRegistry = False,
    as_json: Json = False,
) -> None:
    """Validate a source's folder; each finding names file, line, column, code and next step. Exit codes: 0 nothing is wrong, 1 something is, 2 usage, 5."""
    if sum((database is not None, recorded is not None, registry)) > 1:
        raise SettingsError(
            "--database, --recorded and --registry exclude one another. Next step: hold it against one of them at a time"
        )
    settings = load_settings()
    truth = None
    if database is not None:
        truth = Truth("database", catalogue=open_catalogue(database))
    elif recorded is not None:
        truth = Truth("recorded schemas", columns=recorded_columns(recorded))
    elif registry:
        client = Registry(settings.registry_api)
        truth = Truth(
            "registered schemas", find_columns=lambda source, tables: registry_columns(client, source, tables)
        )
    show(check_folder(folder, settings.contracts_dir, truth), as_json)


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

"""`concord mapping`: what the rows of a source mean, drafted and checked before anything runs on it."""

from __future__ import annotations

import json
import re
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from connectors.mappings.checking.against_schemas import recorded_columns, registry_columns
from connectors.mappings.checking.check import Truth
from connectors.mappings.checking.check import check as check_folder
from connectors.mappings.checking.findings import MappingReport
from connectors.mappings.decisions import DECIDE, open_decisions
from connectors.mappings.drafting.draft import DraftRefused
from connectors.mappings.drafting.init import FILES, write_draft
from connectors.mappings.loading import MappingError
from connectors.mappings.located_yaml import Located
from connectors.mappings.ownership import load_rules
from connectors.registry import Registry
from connectors.sources.catalogue import open_catalogue
from console.exits import Exit, help_text
from console.mapping_preview_cli import preview
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


SOURCE_NAME = re.compile(r"^[a-z][a-z0-9_-]*$")


class System(Enum):
    """The part a source plays."""

    BILLING = "billing"
    ERP = "erp"
    SUPPORT = "support"
    CRM = "crm"


app.command()(preview)


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
    tiers = load_rules(settings.ownership).tiers
    show(check_folder(folder, settings.contracts_dir, truth, tiers), as_json)


@app.command()
def init(
    database: Annotated[str, typer.Option(metavar="URL", help="the source's PostgreSQL database")],
    source: Annotated[str, typer.Option(metavar="NAME", help="name of the source: small letters, digits, - and _")],
    system: Annotated[System, typer.Option(help="the part that it plays")] = System.BILLING,
    into: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="where to write; NAME in CONCORD_SOURCES_DIR if not given")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(metavar="OBJECT=TABLE", help="which table an object is, where the draft guesses wrong"),
    ] = None,
) -> None:
    """Draft a source's folder from its database's catalogue: mapping.yaml, connector.json, prepare.sql. Overwrites nothing. Exit codes: 0, 2 usage (also: a file is there), 5."""
    settings = load_settings()
    folder = into or settings.sources_dir / source
    if not SOURCE_NAME.match(source) or folder.resolve().name != source:
        raise DraftRefused(
            f"{source} in {folder}: a source's folder has its name, made of small letters, digits, - and _, a letter "
            "first. Next step: choose another --source, or an --into that ends with it"
        )
    draft = write_draft(
        folder, system.value, database, settings.postgres, open_catalogue(database), _given(table or [])
    )
    for name, kind in draft.objects.items():
        typer.echo(f"{name}: taken for the {kind}")
    for name, why in sorted(draft.left_out.items()):
        typer.echo(f"{name}: not captured ({why})")
    questions = sum(1 for _ in open_decisions(Located(folder / "mapping.yaml", MappingError)))
    typer.echo(
        f"{folder}: {', '.join(FILES)} written, {questions} questions left. Next step: answer each {DECIDE} in "
        f"mapping.yaml, then `concord mapping check {folder} --database URL`"
    )


def _given(pairs: list[str]) -> dict[str, str]:
    """`object=schema.table` of each; raises typer.BadParameter."""
    found = dict(pair.partition("=")[::2] for pair in pairs)
    if not all(found.values()):
        raise typer.BadParameter("write --table OBJECT=SCHEMA.TABLE, for example --table account=public.customers")
    return found


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

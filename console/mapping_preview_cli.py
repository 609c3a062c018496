"""`concord mapping preview`: what a changed mapping would do to the view and to corrections, before anything runs on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.exits import Exit

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="the changed source's folder, for example debezium/billing")
]
Recorded = Annotated[Path | None, typer.Option(metavar="FILE", help="take the rows from this recording of events")]
Facts = Annotated[
    bool, typer.Option("--facts", help="take the rows that the running flow has stored; nothing is written")
]
Against = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="compare with this folder; default: the installed one, or what git has of it if FOLDER is that",
    ),
]
Ownership = Annotated[Path | None, typer.Option(metavar="FILE", help="changed ownership rules that come with it")]
Examples = Annotated[int, typer.Option(min=0, help="examples of each kind of difference")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]


def preview(
    folder: Folder,
    recorded: Recorded = None,
    facts: Facts = False,
    against: Against = None,
    ownership: Ownership = None,
    examples: Examples = 3,
    as_json: Json = False,
) -> None:
    """Show what a changed mapping would do to records and corrections. Exit codes: 0 shown, 1 the changed mapping cannot use rows that the other one can, 2 usage, 5."""
    from connectors.mappings.ownership import load_rules
    from console import mapping_preview_view as view
    from console.mapping_sides import sides
    from dataflows import bootstrap
    from dataflows.preview import of_facts, of_recording
    from dataflows.settings import SettingsError, load_settings

    settings = load_settings()
    if (recorded is None) != facts:
        raise SettingsError("give the rows: either --recorded FILE or --facts. Next step: name one of them")
    if ownership is not None:
        load_rules(ownership)
    with sides(settings, folder, against, ownership) as (source, before, after):
        if recorded is not None:
            from connectors.mappings.checking.recorded import read_recording

            found = of_recording(read_recording(recorded), before, after, examples)
        else:
            contracts, schemas = bootstrap.published(settings), bootstrap.schemas(settings)
            found = of_facts(settings, contracts, schemas, before, after, examples)
        data = view.as_data(source, before, after, found, settings.contracts_dir)
    if as_json:
        typer.echo(json.dumps(data))
    else:
        view.show(data, Console())
    if data["worse"]:
        raise typer.Exit(Exit.FAILED)

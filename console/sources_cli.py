"""`concord sources`: check, prepare and register the sources under capture."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from connectors.sources.capture import DEFAULT_ROLE, EMBEDDED_PASSWORD, Capture
from connectors.sources.connect import Connect
from connectors.sources.partitioner import check_partitioner
from connectors.sources.preflight import preflight
from connectors.sources.preflight_findings import Report
from console.exits import Exit, help_text
from dataflows.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    no_args_is_help=True,
    help="Source databases and their capture. " + help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.UNREACHABLE),
)
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[SOURCE]...", help="sources; all configured ones if none is named")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
Role = Annotated[str, typer.Option(envvar="CONCORD_CAPTURE_ROLE", help="database role that the connectors log in with")]
Password = Annotated[
    str,
    typer.Option(
        envvar="CONCORD_CAPTURE_PASSWORD", help="its password; the embedded stack trusts loopback and ignores it"
    ),
]


def capture_of(settings: Settings, role: str = DEFAULT_ROLE, password: str = EMBEDDED_PASSWORD) -> Capture:
    """The capture that the settings describe; a source's database has the source's name."""
    return Capture(
        settings.sources_dir,
        settings.postgres,
        settings.connect,
        settings.registry,
        role,
        password,
        registry_path=settings.registry_path,
    )


def _chosen(settings: Settings, names: list[str] | None) -> tuple[str, ...]:
    """The named sources; raises SettingsError for one that is not configured."""
    unknown = [name for name in names or () if name not in settings.sources]
    if unknown:
        raise SettingsError(
            f"source {unknown[0]} is not configured (CONCORD_SOURCES is {', '.join(settings.sources)}). "
            "Next step: name one of these, or add it"
        )
    return tuple(names or settings.sources)


@app.command()
def check(
    sources: Names = None, as_json: Json = False, role: Role = DEFAULT_ROLE, password: Password = EMBEDDED_PASSWORD
) -> None:
    """Pre-flight: is all that capture depends on in place? Changes nothing. Exit codes: 0 all is well, 1 something is not, 2 usage."""
    settings = load_settings()
    report = preflight(capture_of(settings, role, password), _chosen(settings, sources), settings.kafka)
    if as_json:
        typer.echo(json.dumps(as_data(report)))
    else:
        show(report, Console())
    if not report.well:
        raise typer.Exit(Exit.FAILED)


@app.command()
def prepare(sources: Names = None, role: Role = DEFAULT_ROLE, password: Password = EMBEDDED_PASSWORD) -> None:
    """Run prepare.sql: capture role, signal table, publication. Running it again changes nothing. Exit codes: 0, 1, 2, 5."""
    settings = load_settings()
    for source in _chosen(settings, sources):
        capture_of(settings, role, password).prepare(source)
        typer.echo(f"{source}: prepared")


@app.command()
def register(
    sources: Names = None,
    role: Role = DEFAULT_ROLE,
    password: Password = EMBEDDED_PASSWORD,
    timeout_s: float = 60.0,
) -> None:
    """Register the connectors and wait until they run. Exit codes: 0, 1 (with the task's error), 2, 5."""
    settings = load_settings()
    capture = capture_of(settings, role, password)
    for source in _chosen(settings, sources):
        for warning in check_partitioner(source, capture.config(source)):
            typer.echo(
                f"{source}: {warning.code}: {warning.thing} {warning.problem}. Next step: {warning.fix}", err=True
            )
        status = capture.register(source, timeout_s=timeout_s)
        typer.echo(f"{source}: {status.state}")


@app.command()
def restart(sources: Names = None, timeout_s: float = 60.0) -> None:
    """Restart connectors and tasks that FAILED (`concord status` shows them) and wait until they run; what runs is left alone. Exit codes: 0, 1 (it failed again, with its error), 2, 5."""
    settings = load_settings()
    with Connect(settings.connect) as connect:
        for source in _chosen(settings, sources):
            revived = connect.revive(source, timeout_s)
            typer.echo(f"{source}: {'restarted, it runs' if revived else 'nothing had failed'}")


def as_data(report: Report) -> dict[str, object]:
    """The report as plain data for JSON."""
    return {
        "well": report.well,
        "passed": [{"source": source, "check": name} for source, name in report.passed],
        "findings": [finding._asdict() for finding in report.findings],
        "unchecked": [{"source": source, "check": name} for source, name in report.unchecked],
    }


def show(report: Report, console: Console) -> None:
    """The report as a table: what is wrong first, each with its fix."""
    if report.findings:
        table = Table(show_lines=True)
        for column in ("source", "code"):
            table.add_column(column, no_wrap=True)
        for column in ("what", "problem", "fix"):
            table.add_column(column, overflow="fold")
        for finding in report.findings:
            colour = "red" if finding.severity == "error" else "yellow"
            code = f"[{colour}]{finding.code}[/{colour}]"
            table.add_row(finding.source, code, finding.thing, finding.problem, finding.fix)
        console.print(table)
    by_source: dict[str, list[str]] = {}
    for source, name in report.passed:
        by_source.setdefault(source, []).append(name)
    for source, names in by_source.items():
        console.print(f"{source}: {', '.join(names)} [green]ok[/green]")
    for source, name in report.unchecked:
        console.print(f"{source}: {name} [yellow]not checked[/yellow]")

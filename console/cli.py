"""The `concord` command. Sub-commands of other rooms are loaded only when they are asked for."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from connectors.log import configure
from console.exits import Exit, help_text
from dataflows.settings import Settings, SettingsError, load_settings

#: command -> (module, what it does); the module has an `app`
SUB_COMMANDS = {
    "stack": "console.stack_cli",
    "sources": "console.sources_cli",
    "targets": "console.targets_cli",
    "corrections": "console.corrections_cli",
    "rules": "console.rules_cli",
    "mapping": "console.mapping_cli",
    "topics": "console.topics_cli",
    "demo": "console.demo_cli",
    "bench": "console.bench_cli",
}
RUN_HELP = (
    "Run one dataflow until SIGTERM. "
    + help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.UNREACHABLE)
    + " 3: a newer start of the same flow has taken over."
)

run_app = typer.Typer(no_args_is_help=True, help=RUN_HELP)
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]


@run_app.command("canonical", help="Sources -> canonical topics, exactly once. " + RUN_HELP)
def run_canonical(
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="processes of the flow; CONCORD_PROCESSES if not given")
    ] = None,
    process: Annotated[
        int | None,
        typer.Option(
            min=0, max=63, help="which of CONCORD_ADDRESSES this one is, from 0; CONCORD_PROCESS if not given"
        ),
    ] = None,
) -> None:
    """Run the canonical flow."""
    given = {"processes": processes, "process": process}
    _run("canonical", {name: value for name, value in given.items() if value is not None})


@run_app.command("dispatch", help="Intents -> corrections at the targets. " + RUN_HELP)
def run_dispatch() -> None:
    """Run the dispatch flow."""
    _run("dispatch", {})


@run_app.command("lookup", help="Canonical topics -> look-up store (Redis), by whole cuts. " + RUN_HELP)
def run_lookup() -> None:
    """Run the lookup flow."""
    _run("lookup", {})


def _run(flow: str, overrides: dict[str, int]) -> None:
    """Load a flow only when it is run: the engine is not imported by the other commands."""
    settings = load_settings(**overrides)
    module = importlib.import_module(f"dataflows.{flow}")
    raise typer.Exit(module.main(settings))


def _pair(text: str) -> tuple[str, int]:
    """`source=position`; raises typer.BadParameter."""
    source, equals, position = text.partition("=")
    if not (source and equals and position.isdecimal()):
        raise typer.BadParameter(f"{text!r} is not SOURCE=POSITION, for example billing=26741912")
    return source, int(position)


def account(
    account_id: Annotated[str, typer.Argument(metavar="ID", help="account id, for example A-000017")],
    min_frontier: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE=LSN", help="refuse an answer below this position; may be repeated"),
    ] = None,
    max_age_ms: Annotated[
        int | None, typer.Option(min=0, help="refuse an answer older than this in any source")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="what was open and paid at the end of a day, or at an instant with its zone"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show one account with its objects, the frontier it is true of, and its age."""
    from connectors.lookup_store.reader import Lookup
    from console import account_history, account_view

    if as_of is not None:
        account_history.moment_ms(as_of)
    settings = load_settings()
    minimum = dict(_pair(text) for text in min_frontier or [])
    store = Lookup(settings.redis, settings.prefix)
    try:
        answer = store.account(account_id, minimum, max_age_ms)
    finally:
        store.close()
    if as_of is not None:
        found = account_history.as_json(answer, as_of)
        typer.echo(json.dumps(found)) if as_json else account_history.show(found, Console())
    elif as_json:
        typer.echo(json.dumps(account_view.as_json(answer)))
    else:
        account_view.show(answer, Console())


def status(as_json: AsJson = False) -> None:
    """Show sources with lag, frontier and age, what is parked, waiting and open, and whether the counts balance."""
    from console import status_view
    from console.status import gather

    report = gather(load_settings())
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        status_view.show(report, Console())
    for line in report.unreachable:
        typer.echo(line, err=True)
    if report.unreachable:
        raise typer.Exit(Exit.UNREACHABLE)


def explain(
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="number or reference of a document, or an id")],
    as_json: AsJson = False,
) -> None:
    """Lead back from a document at a target to the correction that wrote it, who approved it, and the source rows."""
    from console import corrections_cli

    corrections_cli.explain(document, as_json)


def build_app(wanted: str | None) -> typer.Typer:
    """The command with the sub-commands that are needed: the wanted one, or all of them for the overview."""
    app = typer.Typer(
        name="concord",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Concord keeps billing, ERP and support in agreement about every account. Exit codes: docs/cli.md.",
    )
    app.add_typer(run_app, name="run")
    answers = (Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.UNKNOWN_ACCOUNT, Exit.UNREACHABLE)
    app.command("account", help=f"{account.__doc__} {help_text(*answers)}")(account)
    found = (Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.UNREACHABLE)
    app.command("explain", help=f"{explain.__doc__} {help_text(*found)}")(explain)
    app.command("status", help=f"{status.__doc__} {help_text(Exit.OK, Exit.USAGE, Exit.UNREACHABLE)}")(status)
    for name, module_name in SUB_COMMANDS.items():
        if wanted in SUB_COMMANDS and wanted != name:
            continue
        if wanted in ("run", "account", "explain", "status"):
            continue
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError:
            if wanted == name:
                raise
            continue  # the overview lists what is there
        app.add_typer(module.app, name=name)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: run the command, return its exit code; expected errors become one line on standard error."""
    configure("warning")  # what libraries say goes to standard error, never between the lines of --json
    arguments = list(sys.argv[1:] if argv is None else argv)
    wanted = next((argument for argument in arguments if not argument.startswith("-")), None)
    try:
        build_app(wanted)(args=arguments, prog_name="concord")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(Exit.FAILED)
    except Exception as error:  # the outermost place: expected errors become a line, all others are raised again
        from console import failures

        known = failures.explain(error, _settings_if_any())
        if known is None:
            raise
        line, code = known
        typer.echo(line, err=True)
        return int(code)
    return int(Exit.OK)


def _settings_if_any() -> Settings | None:
    """Settings for the addresses in a message; None when it is the settings that are wrong."""
    try:
        return load_settings()
    except SettingsError:
        return None


if __name__ == "__main__":
    sys.exit(main())

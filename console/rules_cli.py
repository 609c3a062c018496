"""`concord rules`: is a file of ownership rules right, and what would it do to corrections before anything runs on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from connectors.mappings.loading import load_model
from connectors.mappings.ownership import load_rules
from connectors.mappings.versions import installed
from console.exits import Exit, help_text
from dataflows.settings import SettingsError, load_settings
from state.rules import Rule, Rules

app = typer.Typer(
    no_args_is_help=True,
    help="Ownership rules: check a file, preview its effect. " + help_text(Exit.OK, Exit.USAGE, Exit.UNREACHABLE),
)
File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="the rules; the installed ones (CONCORD_OWNERSHIP) if none is named"),
]
Recorded = Annotated[Path | None, typer.Option(metavar="FILE", help="take the rows from this recording of events")]
Facts = Annotated[
    bool, typer.Option("--facts", help="take the rows that the running flow has stored; nothing is written")
]
Against = Annotated[
    Path | None, typer.Option(metavar="FILE", help="compare with these rules; default: the installed ones")
]
Examples = Annotated[int, typer.Option(min=0, help="list at most so many of each rule and change")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]


def advice(rules: Rules) -> list[str]:
    """What is allowed and still worth a second look, one sentence each."""
    said: list[str] = []
    for rule in rules.rules:
        if rule.mode == "auto" and rule.guard is None:
            said.append(f"{rule.name} sends by itself and has no guard: a mistake in it would be sent up to its cap")
        if rule.mode != "observe" and rule.cap == 0:
            said.append(f"{rule.name} has the cap 0: nothing is ever sent")
        if rule.mode == "auto" and not rule.author:
            said.append(f"{rule.name} has no author: whoever wrote it may approve what its guard holds back")
    unbudgeted = sorted({rule.target for rule in rules.rules} - set(rules.budgets))
    return said + [f"target {name} has no budget: only each process' own limit counts" for name in unbudgeted]


@app.command(help="Is the file right? Each rule with what it does, and what is worth a second look. Exit codes: 0, 2.")
def check(file: File = None, as_json: Json = False) -> None:
    """Check a file of rules."""
    rules = load_rules(file or load_settings().ownership)
    if as_json:
        shown = [_rule(rule) for rule in rules.rules]
        typer.echo(json.dumps({"version": rules.version, "rules": shown, "advice": advice(rules)}))
        return
    console = Console()
    console.print(f"version {rules.version}")
    table = Table("rule", "about", "mode", "settle", "cap", "guard", "team")
    table.columns[0].no_wrap = True
    for rule in rules.rules:
        about = f"{rule.object}: {rule.owner} -> {rule.target}"
        guard = f"{rule.guard.number}, {rule.guard.percent} %" if rule.guard else "-"
        cap = str(rule.cap) if rule.cap_percent == 100 else f"{rule.cap}, {rule.cap_percent} %"
        table.add_row(rule.name, about, rule.mode, f"{rule.settle_ms} ms", cap, guard, rule.team)
    console.print(table)
    for line in advice(rules):
        console.print(line, markup=False)


def _rule(rule: Rule) -> dict[str, Any]:
    names = [name for name in Rule.__slots__ if name != "guard"]
    guard = None if rule.guard is None else {name: getattr(rule.guard, name) for name in rule.guard.__slots__}
    return {name: getattr(rule, name) for name in names} | {"guard": guard}


@app.command(
    help="What would these rules do? The same rows are derived under both; corrections that are new, lost, changed and the "
    "same are counted per rule, and listed. Nothing is written. Exit codes: 0, 2, 5."
)
def preview(
    file: File = None,
    recorded: Recorded = None,
    facts: Facts = False,
    against: Against = None,
    examples: Examples = 100,
    as_json: Json = False,
) -> None:
    """Preview a change of rules."""
    from console import mapping_preview_view as view
    from dataflows import bootstrap
    from dataflows.preview import Side, of_facts, of_recording

    settings = load_settings()
    if (recorded is None) != facts:
        raise SettingsError("give the rows: either --recorded FILE or --facts. Next step: name one of them")
    model = load_model(settings.sources_dir, settings.sources)

    def side(path: Path) -> Side:
        return Side(model, load_rules(path), installed(settings.sources_dir, settings.sources, path))

    before, after = side(against or settings.ownership), side(file or settings.ownership)
    if recorded is not None:
        from connectors.mappings.checking.recorded import read_recording

        found = of_recording(read_recording(recorded), before, after, examples)
    else:
        contracts, schemas = bootstrap.published(settings), bootstrap.schemas(settings)
        found = of_facts(settings, contracts, schemas, before, after, examples)
    data = view.as_data("rules", before, after, found, settings.contracts_dir)
    kept = {name: data[name] for name in ("versions", "rows", "differing", "intents", "examples", "unfinished")}
    typer.echo(json.dumps(kept)) if as_json else view.show(data, Console())

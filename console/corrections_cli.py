"""`concord corrections`: what waits for a person, what it is about, and the decisions."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer
from rich.console import Console

from connectors.contracts import Contracts
from connectors.correction_store import CorrectionStore
from connectors.fact_search import FoundRow, live_rows
from connectors.registry import Registry
from console import audit_view, deciding
from console import corrections_view as view
from console import explain as story
from console.exits import Exit, help_text
from dataflows.settings import Settings, SettingsError, load_settings
from state.correcting.attention import attention
from state.correcting.correction import Correction, State
from state.correcting.decision import APPROVE, PROPOSE, REJECT, RESUME, STOP
from state.routing import partition_of

ANSWERS = help_text(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.UNREACHABLE)
app = typer.Typer(no_args_is_help=True, help="Corrections: what waits, and what people decide. " + ANSWERS)
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
Operator = Annotated[
    str, typer.Option("--as", envvar="CONCORD_OPERATOR", help="who decides; kept with the decision", metavar="NAME")
]
Reason = Annotated[str, typer.Option(help="why, in your words; kept with the decision")]
Name = Annotated[str, typer.Argument(metavar="ID", help="a correction (six digits are enough) or a hold")]
Wait = Annotated[float, typer.Option(min=0, help="seconds to wait for dispatch's answer; 0 does not wait")]
Seen = Annotated[
    str, typer.Option(help="what `show` printed as seen: refuses if the state has moved; a group needs it")
]
Limit = Annotated[int | None, typer.Option(min=1, help="only the first so many of a group; the rest waits on")]


def open_store() -> CorrectionStore:
    """The store that the settings describe. Raises KafkaUnavailable."""
    settings = load_settings()
    return CorrectionStore(settings.kafka, _contracts(settings))


def _contracts(settings: Settings) -> Contracts:
    registry = Registry(settings.registry_api, timeout_s=5.0, attempts=3)
    return Contracts(registry, settings.contracts_dir, settings.prefix, settings.subjects)


def open_search() -> story.Search:
    """Looks for a text in the rows that the canonical flow has stored."""
    settings = load_settings()
    reading = _contracts(settings)
    everywhere = list(range(settings.partitions))

    def search(text: str, account: str) -> list[FoundRow]:
        where = [partition_of(account, settings.partitions)] if account else everywhere
        found = live_rows(settings.kafka, f"{settings.prefix}facts", where, text, reading.read)
        return [row for row in found if account in ("", row.account)]

    return search


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@app.command("list", help="What waits for a person, most money first; with a filter, whatever it matches. " + ANSWERS)
def list_corrections(
    state: Annotated[State | None, typer.Option(help="only corrections in this state")] = None,
    rule: Annotated[str, typer.Option(help="only corrections of this ownership rule")] = "",
    account: Annotated[str, typer.Option(help="only corrections of this account")] = "",
    everything: Annotated[bool, typer.Option("--all", help="also what needs nobody")] = False,
    limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 200,
    as_json: AsJson = False,
) -> None:
    """List corrections and holds."""
    store = open_store()
    known, holds = list(store.corrections().values()), store.holds()

    def matches(one: Correction) -> bool:
        mine = (state in (None, one.state)) and rule in ("", one.intent.rule) and account in ("", one.intent.account_id)
        return mine and (everything or state is not None or attention(one) is not None)

    found = sorted(filter(matches, known), key=lambda one: (-(one.intent.risk_minor or 0), one.id))
    inside = {name: [one for one in known if one.group == name and one.state is State.PROPOSED] for name in holds}
    if as_json:
        shown = [view.correction_json(one) for one in found[:limit]]
        kept = [view.hold_json(hold, inside[name]) for name, hold in sorted(holds.items())]
        typer.echo(json.dumps({"holds": kept, "total": len(found), "corrections": shown}))
        return
    console = Console()
    view.show_list(found[:limit], [(hold, inside[name]) for name, hold in sorted(holds.items())], console)
    if len(found) > limit:
        console.print(f"{len(found) - limit} more; see --limit, or filter by --state, --rule, --account")


@app.command(
    help="One correction: before, after, frontier, rule, money at risk; or a group with its members. " + ANSWERS
)
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a correction or a hold."""
    subject = deciding.find(open_store(), name)
    if as_json:
        hold = None if subject.hold is None else view.hold_json(subject.hold, subject.corrections)
        shown = [view.correction_json(one) for one in subject.corrections]
        typer.echo(json.dumps({"hold": hold, "seen": deciding.seen(subject.corrections), "corrections": shown}))
    elif subject.hold is not None:
        view.show_list(subject.corrections, [(subject.hold, subject.corrections)], Console())
    else:
        view.show_correction(subject.corrections[0], Console())


@app.command(
    help="From a document's number, reference, row key or idempotency key back to the correction, decisions, intent and "
    "source rows. " + ANSWERS
)
def explain(
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="number or reference of a document, or an id")],
    as_json: AsJson = False,
) -> None:
    """Explain where a document at a target comes from."""
    stories = story.explain(open_store(), open_search(), document)
    if as_json:
        typer.echo(json.dumps(story.as_json(stories)))
    else:
        story.show(stories, Console())


@app.command(help="Let a proposal, a group or a brake go: for exactly the state that was shown. " + ANSWERS)
def approve(
    name: Name,
    operator: Operator = "",
    reason: Reason = "",
    seen: Seen = "",
    limit: Limit = None,
    wait_s: Wait = 10.0,
    as_json: AsJson = False,
) -> None:
    """Approve."""
    _decide(name, APPROVE, operator, reason, seen, limit, wait_s, as_json)


@app.command(help="Say no to a proposal or a group. " + ANSWERS)
def reject(
    name: Name,
    operator: Operator = "",
    reason: Reason = "",
    seen: Seen = "",
    limit: Limit = None,
    wait_s: Wait = 10.0,
    as_json: AsJson = False,
) -> None:
    """Reject."""
    _decide(name, REJECT, operator, reason, seen, limit, wait_s, as_json)


@app.command(help="Ask again for what was refused, rejected or has expired; somebody else must approve it. " + ANSWERS)
def propose(
    name: Name, operator: Operator = "", reason: Reason = "", wait_s: Wait = 10.0, as_json: AsJson = False
) -> None:
    """Propose again."""
    _decide(name, PROPOSE, operator, reason, "", None, wait_s, as_json)


@app.command(help="Stop every correction at once; what is on the wire ends, doubts are still looked after. " + ANSWERS)
def stop(operator: Operator = "", reason: Reason = "", wait_s: Wait = 10.0, as_json: AsJson = False) -> None:
    """Throw the switch."""
    _turn(STOP, operator, reason, wait_s, as_json)


@app.command(help="Let corrections be sent again. " + ANSWERS)
def resume(operator: Operator = "", reason: Reason = "", wait_s: Wait = 10.0, as_json: AsJson = False) -> None:
    """Put the switch back."""
    _turn(RESUME, operator, reason, wait_s, as_json)


def _who(operator: str) -> str:
    if not operator.strip():
        raise SettingsError("nobody is named who decides. Next step: --as NAME, or set CONCORD_OPERATOR")
    return operator.strip()


def _decide(
    name: str, verb: str, operator: str, reason: str, seen: str, limit: int | None, wait_s: float, as_json: bool
) -> None:
    store, who = open_store(), _who(operator)
    subject = deciding.find(store, name)
    chosen = subject._replace(corrections=subject.corrections[:limit])
    deciding.check_seen(subject, seen)
    decision = deciding.decide(store, chosen, verb, who, reason, _now_ms())
    outcome = deciding.outcome(store, chosen, decision, wait_s)
    if as_json:
        typer.echo(json.dumps(view.decision_json(decision, outcome)))
    else:
        typer.echo(
            f"{verb} by {who}: {len(decision.bindings)} asked for, {len(outcome.done)} done, {len(outcome.void)} void"
        )
    for one in outcome.void:
        typer.echo(f"{one.id} is {one.state.value}: {one.code}: {one.reason}", err=True)
    if outcome.pending and wait_s:
        typer.echo(f"dispatch has not answered within {wait_s:g} s: it obeys the decision as soon as it runs", err=True)
    if outcome.void:
        raise typer.Exit(Exit.REFUSED)


def _turn(verb: str, operator: str, reason: str, wait_s: float, as_json: bool) -> None:
    who = _who(operator)
    obeyed = deciding.turn(open_store(), verb, who, reason, _now_ms(), wait_s)
    if as_json:
        typer.echo(json.dumps({"verb": verb, "by": who, "reason": reason, "obeyed": obeyed}))
    else:
        state = "dispatch obeys it" if obeyed else "dispatch has not answered yet: it obeys it as soon as it runs"
        typer.echo(f"{verb} by {who}: {state}")


@app.command(
    help="Check the audit chain from its first entry to its newest. " + help_text(Exit.OK, Exit.FAILED, Exit.USAGE)
)
def audit(
    subject: Annotated[str, typer.Option(help="show the entries about a correction, hold or switch")] = "",
    as_json: AsJson = False,
) -> None:
    """Verify the audit chain."""
    settings = load_settings()
    found = audit_view.read(settings.kafka, _contracts(settings), subject)
    typer.echo(json.dumps(found)) if as_json else audit_view.show(found, Console())
    if found["broken_at"] is not None:
        typer.echo(
            f"the chain is broken at number {found['broken_at']}. Next step: compare with a copy of the topic", err=True
        )
        raise typer.Exit(Exit.FAILED)

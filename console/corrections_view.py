"""Corrections and holds for people (rich) and for programs (JSON); amounts exact, in minor units with their currency."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.deciding import Outcome, seen
from state.correcting.attention import attention, business
from state.correcting.correction import Correction
from state.correcting.correction_record import correction_record
from state.correcting.decision import Decision, binding, decision_record, key_of
from state.correcting.hold import Hold, hold_record


def correction_json(one: Correction) -> dict[str, Any]:
    """The record of the topic `corrections`, and what follows from it."""
    why = attention(one)
    return correction_record(one) | {
        "binding": binding(one),
        "idempotency_key": key_of(one),
        "attention": None if why is None else why._asdict(),
    }


def hold_json(hold: Hold, inside: list[Correction]) -> dict[str, Any]:
    """The record of the topic `holds`, with the corrections that wait in it."""
    return hold_record(hold) | {"corrections": len(inside), "seen": seen(inside), "risk_minor": risk(inside)}


def decision_json(decision: Decision, outcome: Outcome) -> dict[str, Any]:
    """A decision and what dispatch made of it."""
    return {
        "decision": decision_record(decision) | {"bindings": len(decision.bindings)},
        "done": [one.id for one in outcome.done],
        "void": [
            {"id": one.id, "state": one.state.value, "code": one.code, "reason": one.reason} for one in outcome.void
        ],
        "pending": outcome.pending,
    }


def risk(corrections: list[Correction]) -> dict[str, int]:
    """Money at risk, minor units by currency."""
    total: dict[str, int] = {}
    for one in corrections:
        if one.intent.risk_minor is not None and one.intent.risk_currency is not None:
            total[one.intent.risk_currency] = total.get(one.intent.risk_currency, 0) + one.intent.risk_minor
    return dict(sorted(total.items()))


def money(total: Mapping[str, int]) -> str:
    """Minor units by currency in one line."""
    return ", ".join(f"{currency} {minor:,} minor" for currency, minor in total.items()) or "-"


def moment(ms: int | None) -> str:
    """A moment in UTC, to the second."""
    return "-" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def show_list(corrections: list[Correction], holds: list[tuple[Hold, list[Correction]]], console: Console) -> None:
    """What keeps corrections back, then the corrections: most money first."""
    for hold, inside in holds:
        console.print(Text.assemble((hold.id, "bold red"), f"  since {moment(hold.since_ms)}: {hold.text}"))
        if inside:
            console.print(f"  {len(inside)} corrections wait in it, at risk {money(risk(inside))}, seen {seen(inside)}")
    table = Table("id", "state", "about", "at risk", "since", "expires", "why")
    for one in corrections:
        why = attention(one)
        table.add_row(
            one.id[:12],
            one.state.value,
            Text(business(one)),
            money(risk([one])),
            moment(one.intent.since_ms),
            moment(one.expires_ms),
            Text("-" if why is None else f"{why.kind}: {why.text}"),
        )
    console.print(table if corrections else "no corrections of this kind")


def show_correction(one: Correction, console: Console) -> None:
    """Before and after field by field, then where it stands."""
    intent = one.intent
    console.print(Text(f"{business(one)}", style="bold"))
    table = Table("field", "before", "after")
    wanted = {**intent.desired, **{name: f"{value} (amendment)" for name, value in one.amendment.items()}}
    for name, value in sorted(wanted.items()):
        before = "(no row)" if intent.current is None else intent.current.get(name, "-")
        table.add_row(name, Text(before), Text(value, style="" if before == value else "bold"))
    console.print(table)
    facts = {
        "id": one.id,
        "state": one.state.value + (f", {one.code}: {one.reason}" if one.code else ""),
        "rule": f"{intent.rule}, version {intent.rule_version}, {intent.mode}, team {intent.team}",
        "frontier": ", ".join(f"{source} {position}" for source, position in sorted(intent.positions.items())),
        "at risk": money(risk([one])),
        "since": moment(intent.since_ms),
        "proposed": f"{moment(one.proposed_ms)} by {one.proposed_by or 'the rule'}, expires {moment(one.expires_ms)}",
        "approved": one.approved_by or "-",
        "attempts": f"{one.attempt}, target tier {one.tier or '-'}, target row {intent.target_ref or '-'}",
        "key": key_of(one),
        "seen": seen([one]),
    }
    for name, text in facts.items():
        console.print(Text(f"  {name:9} {text}"))


def show_history(history: list[Correction], decisions: list[Decision], console: Console) -> None:
    """What happened, oldest first: records that compaction has not removed, and what people decided."""
    lines = [(one.updated_ms, f"{one.state.value} {one.code or ''} {one.reason or one.proof or ''}") for one in history]
    lines += [(one.at_ms, f"{one.verb} by {one.by} {one.reason}") for one in decisions]
    for at_ms, text in sorted(lines):
        console.print(Text(f"  {moment(at_ms)}  {text.strip()}"))

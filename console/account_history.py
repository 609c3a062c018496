"""One account as of an earlier moment, for people and for programs; `state/viewing/as_of.py` works it out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from connectors.lookup_store.reader import Answer
from connectors.mappings.zones import find_zone
from state.values import instant_from_us, iso
from state.viewing.as_of import as_of

_DAY = timedelta(days=1)


def moment_ms(text: str, zone: str | None = None) -> int:
    """A day (its end, in the zone of the account, or UTC) or an instant, in ms since 1970. Raises typer.BadParameter."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither a day nor an instant, for example 2026-04-01") from error
    if len(text) <= len("2026-04-01"):  # the whole day counts
        found = (found + _DAY - timedelta(milliseconds=1)).replace(tzinfo=(find_zone(zone) if zone else None) or UTC)
    elif found.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone: write it as 2026-04-01T12:00:00Z")
    ms = int(found.timestamp() * 1000)
    if ms > time.time() * 1000 + _DAY / timedelta(milliseconds=1):
        raise typer.BadParameter(f"{text} lies in the future, of which nothing is known")
    return ms


def as_json(answer: Answer, text: str) -> dict[str, Any]:
    """What the account was then, and what the answer is made of."""
    own = answer.objects.get("account", {}).get(answer.account) or {}
    ms = moment_ms(text, own.get("zone"))
    return {
        "account_id": answer.account,
        "as_of": instant_from_us(ms * 1000),
        "commit": answer.commit,
        "frontier": answer.frontier,
        "age_ms": answer.age_ms,
        **as_of(answer.objects, ms),
    }


def show(found: dict[str, Any], console: Console) -> None:
    """Print the totals and a line for each object; what is not known comes last."""
    seen = iso(datetime.now(UTC) - timedelta(milliseconds=max(found["age_ms"].values(), default=0)))
    console.print(Text(f"account {found['account_id']} as of {found['as_of']}", style="bold"))
    console.print(Text(f"  as it is known at commit {found['commit']} ({seen})"))
    for currency, sums in found["totals"].items():
        console.print(Text(f"  {currency}  " + ", ".join(f"{name} {amount}" for name, amount in sums.items())))
    for kind in ("invoices", "payments", "subscriptions"):
        console.print(Text(f"{kind} ({len(found[kind])})", style="bold"))
        for one in found[kind]:
            plain = ", ".join(f"{name} {value}" for name, value in one.items() if name != "id" and value is not None)
            console.print(Text.assemble("  ", (one["id"], "cyan"), f"  {plain}"))
    for line in found["unknown"]:
        console.print(Text(f"  not known: {line}", style="yellow"))

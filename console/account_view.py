"""One account for people (rich) and for programs (JSON). Amounts are shown exactly as stored: minor units and currency."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from connectors.lookup_store.reader import Answer


def as_json(answer: Answer) -> dict[str, Any]:
    """The answer as one JSON object; objects as lists sorted by key."""
    objects = {
        kind: [records[key] for key in sorted(records)]
        for kind, records in sorted(answer.objects.items())
        if kind != "account"
    }
    return {
        "account_id": answer.account,
        "commit": answer.commit,
        "frontier": answer.frontier,
        "age_ms": answer.age_ms,
        "account": answer.objects.get("account", {}).get(answer.account),
        "objects": objects,
    }


def show(answer: Answer, console: Console) -> None:
    """Print the account, what it is true of, and its objects: one line each, and one for what each system says of it."""
    console.print(Text(f"account {answer.account}", style="bold"), Text(f"as of commit {answer.commit}"))
    for source, position in sorted(answer.frontier.items()):
        console.print(Text(f"  {source} up to {position}, {answer.age_ms.get(source, 0) / 1000:.1f} s ago"))
    own = answer.objects.get("account", {}).get(answer.account)
    if own and (other := own.get("merged_into")):
        console.print(Text(f"  merged into {other}: what it had is there, see concord account {other}", style="bold"))
    if own:
        _record(own, console)
    for kind, records in sorted(answer.objects.items()):
        if kind != "account":
            console.print(Text(f"{kind} ({len(records)})", style="bold"))
            for key in sorted(records):
                _record(records[key], console)


def _record(record: dict[str, Any], console: Console) -> None:
    """A record: its plain fields on one line, each nested part on a line of its own; empty fields are left out."""
    plain = [f"{name} {value}" for name, value in record.items() if name not in ("id", "account") and _is_plain(value)]
    console.print(Padding(Text.assemble((str(record.get("id", "")), "cyan"), "  ", ", ".join(plain)), (0, 0, 0, 2)))
    for name, value in record.items():
        if value and not _is_plain(value):
            console.print(Padding(Text(f"{name}: {_inline(value)}", style="dim"), (0, 0, 0, 6)))


def _is_plain(value: Any) -> bool:
    """Whether a value is shown with its record's other fields."""
    return value is not None and not isinstance(value, dict | list)


def _inline(value: Any) -> str:
    """Plain text of a nested part."""
    if isinstance(value, dict):
        return ", ".join(
            f"{name} ({_inline(part)})" if isinstance(part, dict) else f"{name} {_inline(part)}"
            for name, part in value.items()
        )
    if isinstance(value, list):
        return "; ".join(map(_inline, value))
    return "-" if value is None else str(value)

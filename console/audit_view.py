"""The audit chain for people and programs: whether it is whole, its newest hash, and the entries about one subject."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from connectors.audit_log import entries
from connectors.contracts import Contracts
from console.corrections_view import moment
from state.correcting.audit import Check, entry_record


def read(bootstrap: str, contracts: Contracts, subject: str) -> dict[str, Any]:
    """`total`, `newest` (its hash, to be kept elsewhere), `broken_at` (None: whole), and `entries` of the subject."""
    check, shown = Check(), []
    for entry in entries(bootstrap, contracts):
        check.add(entry)
        if subject and entry.subject == subject:
            shown.append(entry_record(entry))
    newest = None if check.newest is None else check.newest.hash
    return {"total": check.total, "newest": newest, "broken_at": check.broken_at, "entries": shown}


def show(found: dict[str, Any], console: Console) -> None:
    """Print it."""
    state = "is whole" if found["broken_at"] is None else "is broken"
    console.print(f"the chain of {found['total']:,} entries {state}; newest hash {found['newest'] or '-'}")
    for entry in found["entries"]:
        body = ", ".join(f"{name} {value}" for name, value in sorted(entry["body"].items()) if value)
        by = f" by {entry['by']}" if entry["by"] else ""
        console.print(Text(f"  {entry['number']} {moment(entry['at_ms'])} {entry['kind']}{by}: {body}"))

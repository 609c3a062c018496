"""One account for people (rich) and for programs (JSON). Amounts are shown exactly as stored: minor units and currency."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.lookup import Answer


def as_json(answer: Answer) -> dict[str, Any]:
    """The answer as one JSON object; objects as lists sorted by key."""
    objects = {
        kind: [records[key] for key in sorted(records)] for kind, records in sorted(answer.objects.items()) if kind != "account"
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
    """Print the account, what it is true of, and one table per kind of object."""
    where = ", ".join(f"{source} {position} ({answer.age_ms.get(source, 0)} ms ago)" for source, position in sorted(answer.frontier.items()))
    console.print(Text(f"account {answer.account}", style="bold"), Text(f"commit {answer.commit}; true of {where}"))
    own = answer.objects.get("account", {}).get(answer.account)
    if own:
        table = Table(show_header=False, box=None)
        for name, value in own.items():
            table.add_row(name, Text(_cell(value)))
        console.print(table)
    for kind, records in sorted(answer.objects.items()):
        if kind != "account":
            _table(kind, records, console)


def _table(kind: str, records: dict[str, Any], console: Console) -> None:
    """One row a record; columns are the fields that any of them has, except the account's id."""
    columns = list(dict.fromkeys(name for record in records.values() for name in record if name != "account"))
    table = Table(*columns, title=f"{kind} ({len(records)})", title_justify="left")
    for key in sorted(records):
        table.add_row(*(Text(_cell(records[key].get(name))) for name in columns))
    console.print(table)


def _cell(value: Any) -> str:
    """Plain text of a field; nested parts as `name=value`."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_cell(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_cell(part) for part in value) or "-"
    return str(value)

"""A preview of a changed mapping, as data and for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.mappings.versions import words
from dataflows.preview import Preview, Side, Told
from state.viewing.preview import Count, Example

#: what is shown in the place of a value that the contract calls personal
PERSONAL = "(personal)"
_WHAT = {"object": "canonical objects", "intent": "corrections, by rule", "exception": "exceptions, by code"}


def as_data(source: str, before: Side, after: Side, preview: Preview, contracts_dir: Path) -> dict[str, Any]:
    """Everything as plain data; `worse` if the changed mapping cannot use rows that the other one can."""
    comparison, was, now = preview
    parked = now.parked.total() + now.unreadable.total() > was.parked.total() + was.unreadable.total()
    return {
        "source": source,
        "versions": words(before.versions, after.versions),
        "rows": {"before": was.rows, "after": now.rows},
        "differing": comparison.differing,
        **{f"{what}s": {kind: _count(one) for kind, one in comparison.counts(what).items()} for what in _WHAT},
        "parked": {"before": _codes(was), "after": _codes(now)},
        "waiting": {"before": was.waiting, "after": now.waiting},
        "unfinished": now.unfinished,
        "worse": parked,
        "examples": [_example(one, contracts_dir) for one in comparison.examples],
    }


def _codes(told: Told) -> dict[str, int]:
    return dict(sorted((told.parked + told.unreadable).items()))


def _count(count: Count) -> dict[str, Any]:
    return {
        "new": count.new,
        "lost": count.lost,
        "changed": count.changed,
        "same": count.same,
        "fields": dict(count.fields.most_common()),
    }


def _example(example: Example, contracts_dir: Path) -> dict[str, Any]:
    hidden = personal_fields(contracts_dir, example.kind) if example.what == "object" else frozenset()
    fields = {
        name: {
            "before": PERSONAL if name in hidden and before is not None else before,
            "after": PERSONAL if name in hidden and after is not None else after,
        }
        for name, (before, after) in example.fields.items()
    }
    return {**example._asdict(), "fields": fields}


def personal_fields(contracts_dir: Path, kind: str) -> frozenset[str]:
    """Fields of a contract that hold personal data, as `state.viewing.preview.flat` names them."""
    return frozenset(_personal(json.loads((contracts_dir / f"{kind}.avsc").read_text()), ""))


def _personal(schema: Any, prefix: str) -> list[str]:
    if isinstance(schema, list):
        return [name for branch in schema for name in _personal(branch, prefix)]
    if not isinstance(schema, dict):
        return []
    found: list[str] = []
    for field in schema.get("fields", ()):
        if field["personal"]:
            found.append(f"{prefix}{field['name']}")
        found += _personal(field["type"], f"{prefix}{field['name']}.")
    return found


def show(data: dict[str, Any], console: Console) -> None:
    """Print it: counts per kind, what cannot be used, examples."""
    console.print(f"{data['source']}: {data['versions'] or 'the same versions'}; {data['rows']['after']:,} rows")
    if not data["differing"]:
        console.print("nothing differs: the view and the corrections stay as they are")
    for what, title in _WHAT.items():
        differing = {kind: one for kind, one in data[f"{what}s"].items() if one["new"] + one["lost"] + one["changed"]}
        if differing:
            console.print(_counts(title, differing))
    _parked(data, console)
    if data["examples"]:
        console.print(_examples(data["examples"]))


def _counts(title: str, kinds: dict[str, dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("kind", no_wrap=True)
    for name in ("new", "lost", "changed", "same"):
        table.add_column(name, justify="right")
    table.add_column("changed in", overflow="fold")
    for kind, one in kinds.items():
        fields = ", ".join(f"{name} {n:,}" for name, n in one["fields"].items())
        table.add_row(kind, *(f"{one[name]:,}" for name in ("new", "lost", "changed", "same")), fields)
    return table


def _parked(data: dict[str, Any], console: Console) -> None:
    before, after = data["parked"]["before"], data["parked"]["after"]
    for code in sorted({*before, *after}):
        was, now = before.get(code, 0), after.get(code, 0)
        console.print(Text(f"parked {code}: {was:,} -> {now:,}", style="bold red" if now > was else ""))
    waiting = data["waiting"]
    if waiting["before"] != waiting["after"]:
        console.print(f"waiting for their account: {waiting['before']} -> {waiting['after']}")
    if data["unfinished"]:
        console.print(f"not looked at: {data['unfinished']:,} rows, since the end of their transaction is not recorded")
    if data["worse"]:
        console.print(Text("the changed mapping cannot use rows that the other one can", style="bold red"))


def _examples(examples: list[dict[str, Any]]) -> Table:
    table = Table(title="examples", title_justify="left")
    for name in ("", "what", "key", "account"):
        table.add_column(name, no_wrap=name != "key", overflow="fold")
    table.add_column("before -> after", overflow="fold")
    for one in examples:
        key = "" if one["what"] == "exception" else one["key"]  # its text says what it is about
        table.add_row(one["change"], one["kind"], key, one["account"], _said(one))
    return table


def _said(example: dict[str, Any]) -> str:
    fields, change = example["fields"].items(), example["change"]
    if change == "changed":
        return "\n".join(f"{name}: {values['before']} -> {values['after']}" for name, values in fields)
    if example["what"] == "object":
        return ""
    side = "after" if change == "new" else "before"
    return "\n".join(values[side] if name == "text" else f"{name}: {values[side]}" for name, values in fields)

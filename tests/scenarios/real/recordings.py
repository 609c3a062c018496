"""The three recordings in wire form: writer schemas are inferred from the values, the rest is what the engine gave."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import yaml

RECORDED = Path(__file__).resolve().parents[2] / "recorded" / "real"
SOURCES = Path(__file__).resolve().parents[3] / "debezium"
#: source folder -> (its recording, the prefix that its topics have there)
FILES = {
    "killbill": ("billing-killbill.jsonl", "billing"),
    "tryton": ("erp-tryton.jsonl", "erp"),
    "request_tracker": ("support-rt.jsonl", "support"),
}
_AVRO = {bool: "boolean", int: "long", str: "string", float: "double"}
Columns = dict[str, Any]
_DAY = ["null", "long"]
#: what the recorded Tryton did not have: its module of deferrals, installed since. Topic -> (key columns, further columns)
LATER: dict[str, tuple[tuple[str, ...], Columns]] = {
    "tryton.public.account_invoice_line": (("id",), {"defer_from": _DAY, "defer_to": _DAY}),
    "tryton.public.account_invoice_deferred": (
        ("id",),
        {"id": "long", "invoice_line": ["null", "long"], "start_date": _DAY, "end_date": _DAY},
    ),
}


class Change(NamedTuple):
    """One recorded row change; `value` None is a tombstone."""

    topic: str
    key: dict[str, Any]
    value: dict[str, Any] | None


class Act(NamedTuple):
    """One source transaction: its number, commit time, the changes of captured tables, and its END."""

    source: str
    txid: int
    time_ms: int
    changes: tuple[Change, ...]
    end: dict[str, Any]


def mapping_text(source: str) -> str:
    """The mapping of a source folder."""
    return (SOURCES / source / "mapping.yaml").read_text()


@functools.cache
def captured(source: str) -> frozenset[str]:
    """Topics that the source folder captures."""
    return frozenset(f"{source}.{table}" for table in yaml.safe_load(mapping_text(source))["tables"])


@functools.cache
def acts(source: str) -> tuple[Act, ...]:
    """The recording of a source, transaction by transaction."""
    name, prefix = FILES[source]
    found: list[Act] = []
    changes: list[Change] = []
    for line in (RECORDED / name).read_text().splitlines():
        event = json.loads(line)
        topic, value = source + event["topic"].removeprefix(prefix), event["value"]
        if topic == f"{source}.transaction":
            if value["status"] == "END":
                txid = int(value["id"].partition(":")[0])
                found.append(Act(source, txid, value["ts_ms"], tuple(changes), value))
                changes = []
        elif topic in captured(source):
            changes.append(Change(topic, event["key"], value))
    return tuple(found)


@functools.cache
def tables() -> dict[str, tuple[tuple[str, ...], Columns]]:
    """Topic -> (key columns, {column: Avro type}), out of every value that was recorded, and what came later."""
    kinds: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    keys: dict[str, tuple[str, ...]] = {}
    for source in FILES:
        for change in (change for act in acts(source) for change in act.changes):
            keys[change.topic] = tuple(change.key)
            for image in ("before", "after"):
                for column, value in ((change.value or {}).get(image) or {}).items():
                    found = kinds[change.topic][column]
                    if value is not None:
                        found.add(_AVRO[type(value)])
    shown = {
        topic: (keys[topic], {c: _type(found, c in keys[topic]) for c, found in kinds[topic].items()}) for topic in keys
    }
    return shown | {topic: (key, shown.get(topic, (key, {}))[1] | columns) for topic, (key, columns) in LATER.items()}


def _type(found: set[str], key: bool) -> Any:
    only = sorted(found) or ["string"]
    return only[0] if key and len(only) == 1 else ["null", *only]

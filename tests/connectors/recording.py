"""Recorded wire bytes as polled messages, their writer schemas as a registry, and a model over their tables."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from connectors.mappings.checking.recorded import RecordedEvent
from connectors.registry import UnknownSchemaId
from state.model import AccountRule, Model, SourceSpec, TableSpec

WIRE = Path(__file__).parent.parent / "recorded" / "wire"
NAMES = ("main", "bulk", "kill")


class DictSchemas:
    """Writer schemas by id, with a count of what was asked."""

    def __init__(self, schemas: dict[int, Any]) -> None:
        self.schemas = schemas
        self.asked: list[int] = []

    def schema(self, schema_id: int) -> Any:
        """The schema, or UnknownSchemaId."""
        self.asked.append(schema_id)
        if schema_id not in self.schemas:
            raise UnknownSchemaId(f"no schema {schema_id}")
        return self.schemas[schema_id]


class Recording(NamedTuple):
    """A recorded file."""

    messages: tuple[RecordedEvent, ...]
    schemas: dict[int, Any]

    @property
    def registry(self) -> DictSchemas:
        """A fresh registry double over the recorded schemas."""
        return DictSchemas(self.schemas)

    def topics(self, pattern: str) -> list[RecordedEvent]:
        """Messages of the topics whose whole name matches."""
        return [m for m in self.messages if re.fullmatch(pattern, m.topic_name)]


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


@functools.cache
def recording(name: str) -> Recording:
    """One of the recordings: main, bulk or kill (see tests/recorded/wire/README.md)."""
    messages, schemas = [], {}
    with gzip.open(WIRE / f"billing-{name}.jsonl.gz", "rt") as lines:
        for line in lines:
            entry = json.loads(line)
            if "schema_id" in entry:
                schemas[entry["schema_id"]] = entry["schema"]
                continue
            messages.append(
                RecordedEvent(
                    entry["topic"],
                    entry["partition"],
                    entry["offset"],
                    _bytes(entry["key"]),
                    _bytes(entry["value"]),
                )
            )
    return Recording(tuple(messages), schemas)


#: table of the recording -> column that leads to the account
LINKS = {
    "b.accounts": "id", "b.subscriptions": None, "b.invoices": "account_id", "b.invoice_lines": "invoice_id",
    "b.payments": "invoice_id", "b.refunds": None, "b.credits": "account_id", "b.staging": None, "b.plans": None,
    "b.dbz_hb": None, "b.dbz_signal": None, "s.organizations": None, "s.cases": "org_id",
}  # fmt: skip


def model() -> Model:
    """A model over every recorded table; the sources are billing and support."""
    tables = tuple(
        TableSpec(
            index=i,
            source="billing" if name.startswith("b.") else "support",
            name=name,
            topic=f"{'billing' if name.startswith('b.') else 'support'}.{name}",
            key=("id",),
            account=None if column is None else AccountRule("reference", column),
        )
        for i, (name, column) in enumerate(LINKS.items())
    )
    sources = tuple(
        SourceSpec(name, name, "initial", f"{name}.transaction", f"{name}-notify", 1) for name in ("billing", "support")
    )
    return Model(sources, tables, {})

"""Recorded wire bytes as polled messages, their writer schemas as a registry, and a model over their tables."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from connectors.registry import UnknownSchemaId
from state.model import AccountRule, Model, SourceSpec, TableSpec

WIRE = Path(__file__).parent.parent / "recorded" / "wire"
NAMES = ("main", "bulk", "kill")


class RecordedMessage(NamedTuple):
    """One Kafka record with the interface of confluent_kafka.Message."""

    topic_name: str
    partition_number: int
    offset_number: int
    key_bytes: bytes | None
    value_bytes: bytes | None
    header_list: tuple[tuple[str, bytes], ...] = ()

    def topic(self) -> str:
        """Topic name."""
        return self.topic_name

    def partition(self) -> int:
        """Partition number."""
        return self.partition_number

    def offset(self) -> int:
        """Offset."""
        return self.offset_number

    def key(self) -> bytes | None:
        """Key bytes."""
        return self.key_bytes

    def value(self) -> bytes | None:
        """Value bytes."""
        return self.value_bytes

    def timestamp(self) -> tuple[int, int]:
        """Kind and time; the recordings have none."""
        return 0, 0

    def headers(self) -> list[tuple[str, bytes]]:
        """Header pairs."""
        return list(self.header_list)


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

    messages: tuple[RecordedMessage, ...]
    schemas: dict[int, Any]

    @property
    def registry(self) -> DictSchemas:
        """A fresh registry double over the recorded schemas."""
        return DictSchemas(self.schemas)

    def topics(self, pattern: str) -> list[RecordedMessage]:
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
            headers = tuple((h[0], _bytes(h[1]) or b"") for h in entry["headers"])
            messages.append(
                RecordedMessage(
                    entry["topic"],
                    entry["partition"],
                    entry["offset"],
                    _bytes(entry["key"]),
                    _bytes(entry["value"]),
                    headers,
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

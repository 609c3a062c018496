"""The published contracts: `avro/<name>.avsc`, registered once under its subject, with their writers and readers."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from connectors.avro.reader import compile_reader
from connectors.avro.writer import compile_writer, frame_prefix
from connectors.kafka.topics import COMPACT, COMPACT_AND_RETAIN, KEEP, RETAIN, TopicSpec
from connectors.registry import FULL_TRANSITIVE, Registry

YEAR_MS = 31_536_000_000
#: contracts that the registry is asked for at a time
_ASKED_AT_ONCE = 6
#: contract name -> (topic without prefix, policy); the canonical objects, then what the flows say to one another
TOPICS: dict[str, tuple[str, dict[str, str]]] = {
    "account": ("canonical.account", COMPACT),
    "subscription": ("canonical.subscription", COMPACT),
    "usage": ("canonical.usage", COMPACT),
    "invoice": ("canonical.invoice", COMPACT),
    "payment": ("canonical.payment", COMPACT),
    "refund": ("canonical.refund", COMPACT),
    "credit": ("canonical.credit", COMPACT),
    "case": ("canonical.case", COMPACT),
    "entitlement": ("canonical.entitlement", COMPACT),
    "change": ("canonical.change", RETAIN),
    "progress": ("canonical.progress", COMPACT_AND_RETAIN),
    "intent": ("intents", COMPACT),
    "correction": ("corrections", COMPACT),
    "attention": ("corrections.exceptions", COMPACT),
    "hold": ("holds", COMPACT),
    "decision": ("decisions", COMPACT_AND_RETAIN | {"retention.ms": str(YEAR_MS)}),
    "audit": ("audit", KEEP),
    "exception": ("exceptions", COMPACT),
    "parked": ("parked", RETAIN),
}
#: topics without an Avro contract: internal state
OTHER_TOPICS: dict[str, dict[str, str]] = {"facts": COMPACT}
#: topics with one partition: their order is one order
SINGLE = frozenset({"progress", "decision", "hold", "audit"})


def topic_specs(prefix: str, partitions: int) -> list[TopicSpec]:
    """Every output topic with its partitions and policy."""
    specs = [
        TopicSpec(prefix + topic, 1 if name in SINGLE else partitions, config)
        for name, (topic, config) in TOPICS.items()
    ]
    return specs + [
        TopicSpec(prefix + name, 1 if name in SINGLE else partitions, config) for name, config in OTHER_TOPICS.items()
    ]


#: how subjects are named
SubjectNaming = Literal["topic", "record", "topic_record"]


class ContractMissing(Exception):
    """A contract's file is not where CONCORD_CONTRACTS_DIR says. Exit code 2."""


class Contracts:
    """Writers and readers of the output topics; schemas are registered when first used."""

    def __init__(self, registry: Registry, folder: Path, prefix: str, naming: SubjectNaming = "topic") -> None:
        """`naming`: what a subject is named after, as in Confluent's TopicName, RecordName and TopicRecordName strategies."""
        self._naming = naming
        self._registry = registry
        self._folder = folder
        self._prefix = prefix
        self._writers: dict[str, Callable[[dict[str, Any]], bytes]] = {}
        self._readers: dict[int, Callable[[bytes], Any]] = {}
        self._registered: dict[int, dict[str, Any]] = {}

    def reconnect(self) -> None:
        """After a fork: connections to the registry are the parent's."""
        self._registry.reconnect()

    def topic(self, name: str) -> str:
        """Full topic name of a contract."""
        return self._prefix + TOPICS[name][0]

    def schema(self, name: str) -> dict[str, Any]:
        """The contract as published in `avro/`."""
        path = self._folder / f"{name}.avsc"
        try:
            schema: dict[str, Any] = json.loads(path.read_text())
        except OSError as error:
            raise ContractMissing(
                f"contract {path} cannot be read ({error.strerror}). Next step: set CONCORD_CONTRACTS_DIR to their folder"
            ) from error
        return schema

    def register(self) -> dict[str, int]:
        """Register every contract; {name: schema id}. Afterwards neither writing nor reading them needs the registry.

        Raises ContractMissing and what the registry raises.
        """
        first, *others = TOPICS
        ids = {first: self._id(first)}  # alone: where the registry does not answer, it is asked once
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
            ids |= zip(others, pool.map(self._id, others), strict=True)
        self._registered |= {number: self.schema(name) for name, number in ids.items()}
        return ids

    def _id(self, name: str) -> int:
        return self._registry.register(self.subject(name), self.schema(name), compatibility=FULL_TRANSITIVE)

    def subject(self, name: str) -> str:
        """The one subject of a contract's values."""
        topic, schema = self.topic(name), self.schema(name)
        record = f"{schema['namespace']}.{schema['name']}"
        return {"topic": f"{topic}-value", "record": record, "topic_record": f"{topic}-{record}"}[self._naming]

    def writer(self, name: str) -> Callable[[dict[str, Any]], bytes]:
        """Encodes a record of the contract as a Confluent frame."""
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = compile_writer(self.schema(name), frame_prefix(self._id(name)))
        return writer

    def read(self, frame: bytes) -> Any:
        """Decode a Confluent frame by its own writer schema."""
        number = int.from_bytes(frame[1:5], "big")
        reader = self._readers.get(number)
        if reader is None:
            schema = self._registered.get(number) or self._registry.schema(number)
            reader = self._readers[number] = compile_reader(schema)
        return reader(frame)

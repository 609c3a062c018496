"""A recording of captured events as polled messages and their writer schemas.

JSON lines, also gzipped: `{"schema_id", "schema"}` and `{"topic", "partition", "offset", "key", "value"}` with bytes in
base64, as they lay in Kafka; or whole events `{"topic", "key", "value"}` as JSON, whose schemas are inferred.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from connectors.mappings.checking.against_schemas import RecordingUnreadable
from connectors.mappings.checking.inferred_schemas import Inferred
from connectors.registry import UnknownSchemaId


class RecordedEvent(NamedTuple):
    """One record, as a consumer hands it out."""

    topic_name: str
    partition_number: int
    offset_number: int
    key_bytes: bytes | None
    value_bytes: bytes | None

    def topic(self) -> str:
        """Topic name."""
        return self.topic_name

    def partition(self) -> int:
        """Partition number."""
        return self.partition_number

    def offset(self) -> int:
        """Offset in the partition."""
        return self.offset_number

    def key(self) -> bytes | None:
        """Key bytes."""
        return self.key_bytes

    def value(self) -> bytes | None:
        """Value bytes; None is a tombstone."""
        return self.value_bytes

    def timestamp(self) -> tuple[int, int]:
        """Kind and time of writing: not recorded."""
        return 0, 0


class Recording(NamedTuple):
    """Events in the order in which they were recorded; stands in for the registry that their schemas came from."""

    events: list[RecordedEvent]
    schemas: Mapping[int, Any]

    def schema(self, schema_id: int) -> Any:
        """A writer schema. Raises UnknownSchemaId."""
        if schema_id not in self.schemas:
            raise UnknownSchemaId(f"the recording holds no schema {schema_id}")
        return self.schemas[schema_id]


def read_recording(path: Path) -> Recording:
    """Everything in the file. Raises RecordingUnreadable."""
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            documents = [json.loads(line) for line in lines if line.strip()]
        if any(isinstance(one.get("value"), dict) for one in documents):
            recording = _of_json(documents)
        else:
            recording = _of_bytes(documents)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise RecordingUnreadable(
            f"{path} cannot be read as a recording ({problem}). Next step: give JSON lines of events, as docs/cli.md says"
        ) from error
    if not recording.events:
        raise RecordingUnreadable(f"{path} holds no event. Next step: give JSON lines of events, as docs/cli.md says")
    return recording


def _of_bytes(documents: Iterable[dict[str, Any]]) -> Recording:
    events, schemas = [], {}
    for one in documents:
        if "schema_id" in one:
            inner = one["schema"]
            schemas[int(one["schema_id"])] = json.loads(inner) if isinstance(inner, str) else inner
        else:
            key, value = (None if one[name] is None else base64.b64decode(one[name]) for name in ("key", "value"))
            events.append(RecordedEvent(one["topic"], one.get("partition", 0), one.get("offset", 0), key, value))
    return Recording(events, schemas)


def _of_json(documents: list[dict[str, Any]]) -> Recording:
    """All events of a table lie in one partition, in their order."""
    inferred = Inferred()
    for one in documents:
        inferred.learn(one["topic"], one.get("key"), one.get("value"))
    ends: dict[str, int] = {}
    events = []
    for one in documents:
        topic = one["topic"]
        offset = ends[topic] = ends.get(topic, -1) + 1
        key, value = inferred.encode(topic, one.get("key"), one.get("value"))
        events.append(RecordedEvent(topic, 0, offset, key, value))
    return Recording(events, inferred.schemas)

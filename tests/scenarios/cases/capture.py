"""Writes what a source's connector would: schemas, Debezium envelopes, transaction boundaries, as wire bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from connectors.avro import compile_writer, frame_prefix
from connectors.mappings.checking.recorded import RecordedEvent
from tests.connectors.events import BOUNDARY, envelope, record
from tests.connectors.recording import DictSchemas

BOUNDARY_ID = 1
Row = dict[str, Any]


class Subjects(DictSchemas):
    """The registry double: writer schemas by id, and what was registered under which subject."""

    def __init__(self) -> None:
        """Only the transaction topic's schema is there yet."""
        super().__init__({BOUNDARY_ID: BOUNDARY})
        self.registered: dict[str, int] = {}

    def add(self, schema: Any) -> int:
        """A schema under a new id."""
        number = len(self.schemas) + 1
        self.schemas[number] = schema
        return number

    def register(self, subject: str, schema: Any, *_: Any, **_options: Any) -> int:
        """As the real one: the same subject and schema give the same id."""
        if subject not in self.registered:
            self.registered[subject] = self.add(schema)
        return self.registered[subject]


class Event(NamedTuple):
    """A row change before it has a place: `key` None where the table has no key."""

    topic: str
    op: str
    key: Row | None
    after: Row | None
    before: Row | None = None
    place: Row = {}  # noqa: RUF012 - never changed


class Capture:
    """The tables of all sources as they are captured; one clock and one log for all of them."""

    def __init__(
        self,
        tables: Mapping[str, tuple[tuple[str, ...], Mapping[str, Any]]],
        shape: Callable[..., Any] = envelope,
    ) -> None:
        """`tables`: topic -> (key columns, {column: Avro type})."""
        self.registry = Subjects()
        self._writers: dict[int, Callable[[Any], bytes]] = {}
        self._shape = shape
        self.keys = {topic: key for topic, (key, _) in tables.items()}
        self.values: dict[str, int] = {}
        self.key_ids: dict[str, int] = {}
        for topic, (key, columns) in tables.items():
            self.alter(topic, columns)
            self.key_ids[topic] = self.registry.add(record("Key", *((name, columns[name]) for name in key)))
        self.lsn, self.txid = 1000, 500
        self.time_ms = 1_767_225_600_000  # 2026-01-01

    def alter(self, topic: str, columns: Mapping[str, Any]) -> None:
        """From now on rows of the topic are written with these columns."""
        self.values[topic] = self.registry.add(self._shape(*columns.items()))

    def put(self, topic: str, op: str = "u", **row: Any) -> Event:
        """The row now is so."""
        key = {name: row[name] for name in self.keys[topic]}
        return Event(topic, op, key or None, row)

    def drop(self, topic: str, **row: Any) -> Event:
        """The row is gone: its key columns, or its whole image where the table has no key (REPLICA IDENTITY FULL)."""
        return Event(topic, "d", row, None) if self.keys[topic] else Event(topic, "d", None, None, row)

    def key_frame(self, topic: str, key: Row, schema_id: int | None = None) -> bytes:
        """A Kafka key."""
        number = self.key_ids[topic] if schema_id is None else schema_id
        return self._writer(number)(key)

    def _writer(self, number: int) -> Callable[[Any], bytes]:
        writer = self._writers.get(number)
        if writer is None:
            writer = self._writers[number] = compile_writer(self.registry.schemas[number], frame_prefix(number))
        return writer

    def value_frame(self, event: Event, order: int, before_lsn: int) -> bytes:
        """A Debezium value in the transaction under way."""
        number = self.values[event.topic]
        source, schema, table = event.topic.split(".")
        body: Row = {
            "before": event.before, "after": event.after, "op": event.op, "ts_ms": self.time_ms,
            "source": {
                "version": "3.7.0.Final", "connector": "postgresql", "name": source, "ts_ms": self.time_ms, "db": source,
                "snapshot": "false", "sequence": f'["{before_lsn}","{self.lsn}"]', "ts_us": self.time_ms * 1000,
                "schema": schema, "table": table, "txId": self.txid, "lsn": self.lsn, **event.place,
            },
            "transaction": {"id": f"{self.txid}:{self.lsn}", "total_order": order, "data_collection_order": order},
        }  # fmt: skip
        schema = self.registry.schemas[number]
        fields = next(field["type"]["fields"] for field in schema["fields"] if field["name"] == "source")
        own = {field["name"] for field in fields}  # of the connector that the schema is of
        body["source"] = {name: value for name, value in body["source"].items() if name in own}
        return self._writer(number)(body)

    def transaction(self, *events: Event, source: str = "billing", after_ms: int = 1000) -> list[RecordedEvent]:
        """The messages of one source transaction, the END last; `after_ms` after the one before."""
        out: list[RecordedEvent] = []
        counts: dict[str, int] = {}
        before, self.txid, self.time_ms = self.lsn, self.txid + 1, self.time_ms + after_ms
        for order, event in enumerate(events, 1):
            self.lsn += 8
            key = None if event.key is None else self.key_frame(event.topic, event.key)
            name = event.topic.partition(".")[2]
            counts[name] = counts.get(name, 0) + 1
            out.append(self.message(event.topic, key, self.value_frame(event, order, before)))
            if event.op == "d" and key is not None:
                out.append(self.message(event.topic, key, None))
        self.lsn += 8
        out.append(self.end(source, f"{self.txid}:{self.lsn}", counts))
        return out

    def end(self, source: str, identity: str, counts: Mapping[str, int]) -> RecordedEvent:
        """END of a transaction."""
        collections = [{"data_collection": name, "event_count": n} for name, n in counts.items()]
        body = {
            "status": "END", "id": identity, "event_count": sum(counts.values()), "data_collections": collections,
            "ts_ms": self.time_ms,
        }  # fmt: skip
        frame = compile_writer(BOUNDARY, frame_prefix(BOUNDARY_ID))(body)
        return RecordedEvent(f"{source}.transaction", 0, 0, None, frame)

    def message(self, topic: str, key: bytes | None, value: bytes | None) -> RecordedEvent:
        """A record in the partition of its key."""
        return RecordedEvent(topic, sum(key or b"") % 4, 0, key, value)

"""Debezium envelopes made by hand: the schema of Debezium 3.7 around a row type, keys, and frames."""

from __future__ import annotations

from typing import Any

from connectors.avro import compile_writer, frame_prefix
from connectors.mappings.checking.recorded import RecordedEvent
from state.model import AccountRule, Model, SourceSpec, TableSpec
from tests.connectors.recording import DictSchemas

KEY_ID, OTHER_KEY_ID, VALUE_ID, TRANSACTION_ID, NOTICE_ID = 7, 9, 11, 13, 15
TOPIC, TRANSACTIONS, NOTICES = "billing.public.invoices", "billing.transaction", "billing.notifications"


def record(name: str, *fields: tuple[str, Any], namespace: str = "") -> dict[str, Any]:
    """A record schema."""
    return {
        "type": "record",
        "name": name,
        "namespace": namespace,
        "fields": [{"name": n, "type": t} for n, t in fields],
    }


def envelope(*columns: tuple[str, Any]) -> dict[str, Any]:
    """The change event schema of a table with these columns."""
    source = record(
        "Source", ("version", "string"), ("connector", "string"), ("name", "string"), ("ts_ms", "long"),
        ("snapshot", ["string", "null"]), ("db", "string"), ("sequence", ["null", "string"]), ("ts_us", ["null", "long"]),
        ("schema", "string"), ("table", "string"), ("txId", ["null", "long"]), ("lsn", ["null", "long"]),
        namespace="io.debezium.connector.postgresql",
    )  # fmt: skip
    block = record(
        "block", ("id", "string"), ("total_order", "long"), ("data_collection_order", "long"), namespace="event"
    )
    return record(
        "Envelope", ("before", ["null", record("Value", *columns, namespace="row")]), ("after", ["null", "row.Value"]),
        ("source", source), ("transaction", ["null", block]), ("op", "string"), ("ts_ms", ["null", "long"]),
        namespace="billing",
    )  # fmt: skip


COLUMNS = (("id", "long"), ("account_id", ["null", "long"]), ("total", "string"))
KEY = record("Key", ("id", "long"))
BOUNDARY = record(
    "Boundary", ("status", "string"), ("id", "string"), ("event_count", ["null", "long"]),
    ("data_collections",
     ["null", {"type": "array", "items": ["null", record("c", ("data_collection", "string"), ("event_count", "long"))]}]),
    ("ts_ms", "long"),
)  # fmt: skip
NOTICE = record(
    "Notice", ("id", "string"), ("type", "string"), ("aggregate_type", "string"),
    ("additional_data", ["null", {"type": "map", "values": "string"}]), ("timestamp", "long"),
)  # fmt: skip


def schemas(**more: Any) -> DictSchemas:
    """The registry double: key, key with another id, value, transaction and notice schemas."""
    return DictSchemas(
        {KEY_ID: KEY, OTHER_KEY_ID: {**KEY, "doc": "a comment"}, VALUE_ID: envelope(*COLUMNS), TRANSACTION_ID: BOUNDARY,
         NOTICE_ID: NOTICE, **{int(k[1:]): v for k, v in more.items()}}
    )  # fmt: skip


def model(key: tuple[str, ...] = ("id",), link: str | None = "account_id") -> Model:
    """One source with the one table billing.public.invoices."""
    rule = None if link is None else AccountRule("reference", link)
    table = TableSpec(0, "billing", "public.invoices", TOPIC, key, rule)
    return Model((SourceSpec("billing", "billing", "initial", TRANSACTIONS, NOTICES, 1),), (table,), {})


def key_frame(number: int, schema_id: int = KEY_ID) -> bytes:
    """A Kafka key {id: number}."""
    return compile_writer(KEY, frame_prefix(schema_id))({"id": number})


def change(op: str = "c", before: Any = None, after: Any = None, **source: Any) -> dict[str, Any]:
    """A change event; `source` replaces attributes, `transaction` too."""
    transaction = source.pop("transaction", {"id": "500:900", "total_order": 2, "data_collection_order": 1})
    attributes = {
        "version": "3.7.0.Final", "connector": "postgresql", "name": "billing", "ts_ms": 1795578018373, "snapshot": "false",
        "db": "billing", "sequence": '["800","900"]', "ts_us": 1795578018373000, "schema": "public", "table": "invoices",
        "txId": 500, "lsn": 900,
    }  # fmt: skip
    return {
        "before": before, "after": after, "source": {**attributes, **source}, "transaction": transaction, "op": op,
        "ts_ms": 1795578018400,
    }  # fmt: skip


def row_image(number: int = 5, account: int | None = 3, total: str = "12.50") -> dict[str, Any]:
    """A row of the table."""
    return {"id": number, "account_id": account, "total": total}


def value_frame(event: dict[str, Any], schema: Any = None, schema_id: int = VALUE_ID) -> bytes:
    """The event as Kafka value."""
    return compile_writer(schema or envelope(*COLUMNS), frame_prefix(schema_id))(event)


def message(key: bytes | None, value: bytes | None, topic: str = TOPIC, offset: int = 0) -> RecordedEvent:
    """A polled record of partition 1."""
    return RecordedEvent(topic, 1, offset, key, value)

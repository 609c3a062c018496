"""Debezium's output written by hand: real Avro through the real registry, whole transactions, and whatever spoils them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from connectors.avro import compile_writer, frame_prefix
from connectors.registry import Registry
from tests.connectors.events import BOUNDARY, KEY, envelope, record

Columns = tuple[tuple[str, Any], ...]
#: the columns of the demo's tables that the tests write
TABLES: dict[str, Columns] = {
    "accounts": (
        ("id", "long"), ("number", "string"), ("name", "string"), ("currency", "string"), ("region", "string"),
        ("standing", "string"), ("balance_minor", "long"), ("created_at", "string"),
    ),
    "subscriptions": (
        ("id", "long"), ("account_id", "long"), ("plan_code", "string"), ("status", "string"), ("mrr_minor", "long"),
        ("started_on", "int"), ("paid_until", ["null", "string"]),
    ),
    "invoices": (
        ("id", "long"), ("account_id", "long"), ("number", "string"), ("status", "string"), ("total_minor", "long"),
        ("issued_on", "int"), ("due_on", "int"),
    ),
    "customers": (("id", "long"), ("code", "string"), ("name", "string"), ("currency", "string"), ("version", "int")),
    "sales_invoices": (
        ("id", "long"), ("customer_id", "long"), ("reference", "string"), ("state", "string"), ("total", "string"),
        ("posted_on", ["null", "int"]), ("version", "int"),
    ),
}  # fmt: skip
PARTITIONS = 4


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


class Row(NamedTuple):
    """One row change of a transaction; `spoil` turns the right value into what is written instead."""

    table: str
    op: str
    image: dict[str, Any] | None
    keyless: bool = False
    spoil: Callable[[bytes], bytes] | None = None


class HandMade:
    """One source. Positions rise by themselves; `clock_ms` is the source's clock and is moved by hand."""

    def __init__(self, kafka: str, registry: Registry, name: str, clock_ms: int) -> None:
        """Topics must exist, row topics with PARTITIONS partitions."""
        self.name = name
        self.clock_ms = clock_ms
        self.position = 1000
        #: False: records are on their way when a call returns, their offsets are not known, and `flush` waits for all
        self.waits = True
        #: turns the value of the next END into what is written instead
        self.spoil_next_end: Callable[[bytes], bytes] | None = None
        self._registry = registry
        self._txid = 500
        self._added: dict[str, dict[str, None]] = {}
        self._schemas: dict[str, Callable[[dict[str, Any]], bytes]] = {}
        self._producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random", "linger.ms": 0})

    def commit(self, *rows: Row) -> list[Place]:
        """Write one whole transaction: BEGIN, its rows in order, END. Gives the places of the rows."""
        self._txid += 1
        self.clock_ms += 1
        before, places, counts = self.position, [], dict.fromkeys((row.table for row in rows), 0)
        self._boundary("BEGIN", None)
        for order, row in enumerate(rows, 1):
            self.position += 10
            counts[row.table] += 1
            value = self.value(row, before, order, counts[row.table])
            places.append(self.write(row.table, self.key(row), row.spoil(value) if row.spoil else value))
            if row.op == "d" and row.image is not None:
                self.write(row.table, self.key(row), None)
        self.position += 10
        self._boundary("END", counts)
        return places

    def beat(self, milliseconds: int) -> None:
        """Time passes, and a heartbeat says so."""
        self.clock_ms += milliseconds
        self.commit()

    def key(self, row: Row) -> bytes | None:
        """The Kafka key of a row."""
        if row.keyless or row.image is None:
            return None
        return self._writer(f"{self.name}.public.{row.table}-key", KEY)({"id": row.image["id"]})

    def value(self, row: Row, last_commit: int, order: int, order_in_table: int) -> bytes:
        """The envelope around a row's image."""
        event: dict[str, Any] = {
            "before": row.image if row.op == "d" else None,
            "after": None if row.op in "dt" or row.image is None else row.image | self._added.get(row.table, {}),
            "source": {
                "version": "3.7.0.Final", "connector": "postgresql", "name": self.name, "ts_ms": self.clock_ms,
                "snapshot": "false", "db": self.name, "sequence": f'["{last_commit}","{self.position}"]',
                "ts_us": self.clock_ms * 1000, "schema": "public", "table": row.table, "txId": self._txid,
                "lsn": self.position,
            },
            "transaction": {"id": f"{self._txid}:{self.position}", "total_order": order, "data_collection_order": order_in_table},
            "op": row.op, "ts_ms": self.clock_ms,
        }  # fmt: skip
        return self.writer_of(row.table)(event)

    def writer_of(self, table: str) -> Callable[[dict[str, Any]], bytes]:
        """Encodes envelopes of a table; its schema is registered when first used."""
        return self._writer(f"{self.name}.public.{table}-value", envelope(*TABLES[table]))

    def write(self, table: str, key: bytes | None, value: bytes | None, partition: int = -1) -> Place:
        """Write one record as it is; keyless ones go to partition 0."""
        return self._write(f"{self.name}.public.{table}", key, value, 0 if key is None and partition < 0 else partition)

    def evolve(self, table: str, column: str) -> None:
        """ALTER TABLE ... ADD COLUMN: from now on rows come with a new schema id."""
        schema = envelope(*TABLES[table], (column, ["null", "string"]))
        self._added[table] = {column: None}
        self._schemas.pop(f"{self.name}.public.{table}-value", None)
        self._writer(f"{self.name}.public.{table}-value", schema)

    def _boundary(self, status: str, counts: dict[str, int] | None) -> None:
        identity = f"{self._txid}:{self.position}"
        collections = [{"data_collection": f"public.{table}", "event_count": n} for table, n in (counts or {}).items()]
        body = {
            "status": status, "id": identity, "event_count": sum((counts or {}).values()) if status == "END" else None,
            "data_collections": collections or None, "ts_ms": self.clock_ms,
        }  # fmt: skip
        topic = f"{self.name}.transaction"
        key = self._writer(f"{topic}-key", record("TransactionKey", ("id", "string")))({"id": identity})
        value = self._writer(f"{topic}-value", BOUNDARY)(body)
        if status == "END" and self.spoil_next_end is not None:
            value, self.spoil_next_end = self.spoil_next_end(value), None
        self._write(topic, key, value, 0)

    def _writer(self, subject: str, schema: dict[str, Any]) -> Callable[[dict[str, Any]], bytes]:
        writer = self._schemas.get(subject)
        if writer is None:
            number = self._registry.register(subject, schema)
            writer = self._schemas[subject] = compile_writer(schema, frame_prefix(number))
        return writer

    def _write(self, topic: str, key: bytes | None, value: bytes | None, partition: int) -> Place:
        found: list[Place] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            found.append(Place(topic, message.partition() or 0, message.offset() or 0))

        self._producer.produce(topic, value, key, partition, on_delivery=delivered, timestamp=self.clock_ms)
        if not self.waits:
            self._producer.poll(0)
            return Place(topic, partition, -1)
        self.flush()
        return found[0]

    def flush(self) -> None:
        """Wait until everything is in Kafka."""
        assert self._producer.flush(30) == 0


def account(number: int, **changes: Any) -> Row:
    """A billing account with this primary key; its id is A-<number>."""
    image = {
        "id": number, "number": f"A-{number}", "name": f"Customer {number}", "currency": "EUR", "region": "eu",
        "standing": "good", "balance_minor": 0, "created_at": "2026-01-05T10:00:00Z",
    }  # fmt: skip
    return Row("accounts", "c", image | changes)


def invoice(number: int, account_id: int, **changes: Any) -> Row:
    """An open invoice INV-<number> of 100.00."""
    image = {
        "id": number, "account_id": account_id, "number": f"INV-{number}", "status": "open", "total_minor": 10_000,
        "issued_on": 20_000, "due_on": 20_014,
    }  # fmt: skip
    return Row("invoices", "c", image | changes)


def subscription(number: int, account_id: int, **changes: Any) -> Row:
    """An active subscription SUB-<number> of the plan pro."""
    image = {
        "id": number, "account_id": account_id, "plan_code": "pro", "status": "active", "mrr_minor": 9_900,
        "started_on": 20_000, "paid_until": None,
    }  # fmt: skip
    return Row("subscriptions", "c", image | changes)


def customer(number: int, **changes: Any) -> Row:
    """The ERP's customer of billing's account A-<number>."""
    image = {"id": number, "code": f"A-{number}", "name": f"Customer {number}", "currency": "EUR", "version": 1}
    return Row("customers", "c", image | changes)


def sales_invoice(number: int, customer_id: int, **changes: Any) -> Row:
    """The ERP's posted invoice for billing's INV-<number>."""
    image = {
        "id": number, "customer_id": customer_id, "reference": f"INV-{number}", "state": "posted", "total": "100.000",
        "posted_on": 20_001, "version": 1,
    }  # fmt: skip
    return Row("sales_invoices", "c", image | changes)

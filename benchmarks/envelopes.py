"""Workload transactions as Debezium 3.7 writes them: Avro schemas, keys, envelopes, BEGIN and END of the transaction topic.

Bodies carry no Confluent prefix: ids are the registry's, so the loader puts them in front.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.tables import COLUMNS, SOURCES, TABLE_SOURCE, TABLES, SourceTransaction
from connectors.avro.writer import compile_writer

#: kinds of a stored message: 0..4 the row tables, then the transaction topics of the two sources
TRANSACTION_KIND = len(TABLES)
KINDS = len(TABLES) + len(SOURCES)

Schema = dict[str, Any]
EncodeBody = Callable[[dict[str, Any]], bytes]

_SNAPSHOT = {
    "type": "string",
    "connect.version": 1,
    "connect.default": "false",
    "connect.name": "io.debezium.data.Enum",
}
_SOURCE_FIELDS: tuple[tuple[str, Any], ...] = (
    ("version", "string"), ("connector", "string"), ("name", "string"), ("ts_ms", "long"), ("snapshot", [_SNAPSHOT, "null"]),
    ("db", "string"), ("sequence", ["null", "string"]), ("ts_us", ["null", "long"]), ("ts_ns", ["null", "long"]),
    ("schema", "string"), ("table", "string"), ("txId", ["null", "long"]), ("lsn", ["null", "long"]),
    ("xmin", ["null", "long"]), ("origin", ["null", "string"]), ("origin_lsn", ["null", "long"]),
)  # fmt: skip


class Message(NamedTuple):
    """One Kafka message without its registry prefix: kind, key body, value body (None is a tombstone)."""

    kind: int
    key: bytes
    value: bytes | None


def topic_of(kind: int, names: tuple[str, ...]) -> str:
    """The Debezium topic of a kind; `names` are the two sources' names in the order of `tables.SOURCES`."""
    if kind >= TRANSACTION_KIND:
        return f"{names[kind - TRANSACTION_KIND]}.transaction"
    return f"{names[TABLE_SOURCE[kind]]}.public.{TABLES[kind]}"


def _fields(pairs: tuple[tuple[str, Any], ...]) -> list[dict[str, Any]]:
    """Avro fields; a nullable one gets the default null."""
    return [
        {"name": name, "type": kind, **({"default": None} if isinstance(kind, list) and kind[0] == "null" else {})}
        for name, kind in pairs
    ]


def value_schema(kind: int) -> Schema:
    """The writer schema of a kind's value, in the shape of Debezium 3.7 with the Apicurio converter."""
    if kind >= TRANSACTION_KIND:
        collection = {
            "type": "record",
            "name": "collection",
            "namespace": "event",
            "fields": _fields((("data_collection", "string"), ("event_count", "long"))),
        }
        lists = ["null", {"type": "array", "items": ["null", collection]}]
        fields: tuple[tuple[str, Any], ...] = (
            ("status", "string"),
            ("id", "string"),
            ("event_count", ["null", "long"]),
            ("data_collections", lists),
            ("ts_ms", "long"),
        )
        return {
            "type": "record",
            "name": "TransactionMetadataValue",
            "namespace": "io.debezium.connector.common",
            "fields": _fields(fields),
        }
    namespace = f"{SOURCES[TABLE_SOURCE[kind]]}.public.{TABLES[kind]}"
    row = {"type": "record", "name": "Value", "fields": _fields(COLUMNS[kind])}
    source = {
        "type": "record",
        "name": "Source",
        "namespace": "io.debezium.connector.postgresql",
        "fields": _fields(_SOURCE_FIELDS),
    }
    block_fields = (("id", "string"), ("total_order", "long"), ("data_collection_order", "long"))
    block = {"type": "record", "name": "block", "namespace": "event", "fields": _fields(block_fields)}
    pairs = (
        ("before", ["null", row]), ("after", ["null", "Value"]), ("source", source), ("transaction", ["null", block]),
        ("op", "string"), ("ts_ms", ["null", "long"]), ("ts_us", ["null", "long"]), ("ts_ns", ["null", "long"]),
    )  # fmt: skip
    return {"type": "record", "name": "Envelope", "namespace": namespace, "fields": _fields(pairs)}


def key_schema(kind: int) -> Schema:
    """The writer schema of a kind's key."""
    if kind >= TRANSACTION_KIND:
        return {
            "type": "record",
            "name": "TransactionMetadataKey",
            "namespace": "io.debezium.connector.common",
            "fields": _fields((("id", "string"),)),
        }
    namespace = f"{SOURCES[TABLE_SOURCE[kind]]}.public.{TABLES[kind]}"
    return {"type": "record", "name": "Key", "namespace": namespace, "fields": _fields((("id", "long"),))}


class DebeziumWriter:
    """Turns source transactions into messages, with positions that rise as PostgreSQL's do."""

    def __init__(self) -> None:
        """Positions start at a plausible LSN; each source has its own transaction ids."""
        self._values: list[EncodeBody] = [compile_writer(value_schema(kind)) for kind in range(KINDS)]
        self._keys: list[EncodeBody] = [compile_writer(key_schema(kind)) for kind in range(KINDS)]
        self._names = [[name for name, _ in columns] for columns in COLUMNS]
        self._lsn = 50_000_000
        self._last_commit = [self._lsn] * len(SOURCES)
        self._txid = [700] * len(SOURCES)

    def write(self, transaction: SourceTransaction) -> tuple[int, list[Message]]:
        """The commit position (END's LSN) and the messages: BEGIN, the rows in order, END."""
        source = transaction.source
        self._txid[source] += 1
        txid = self._txid[source]
        kind = TRANSACTION_KIND + source
        self._lsn += 56
        messages = [self._boundary(kind, "BEGIN", f"{txid}:{self._lsn}", transaction, None)]
        counts = [0] * len(TABLES)
        for order, change in enumerate(transaction.changes, 1):
            counts[change.table] += 1
            key = {"id": (change.after or change.before or (0,))[0]}
            envelope = self._envelope(transaction, order, counts[change.table], txid)
            messages.append(Message(change.table, self._keys[change.table](key), self._values[change.table](envelope)))
            if change.op == "d":
                messages.append(Message(change.table, self._keys[change.table](key), None))
            self._lsn += 56 + 8 * (order & 7)
        messages.append(self._boundary(kind, "END", f"{txid}:{self._lsn}", transaction, counts))
        self._last_commit[source] = self._lsn
        return self._lsn, messages

    def _envelope(self, transaction: SourceTransaction, order: int, order_in_table: int, txid: int) -> dict[str, Any]:
        """The envelope of row number `order` (1-based)."""
        change = transaction.changes[order - 1]
        names = self._names[change.table]
        now_ms, name = transaction.time_ms, SOURCES[transaction.source]
        return {
            "before": None if change.before is None else dict(zip(names, change.before, strict=True)),
            "after": None if change.after is None else dict(zip(names, change.after, strict=True)),
            "source": {
                "version": "3.7.0.Final", "connector": "postgresql", "name": name, "ts_ms": now_ms, "snapshot": "false",
                "db": name, "sequence": f'["{self._last_commit[transaction.source]}","{self._lsn}"]', "ts_us": now_ms * 1000,
                "ts_ns": now_ms * 1_000_000, "schema": "public", "table": TABLES[change.table], "txId": txid,
                "lsn": self._lsn, "xmin": None, "origin": None, "origin_lsn": None,
            },
            "transaction": {"id": f"{txid}:{self._lsn}", "total_order": order, "data_collection_order": order_in_table},
            "op": change.op, "ts_ms": now_ms + 3, "ts_us": now_ms * 1000 + 3000, "ts_ns": now_ms * 1_000_000 + 3_000_000,
        }  # fmt: skip

    def _boundary(
        self, kind: int, status: str, identity: str, transaction: SourceTransaction, counts: list[int] | None
    ) -> Message:
        """BEGIN or END of the transaction topic; END counts the rows of each table."""
        value: dict[str, Any] = {
            "status": status,
            "id": identity,
            "event_count": None,
            "data_collections": None,
            "ts_ms": transaction.time_ms,
        }
        if counts is not None:
            value["event_count"] = len(transaction.changes)
            value["data_collections"] = [
                {"data_collection": f"public.{TABLES[table]}", "event_count": count}
                for table, count in enumerate(counts)
                if count
            ]
        return Message(kind, self._keys[kind]({"id": identity}), self._values[kind](value))


def all_messages(transactions: Iterator[SourceTransaction]) -> Iterator[tuple[SourceTransaction, int, list[Message]]]:
    """Every transaction with its commit position and messages."""
    writer = DebeziumWriter()
    for transaction in transactions:
        position, messages = writer.write(transaction)
        yield transaction, position, messages

"""`python -m benchmarks.codec`: microseconds a message of our codec, pure or compiled, and of fastavro, as JSON.

The frames are those of the workload 'account view'. Each number is CPU time, the best of several passes over all
frames, so that other work on the machine counts as little as it can.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from time import process_time
from typing import Any

import fastavro
from confluent_kafka import Message

from benchmarks.envelopes import KINDS, TRANSACTION_KIND, DebeziumWriter, key_schema, topic_of, value_schema
from benchmarks.shape import Shape
from benchmarks.tables import COLUMNS, SOURCES, TABLE_SOURCE, TABLES
from benchmarks.workload import Workload
from connectors.avro import compile_reader, compile_writer, frame_prefix, native
from connectors.avro.fallback import strip_logical
from connectors.capturing.debezium import Decoder, Peek
from state.model import AccountRule, Model, SourceSpec, TableSpec

CHANGES = 20_000
PASSES = 7
#: the column that leads to the account, per table of the workload
_LINKS = ("id", "account_id", "account_id", "invoice_id", "account_id")
PEEKED = ["op", "source.ts_ms", "source.snapshot", "source.txId", "source.lsn", "transaction.total_order"]


class _Schemas:
    """Ids of the workload's schemas: 2 * kind for keys, 2 * kind + 1 for values."""

    def schema(self, schema_id: int) -> Any:
        """The schema of an id."""
        kind, is_value = divmod(schema_id, 2)
        return value_schema(kind) if is_value else key_schema(kind)


def messages(changes: int = CHANGES) -> list[Message]:
    """The workload's records as a consumer hands them out."""
    writer = DebeziumWriter()
    out: list[Message] = []
    for transaction in Workload(Shape(changes, max(1, changes // 10))).transactions():
        for body in writer.write(transaction)[1]:
            key = frame_prefix(2 * body.kind) + body.key
            value = None if body.value is None else frame_prefix(2 * body.kind + 1) + body.value
            out.append(Message(topic=topic_of(body.kind, SOURCES), partition=0, offset=len(out), key=key, value=value))
    return out


def model() -> Model:
    """The workload's tables."""
    tables = tuple(
        TableSpec(
            i,
            SOURCES[TABLE_SOURCE[i]],
            f"public.{n}",
            topic_of(i, SOURCES),
            ("id",),
            AccountRule("reference", _LINKS[i]),
        )
        for i, n in enumerate(TABLES)
    )
    sources = tuple(SourceSpec(n, n, "none", f"{n}.transaction", f"{n}.notifications", 1) for n in SOURCES)
    return Model(sources, tables, {})


def best(work: Callable[[], object], count: int) -> float:
    """Microseconds an item: the best pass."""
    times = []
    for _ in range(PASSES):
        start = process_time()
        work()
        times.append(process_time() - start)
    return round(min(times) / count * 1e6, 2)


def measure(changes: int = CHANGES) -> dict[str, Any]:
    """Every number, in microseconds a message."""
    polled = messages(changes)
    frames = [(v[4] >> 1, v) for v in (m.value() for m in polled) if v is not None and v[4] >> 1 < TRANSACTION_KIND]
    boundaries = [m for m in polled if (m.topic() or "").endswith(".transaction")]
    rows = [m for m in polled if not (m.topic() or "").endswith(".transaction")]
    schemas = [value_schema(kind) for kind in range(KINDS)]
    parsed = [fastavro.parse_schema(strip_logical(s)) for s in schemas]
    full = [compile_reader(s) for s in schemas]
    flat = [compile_reader(s, PEEKED) for s in schemas[:TRANSACTION_KIND]]
    write = [compile_writer(s, frame_prefix(2 * k + 1)) for k, s in enumerate(schemas)]
    decoded = [(kind, full[kind](frame)) for kind, frame in frames]
    peek, decoder = Peek(_Schemas(), model()), Decoder(_Schemas())
    narrow = Decoder(_Schemas(), {kind: [name for name, _ in columns[:3]] for kind, columns in enumerate(COLUMNS)})

    def by_fastavro(kind: int, frame: bytes) -> Any:
        """The value by the oracle."""
        return fastavro.schemaless_reader(io.BytesIO(frame[5:]), parsed[kind], None)

    def to_fastavro(kind: int, value: Any) -> bytes:
        """The bytes by the oracle."""
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, parsed[kind], value)
        return stream.getvalue()

    count = len(frames)
    return {
        "messages": len(polled),
        "envelope_bytes": round(sum(len(f) for _, f in frames) / count),
        "python": sys.version.split()[0],
        "codec": native.codec(),
        "us_per_message": {
            "fastavro whole envelope": best(lambda: [by_fastavro(k, f) for k, f in frames], count),
            "compiled whole envelope": best(lambda: [full[k](f) for k, f in frames], count),
            "compiled six values of the envelope": best(lambda: [flat[k](f) for k, f in frames], count),
            "row image": best(lambda: [decoder.row(k, f) for k, f in frames], count),
            "row image, three columns": best(lambda: [narrow.row(k, f) for k, f in frames], count),
            "peek a batch of rows": best(lambda: peek.batch(rows), len(rows)),
            "peek a batch of BEGIN and END": best(lambda: peek.batch(boundaries), len(boundaries)),
            "fastavro write": best(lambda: [to_fastavro(k, v) for k, v in decoded], count),
            "compiled write": best(lambda: [write[k](v) for k, v in decoded], count),
        },
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

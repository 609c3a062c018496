"""The generated file: made once, in Debezium's shape, readable by fastavro."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import fastavro

from benchmarks.dataset import TRUTH_FIELDS, prepare
from benchmarks.envelopes import KINDS, TRANSACTION_KIND, key_schema, value_schema
from benchmarks.shape import Shape


def test_generated_once_then_read_from_the_cache(tmp_path: Path) -> None:
    """A second call with the same parameters reads the file that is there; an interrupted generation is made again."""
    told: list[int] = []
    first = prepare(tmp_path, Shape(20_000, 500), progress=told.append)
    assert told
    told.clear()
    assert prepare(tmp_path, Shape(20_000, 500), progress=told.append) == first
    assert not told
    (first.folder / "meta.json").unlink()
    assert prepare(tmp_path, Shape(20_000, 500), progress=told.append) == first
    assert told


def test_messages_follow_debezium(tmp_path: Path) -> None:
    """BEGIN names the first row's LSN, END the rows per table; a delete is followed by a tombstone; positions only rise."""
    dataset = prepare(tmp_path, Shape(5000, 100))
    values = [fastavro.parse_schema(value_schema(kind)) for kind in range(KINDS)]
    keys = [fastavro.parse_schema(key_schema(kind)) for kind in range(KINDS)]
    begun, rows, position, messages = "", 0, 0, 0
    deleted: object = None
    for kind, key, body in dataset.read():
        messages += 1
        identity = fastavro.schemaless_reader(BytesIO(key), keys[kind], None)
        if body is None:
            assert identity == deleted
            continue
        value = fastavro.schemaless_reader(BytesIO(body), values[kind], None)
        assert isinstance(value, dict)
        if kind < TRANSACTION_KIND:
            assert rows or value["transaction"]["id"] == begun
            assert value["source"]["lsn"] > position
            position, rows = value["source"]["lsn"], rows + 1
            deleted = identity if value["op"] == "d" else None
        elif value["status"] == "BEGIN":
            begun, rows = value["id"], 0
        else:
            assert value["event_count"] == rows == sum(item["event_count"] for item in value["data_collections"])
            assert int(value["id"].split(":")[1]) > position
    assert messages == dataset.messages


def test_truth_has_one_row_a_transaction(tmp_path: Path) -> None:
    """The oracle's file holds each commit with a position that rises."""
    dataset = prepare(tmp_path, Shape(5000, 100))
    truth = dataset.truth()
    width = len(TRUTH_FIELDS)
    positions = truth[1::width]
    assert len(positions) == dataset.transactions == len(truth) // width
    assert list(positions) == sorted(set(positions))
    assert max(dataset.last_positions(("a", "b")).values()) == positions[-1]


def test_batches_are_the_transactions_of_the_truth(tmp_path: Path) -> None:
    """Read transaction by transaction: every message once, BEGIN first and END last, with the position of its truth.

    A transaction over several accounts has several rows of truth and stays one.
    """
    dataset = prepare(tmp_path, Shape(2000, 50, bulk_rows=200))
    batches = list(dataset.batches())
    assert len(batches) == dataset.transactions < len(dataset.truth()) // len(TRUTH_FIELDS)
    assert [message for _, _, messages in batches for message in messages] == list(dataset.read())
    for source, position, messages in batches:
        end = fastavro.schemaless_reader(
            BytesIO(messages[-1].value or b""), fastavro.parse_schema(value_schema(TRANSACTION_KIND + source)), None
        )
        assert isinstance(end, dict)
        assert (end["status"], int(end["id"].split(":")[1])) == ("END", position)
        assert all(message.kind < TRANSACTION_KIND for message in messages[1:-1])

"""A captured record becomes the row tuple that alignment and identity need."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.capturing.debezium import BadFrameError, Peek
from connectors.capturing.frames import MISSING_COLUMN
from state.step import Batch
from tests.connectors.events import (
    COLUMNS,
    OTHER_KEY_ID,
    change,
    envelope,
    key_frame,
    message,
    model,
    row_image,
    schemas,
    value_frame,
)

pytestmark = pytest.mark.usefixtures("codec")


def peek_one(key: bytes | None, value: bytes | None, peek: Peek | None = None) -> Any:
    """The one row of a batch, the same by `batch` (twice: careful way, then hot way) and by `peek`."""
    peek = peek or Peek(schemas(), model())
    batches = [peek.batch([message(key, value, offset=77)]) for _ in range(3)]
    assert all(b == batches[0] for b in batches)
    assert batches[0].bad == []
    (row,) = batches[0].rows
    assert peek.peek(0, key, value, 1, 77) == row
    return row


def test_an_insert_carries_everything() -> None:
    """Table, operation, key, transaction, LSN, order, link, partition, offset, frame, snapshot and time."""
    frame = value_frame(change("c", after=row_image()))
    assert peek_one(key_frame(5), frame) == (0, "c", "5", 500, 900, 2, "3", 1, 77, frame, "", 1795578018373)


def test_a_delete_has_no_link() -> None:
    """The before image holds made-up values, so a delete names no account."""
    frame = value_frame(change("d", before=row_image(5, 0, "")))
    assert peek_one(key_frame(5), frame) == (0, "d", "5", 500, 900, 2, None, 1, 77, frame, "", 1795578018373)


def test_a_null_link_stays_null() -> None:
    """A null foreign key is not the text None nor 0."""
    row = peek_one(key_frame(5), value_frame(change("u", after=row_image(account=None))))
    assert row[6] is None


def test_a_tombstone_needs_no_schema() -> None:
    """A null value is operation t with an empty frame, and asks the registry for the key's schema at most."""
    registry = schemas()
    peek = Peek(registry, model())
    assert peek_one(key_frame(5), None, peek) == (0, "t", "5", 0, 0, 0, None, 1, 77, b"", "", 0)
    assert registry.asked == [7]


def test_a_truncate_is_no_tombstone() -> None:
    """TRUNCATE arrives with operation t and a null key: it becomes T with an empty key."""
    frame = value_frame(change("t"))
    assert peek_one(None, frame) == (0, "T", "", 500, 900, 2, None, 1, 77, frame, "", 1795578018373)
    assert peek_one(key_frame(5), frame)[1:3] == ("T", "")


@pytest.mark.parametrize(
    ("given", "shown"),
    [("false", ""), (None, ""), ("true", "true"), ("first", "first"), ("last", "last"), ("incremental", "incremental")],
)
def test_the_snapshot_marker_is_normalised(given: str | None, shown: str) -> None:
    """Streamed rows have an empty marker; incremental rows have neither LSN nor transaction and show 0."""
    event = change("r", after=row_image(), snapshot=given, lsn=None, txId=None, transaction=None)
    row = peek_one(key_frame(5), value_frame(event))
    assert row[10] == shown
    assert row[3:6] == (0, 0, 0)


def test_the_schema_id_in_the_key_does_not_split_a_row() -> None:
    """Key schema ids 7 and 9 give one key text: identity comes from the decoded key, never from its bytes."""
    frame = value_frame(change("u", after=row_image()))
    assert key_frame(42) != key_frame(42, OTHER_KEY_ID)
    assert peek_one(key_frame(42), frame)[2] == peek_one(key_frame(42, OTHER_KEY_ID), frame)[2] == "42"


def test_positions_of_any_size_are_read() -> None:
    """Small and huge transaction ids, LSNs, orders and times, in any sequence, however the shapes were learned."""
    peek = Peek(schemas(), model())
    for size in [1, 60, 70, 8191, 8192, 1 << 31, 1 << 62, 5, (1 << 63) - 1, 0]:
        block = {"id": f"{size}:{size}", "total_order": size, "data_collection_order": size}
        event = change("c", after=row_image(), txId=size, lsn=size, ts_ms=size, transaction=block)
        row = peek_one(key_frame(size), value_frame(event), peek)
        assert (*row[2:6], row[11]) == (str(size), size, size, size, size)


def test_a_table_without_a_rule_has_no_link() -> None:
    """Ignored tables are peeked for alignment only."""
    peek = Peek(schemas(), model(link=None))
    assert peek_one(key_frame(5), value_frame(change("c", after=row_image())), peek)[6] is None


def test_a_missing_link_column_is_named() -> None:
    """A mapping that names a column the row lacks is MISSING_COLUMN, not a row without account."""
    peek = Peek(schemas(), model(link="customer_id"))
    with pytest.raises(BadFrameError, match="customer_id") as caught:
        peek.peek(0, key_frame(5), value_frame(change("c", after=row_image())))
    assert caught.value.code == MISSING_COLUMN


def test_a_link_may_be_text() -> None:
    """A text column links by itself, an empty text included."""
    columns = (*COLUMNS, ("code", "string"))
    peek = Peek(schemas(s21=envelope(*columns)), model(link="code"))
    for code in ("A-1", ""):
        event = change("c", after={**row_image(), "code": code})
        assert peek_one(key_frame(5), value_frame(event, envelope(*columns), 21), peek)[6] == code


def test_transactions_and_notices_come_out_by_source() -> None:
    """Other topics of the batch are not rows; a topic nobody mapped gives nothing."""
    peek = Peek(schemas(), model())
    batch = peek.batch([message(None, b"whatever", "elsewhere")])
    assert batch == Batch([], [], [], [], [])

"""Row images, transaction boundaries, notifications, versions and rewriting, by hand-made events."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest

from connectors.avro import EncodeError, compile_writer, frame_prefix
from connectors.capturing.debezium import BadFrameError, Decoder, LastCommit, Peek
from state.mapping.toast import MARKER
from state.row import End, Notice
from tests.connectors.events import (
    BOUNDARY,
    COLUMNS,
    NOTICE,
    NOTICE_ID,
    NOTICES,
    TRANSACTION_ID,
    TRANSACTIONS,
    change,
    envelope,
    message,
    model,
    row_image,
    schemas,
    value_frame,
)

pytestmark = pytest.mark.usefixtures("codec")

MARKER_BASE64 = base64.b64encode(MARKER.encode()).decode()
MESSAGES = "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@6113e448"


def boundary(status: str, identity: str, *collections: tuple[str, int] | None) -> bytes:
    """A frame of the transaction topic."""
    entries = [None if c is None else {"data_collection": c[0], "event_count": c[1]} for c in collections]
    body = {"status": status, "id": identity, "event_count": 1, "data_collections": entries or None, "ts_ms": 99}
    return compile_writer(BOUNDARY, frame_prefix(TRANSACTION_ID))(body)


def test_the_image_has_all_columns_and_exact_decimals() -> None:
    """Decimals come out exact, everything else raw; a delete has no image."""
    kinds = (
        *COLUMNS,
        ("price", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}),
        ("day", "int"),
    )
    schema = envelope(*kinds)
    after = {**row_image(), "price": b"\x01\xf4", "day": 20000}
    decoder = Decoder(schemas(s21=schema))
    frame = value_frame(change("c", after=after), schema, 21)
    assert decoder.row(0, frame) == {**row_image(), "price": Decimal("5.00"), "day": 20000}
    assert decoder.row(0, value_frame(change("d", before=row_image()))) is None


def test_an_end_counts_tables_only() -> None:
    """The suffix is stripped from the id; logical messages and null entries are no tables."""
    decoder = Decoder(schemas())
    frame = boundary("END", "1956:61763096", ("public.invoices", 3), None, (MESSAGES, 1), ("public.lines", 7))
    assert decoder.transaction(frame) == ("END", 1956, 61763096, {"public.invoices": 3, "public.lines": 7}, 99)
    assert decoder.transaction(boundary("BEGIN", "1956:61756656")) == ("BEGIN", 1956, 61756656, {}, 99)


def test_equal_counts_are_decoded_once() -> None:
    """Combinations of tables come again and again; names of logical messages are new each time and are not kept."""
    decoder = Decoder(schemas())
    first, second = (decoder.transaction(boundary("END", f"{n}:9", ("public.invoices", 3)))[3] for n in (1, 2))
    assert first is second
    first, second = (decoder.transaction(boundary("END", f"{n}:9", (MESSAGES, 1)))[3] for n in (1, 2))
    assert first == second == {}
    assert first is not second


@pytest.mark.parametrize(("status", "identity"), [("END", "12"), ("END", "a:b"), ("END", ":1"), ("MIDDLE", "1:2")])
def test_an_odd_boundary_is_refused(status: str, identity: str) -> None:
    """Only BEGIN and END with an id of the form txid:lsn are understood; nothing is guessed."""
    with pytest.raises(BadFrameError) as caught:
        Decoder(schemas()).transaction(boundary(status, identity))
    assert caught.value.code == "NOT_AN_ENVELOPE"


def test_ends_and_notices_of_a_batch() -> None:
    """END comes out whole, BEGIN and tombstones as offsets, a notification as the snapshot's notice."""
    scan = {"scanned_collection": "public.invoices", "total_rows_scanned": "20", "status": "SUCCEEDED"}
    body = {
        "id": "x",
        "type": "TABLE_SCAN_COMPLETED",
        "aggregate_type": "Initial Snapshot",
        "additional_data": scan,
        "timestamp": 1,
    }
    write = compile_writer(NOTICE, frame_prefix(NOTICE_ID))
    other = {**body, "aggregate_type": "Incremental Snapshot", "additional_data": None}
    batch = Peek(schemas(), model()).batch(
        [
            message(None, boundary("BEGIN", "5:10"), TRANSACTIONS, 1),
            message(None, boundary("END", "5:20", ("public.invoices", 2)), TRANSACTIONS, 2),
            message(None, boundary("BEGIN", "6:21"), TRANSACTIONS, 3),
            message(None, None, TRANSACTIONS, 4),
            message(None, write(body), NOTICES, 8),
            message(None, write(other), NOTICES, 9),
            message(None, write({**other, "additional_data": scan}), NOTICES, 10),
        ]
    )
    assert batch.ends == [(0, 1), (0, End(5, 20, {"public.invoices": 2}, 99, 2)), (0, 3), (0, 4)]
    assert batch.notices == [
        (0, Notice("TABLE_SCAN_COMPLETED", "public.invoices", 20), 8),
        (0, Notice("OTHER", "", 0), 9),
        (0, Notice("RESCANNED", "public.invoices", 20), 10),
    ]


def test_the_commit_before_a_row() -> None:
    """The first LSN of source.sequence; none where the event or the list has none, or where it is junk: that stops nobody."""
    last = LastCommit(schemas())
    given: list[tuple[Any, int | None]] = [('["800","900"]', 800), ('[null,"900"]', None), (None, None)]
    given += [(junk, None) for junk in ("{}", "[]", "x", '["y"]')]
    for sequence, expected in given:
        assert last(value_frame(change("c", after=row_image(), sequence=sequence))) == expected


def test_the_connector_version() -> None:
    """source.version, to warn of connectors that lose rows."""
    assert Decoder(schemas()).source_version(value_frame(change("c", after=row_image()))) == "3.7.0.Final"


def test_a_rewritten_image_changes_nothing_else() -> None:
    """A merged row keeps operation, source, transaction and schema id; its new image reads back."""
    decoder = Decoder(schemas())
    frame = value_frame(change("u", after=row_image(total=MARKER)))
    merged = decoder.reencode(frame, row_image(total="12.50"))
    assert merged == value_frame(change("u", after=row_image(total="12.50")))
    assert decoder.reencode(frame, row_image(total=MARKER)) == frame
    with pytest.raises(EncodeError):
        decoder.reencode(frame, {"id": 1})


def test_a_rewritten_image_keeps_decimals_exact() -> None:
    """Decimals of all three kinds survive decode, merge and encode to the byte."""
    variable = {"type": "record", "name": "VariableScaleDecimal", "namespace": "io.debezium.data",
                "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}]}  # fmt: skip
    connect = {
        "type": "bytes",
        "connect.name": "org.apache.kafka.connect.data.Decimal",
        "connect.parameters": {"scale": "2"},
    }
    schema = envelope(("a", variable), ("b", ["null", "io.debezium.data.VariableScaleDecimal"]), ("c", connect))
    after = {"a": {"scale": 3, "value": b"\xff\x38"}, "b": {"scale": 2, "value": b"\x01\xf4"}, "c": b"\x64"}
    frame = value_frame(change("u", after=after), schema, 21)
    decoder = Decoder(schemas(s21=schema))
    row = decoder.row(0, frame)
    assert row == {"a": Decimal("-0.200"), "b": Decimal("5.00"), "c": Decimal("1.00")}
    assert decoder.reencode(frame, row) == frame


def test_only_wanted_columns_are_built() -> None:
    """With columns given, the image holds those the schema has; a row with a marker is read whole, to be merged."""
    decoder = Decoder(schemas(), {0: ["total", "not_there"]})
    assert decoder.row(0, value_frame(change("c", after=row_image()))) == {"total": "12.50"}
    assert decoder.row(1, value_frame(change("c", after=row_image()))) == row_image()
    for marker in (MARKER, MARKER_BASE64):
        assert decoder.row(0, value_frame(change("u", after=row_image(total=marker)))) == row_image(total=marker)
    assert decoder.row(0, value_frame(change("d", before=row_image()))) is None

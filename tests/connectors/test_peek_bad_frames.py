"""What cannot be read is set aside with a code, its place and its bytes; everything else of the batch goes on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.avro import compile_writer, frame_prefix
from connectors.capturing.debezium import BadFrameError, Peek
from connectors.registry import RegistryUnavailable
from tests.connectors.events import (
    BOUNDARY,
    KEY,
    NOTICES,
    TRANSACTION_ID,
    TRANSACTIONS,
    change,
    key_frame,
    message,
    model,
    row_image,
    schemas,
    value_frame,
)

pytestmark = pytest.mark.usefixtures("codec")

GOOD = value_frame(change("c", after=row_image()))


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        (key_frame(7), b"", "MALFORMED_FRAME"),
        (key_frame(8), b"\x00\x00\x01", "MALFORMED_FRAME"),
        (key_frame(8), b"\x01" + GOOD[1:], "MALFORMED_FRAME"),
        (key_frame(8), GOOD[:-1], "MALFORMED_FRAME"),
        (key_frame(8), GOOD + b"\x00", "MALFORMED_FRAME"),
        (key_frame(8), GOOD[:5], "MALFORMED_FRAME"),
        (key_frame(8)[:-1], GOOD, "MALFORMED_FRAME"),
        (b"key", GOOD, "MALFORMED_FRAME"),
        (key_frame(8), b"\x00\x00\x00\x03\xe7" + GOOD[5:], "UNKNOWN_SCHEMA_ID"),
        (b"\x00\x00\x00\x03\xe7\x02", GOOD, "UNKNOWN_SCHEMA_ID"),
        (None, None, "MISSING_KEY"),
        (key_frame(8), key_frame(8), "NOT_AN_ENVELOPE"),
    ],
)
def test_each_kind_of_bad_frame_has_its_code(key: bytes | None, value: bytes | None, code: str) -> None:
    """Empty, truncated, over-long, foreign and unknown frames are told apart, and the batch's other rows come out."""
    peek = Peek(schemas(), model())
    for _ in range(2):
        good = message(key_frame(1), GOOD)
        batch = peek.batch([good, message(key, value, offset=42), good])
        assert [r[2] for r in batch.rows] == ["1", "1"]
        (bad,) = batch.bad
        assert (bad.table, bad.topic, bad.partition, bad.offset) == (0, "billing.public.invoices", 1, 42)
        assert (bad.key, bad.frame, bad.code) == (key or b"", value or b"", code)
        assert bad.reason


def test_null_empty_and_truncated_values_are_three_things() -> None:
    """A delete and a tombstone of key 5, a lone tombstone of key 6, an empty value of 7, three bytes of 8: counts balance."""
    registry = schemas()
    deleted = value_frame(change("d", before=row_image()))
    records = [(5, deleted), (5, None), (6, None), (7, b""), (8, b"\x00\x00\x01")]
    batch = Peek(registry, model()).batch([message(key_frame(k), v, offset=i) for i, (k, v) in enumerate(records)])
    assert [(r[1], r[2]) for r in batch.rows] == [("d", "5"), ("t", "5"), ("t", "6")]
    assert [(b.offset, b.code) for b in batch.bad] == [(3, "MALFORMED_FRAME"), (4, "MALFORMED_FRAME")]
    assert len(batch.rows) + len(batch.bad) == len(records)
    assert 1 not in registry.asked


def test_a_broken_transaction_event_names_its_source() -> None:
    """A bad frame outside the tables carries the source as a negative number, and stops nobody."""
    end = compile_writer(BOUNDARY, frame_prefix(TRANSACTION_ID))(
        {"status": "END", "id": "1:2", "event_count": 0, "data_collections": None, "ts_ms": 3}
    )
    batch = Peek(schemas(), model()).batch(
        [message(None, end[:-1], TRANSACTIONS, 5), message(None, b"x", NOTICES, 6), message(None, end, TRANSACTIONS, 7)]
    )
    assert [(b.table, b.topic, b.offset, b.code) for b in batch.bad] == [
        (-1, TRANSACTIONS, 5, "MALFORMED_FRAME"),
        (-1, NOTICES, 6, "MALFORMED_FRAME"),
    ]
    assert [e.offset for _, e in batch.ends if not isinstance(e, int)] == [7]


def test_an_outage_of_the_registry_is_no_bad_frame() -> None:
    """A schema that cannot be asked for now stops the batch; nothing is parked for an outage."""

    class Down:
        """A registry that does not answer."""

        def schema(self, schema_id: int) -> Any:
            """Raise."""
            raise RegistryUnavailable("down")

    with pytest.raises(RegistryUnavailable):
        Peek(Down(), model()).batch([message(key_frame(1), GOOD)])


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_spoilt_values_are_rows_or_malformed(data: st.DataObject) -> None:
    """Whatever happens to the bytes: a row comes out or BadFrameError, the same before and after shapes were learned."""
    spoilt = bytearray(GOOD)
    for _ in range(data.draw(st.integers(0, 3))):
        spoilt[data.draw(st.integers(5, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    frame = bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]) if data.draw(st.booleans()) else bytes(spoilt)
    fresh, learned = Peek(schemas(), model()), Peek(schemas(), model())
    learned.peek(0, key_frame(1), GOOD)
    outcomes = []
    for peek in (fresh, learned):
        try:
            outcomes.append(repr(peek.peek(0, key_frame(1), frame)))
        except BadFrameError as error:
            outcomes.append(error.code)
    assert outcomes[0] == outcomes[1]


def test_a_key_that_is_no_record_of_columns_is_refused() -> None:
    """A key column of a type that has no text form is refused by name, once compiled."""
    odd = {**KEY, "fields": [{"name": "id", "type": {"type": "record", "name": "X", "fields": []}}]}
    with pytest.raises(BadFrameError) as caught:
        Peek(schemas(s41=odd), model()).peek(0, b"\x00\x00\x00\x00\x29", GOOD)
    assert caught.value.code == "NOT_AN_ENVELOPE"

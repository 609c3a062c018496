"""One text per primary key, from the Kafka key or, where that is missing, from the declared columns of the image."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.avro import compile_writer, frame_prefix
from connectors.capturing.debezium import BadFrameError, Peek
from connectors.capturing.frames import MISSING_COLUMN, MISSING_KEY
from tests.connectors.events import change, envelope, key_frame, model, record, row_image, schemas, value_frame

pytestmark = pytest.mark.usefixtures("codec")

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
CONVERT = frozenset({"decimal"})


def text_of(key: tuple[str, ...], kinds: dict[str, Any], values: dict[str, Any]) -> str:
    """The key text of a Kafka key with these columns."""
    schema = record("Key", *kinds.items())
    peek = Peek(schemas(s31=schema), model(key))
    frame = compile_writer(schema, frame_prefix(31), CONVERT)(values)
    return peek.peek(0, frame, None)[2]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("int", -7, "-7"),
        ("long", 1 << 40, "1099511627776"),
        ("string", "A-1", "A-1"),
        ("string", "", ""),
        ("boolean", True, "true"),
        ("bytes", b"\x00\xff", "00ff"),
        ("double", 0.5, "0.5"),
        (["null", "long"], None, "\x00"),
        (["null", "string"], "x", "x"),
        (DECIMAL, Decimal("5.00"), "5"),
        (DECIMAL, Decimal("-0.50"), "-0.5"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
        ({"type": "array", "items": "long"}, [1, 2], "[1,2]"),
    ],
)
def test_each_type_has_one_text(kind: Any, value: Any, text: str) -> None:
    """Numbers as decimal text (5.00 is 5), bytes as hex, a null column told apart from any text."""
    assert text_of(("id",), {"id": kind}, {"id": value}) == text


def test_columns_are_joined_in_declared_order() -> None:
    """The mapping's order wins over the Kafka key's."""
    kinds, values = {"b": "string", "a": "long"}, {"b": "x", "a": 1}
    assert text_of(("a", "b"), kinds, values) == "1\x1fx"
    assert text_of((), kinds, values) == "x\x1f1"


def test_a_missing_key_is_taken_from_the_image() -> None:
    """A table without primary key: declared columns are read from after, or from before for a delete."""
    peek = Peek(schemas(), model(("id", "total")))
    after = value_frame(change("c", after=row_image(5, total="1")))
    before = value_frame(change("d", before=row_image(6, total="2")))
    assert peek.peek(0, None, after)[2] == "5\x1f1"
    assert peek.peek(0, None, before)[2] == "6\x1f2"


def test_a_key_without_the_declared_columns_is_not_used() -> None:
    """The Kafka key may be another one than the declared identity: then the image is asked, too."""
    peek = Peek(schemas(), model(("total",)))
    assert peek.peek(0, key_frame(9), value_frame(change("c", after=row_image(5, total="1"))))[2] == "1"


@pytest.mark.parametrize(("key", "value"), [(None, None), (b"", None), (None, value_frame(change("u")))])
def test_no_key_anywhere_is_refused(key: bytes | None, value: bytes | None) -> None:
    """MISSING_KEY: neither a Kafka key nor an image with the columns."""
    with pytest.raises(BadFrameError) as caught:
        Peek(schemas(), model()).peek(0, key, value)
    assert caught.value.code == MISSING_KEY


def test_no_declared_columns_and_no_key_is_refused() -> None:
    """Nothing is guessed where the mapping declares no identity."""
    with pytest.raises(BadFrameError) as caught:
        Peek(schemas(), model(())).peek(0, None, value_frame(change("c", after=row_image())))
    assert caught.value.code == MISSING_KEY


def test_declared_columns_that_the_image_lacks_are_named() -> None:
    """MISSING_COLUMN says which."""
    with pytest.raises(BadFrameError, match="nr") as caught:
        Peek(schemas(), model(("nr",))).peek(0, None, value_frame(change("c", after=row_image())))
    assert caught.value.code == MISSING_COLUMN


def test_two_versions_of_a_table_have_readers_of_their_own() -> None:
    """A new writer schema is read by its own reader, next to the old one."""
    wide = envelope(("id", "long"), ("extra", "string"), ("account_id", "long"), ("total", "string"))
    peek = Peek(schemas(s33=wide), model())
    old = value_frame(change("c", after=row_image(account=3)))
    new = value_frame(change("u", after={**row_image(account=4), "extra": "x" * 200}), wide, 33)
    assert [peek.peek(0, key_frame(5), v)[6] for v in (old, new, old)] == ["3", "4", "3"]

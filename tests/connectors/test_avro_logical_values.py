"""Decimals, dates and instants: exact where converted, raw where not, refused where Python cannot hold them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.avro import DecodeError, EncodeError, OutOfRange, compile_reader, compile_writer
from connectors.avro.values import CONVERSIONS, date_of, decimal_bytes, decimal_of, instant_of

pytestmark = pytest.mark.usefixtures("codec")

DECIMAL = frozenset({"decimal"})
VARIABLE = {
    "type": "record",
    "name": "VariableScaleDecimal",
    "namespace": "io.debezium.data",
    "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
}
CONNECT = {
    "type": "bytes",
    "connect.name": "org.apache.kafka.connect.data.Decimal",
    "connect.parameters": {"scale": "2", "connect.decimal.precision": "12"},
}


def record(*kinds: Any) -> dict[str, Any]:
    """A record with fields f0, f1, ..."""
    return {"type": "record", "name": "R", "fields": [{"name": f"f{i}", "type": k} for i, k in enumerate(kinds)]}


def test_a_number_without_declared_scale_brings_its_own() -> None:
    """5.00 and -0.200 as {scale, bytes} are exact; 5 equals 5.00; a null stays null."""
    schema = record(["null", VARIABLE])
    read = compile_reader(schema, convert=DECIMAL)
    write = compile_writer(schema, b"12345")
    raw = [{"scale": 2, "value": b"\x01\xf4"}, {"scale": 3, "value": b"\xff\x38"}, {"scale": 0, "value": b"\x05"}, None]
    first, second, update, null = [read(write({"f0": v}))["f0"] for v in raw]
    assert (str(first), str(second), first + second) == ("5.00", "-0.200", Decimal("4.800"))
    assert update == first
    assert null is None


def test_connect_decimals_are_known_by_their_name() -> None:
    """Bytes marked only by Connect's name and a scale parameter are decimals; bytes without a mark stay bytes."""
    schema = record(CONNECT, "bytes")
    read, write = compile_reader(schema, convert=DECIMAL), compile_writer(schema, b"12345")
    values = [read(write({"f0": raw, "f1": b"\x00\xa0"})) for raw in (b"\x00\xa0", b"\xff\x9c", b"\x0b\xb8")]
    assert [str(v["f0"]) for v in values] == ["1.60", "-1.00", "30.00"]
    assert all(v["f1"] == b"\x00\xa0" for v in values)


@given(st.integers(-(10**60), 10**60), st.integers(-5, 40))
@settings(deadline=None)
def test_decimals_are_never_rounded(unscaled: int, scale: int) -> None:
    """Any number of digits goes both ways unchanged."""
    value = decimal_of(unscaled.to_bytes(32, "big", signed=True), scale)
    assert value == Decimal(unscaled) * Decimal(10) ** -scale or len(str(unscaled)) > 28
    assert decimal_of(decimal_bytes(value, scale), scale) == value


def test_digits_that_do_not_fit_are_refused() -> None:
    """A decimal with more places than its scale is an error, not a rounded amount; so is one that is no number."""
    with pytest.raises(EncodeError, match="never rounded"):
        decimal_bytes(Decimal("1.005"), 2)
    with pytest.raises(EncodeError, match="finite"):
        decimal_bytes(Decimal("NaN"), 2)
    with pytest.raises(DecodeError, match="digits"):
        decimal_of(b"\x7f" * 500, 2)


@pytest.mark.parametrize(
    ("days", "day"),
    [(-719162, datetime.date(1, 1, 1)), (2932896, datetime.date(9999, 12, 31)), (20000, datetime.date(2024, 10, 4))],
)
def test_dates_that_python_can_hold(days: int, day: datetime.date) -> None:
    """The first, the last and an ordinary day."""
    assert date_of(days) == day


@pytest.mark.parametrize("days", [-719163, 2932897, -622191234])
def test_dates_that_python_cannot_hold(days: int) -> None:
    """BC dates, far dates and PostgreSQL's infinity: OUT_OF_RANGE_DATE with the raw number."""
    with pytest.raises(OutOfRange) as caught:
        date_of(days)
    assert (caught.value.code, caught.value.raw) == ("OUT_OF_RANGE_DATE", days)


def test_an_instant_is_utc_and_bounded() -> None:
    """The first instant of year 1 reads in UTC; the integer that stands for infinity is refused with its raw number."""
    assert instant_of(-62135596800000000).isoformat() == "0001-01-01T00:00:00+00:00"
    with pytest.raises(OutOfRange) as caught:
        instant_of(9223372036825200000)
    assert (caught.value.code, caught.value.raw) == ("OUT_OF_RANGE_TIMESTAMP", 9223372036825200000)


def test_all_conversions_go_both_ways() -> None:
    """Every logical type that may be converted is written from and read to the same Python value."""
    import uuid

    schema = record(
        {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
        {"type": "fixed", "name": "F", "size": 6, "logicalType": "decimal", "precision": 10, "scale": 2},
        {"type": "int", "logicalType": "date"},
        {"type": "long", "logicalType": "timestamp-millis"},
        ["null", {"type": "long", "logicalType": "timestamp-micros"}],
        {"type": "string", "logicalType": "uuid"},
    )
    at = datetime.datetime(2026, 11, 25, 3, 40, 10, 187000, tzinfo=datetime.UTC)
    value = {
        "f0": Decimal("-12.34"), "f1": Decimal("0.05"), "f2": at.date(), "f3": at, "f4": at,
        "f5": uuid.UUID("00000000-0000-4000-8000-000000000001"),
    }  # fmt: skip
    frame = compile_writer(schema, b"12345", CONVERSIONS)(value)
    assert compile_reader(schema, convert=CONVERSIONS)(frame) == value
    raw = compile_reader(schema)(frame)
    assert raw["f0"] == b"\xfb\x2e"
    assert raw["f2"] == 20782
    assert compile_writer(schema, b"12345")(raw) == frame

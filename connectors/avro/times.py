"""Debezium's and Connect's times in one unit: whatever `time.precision.mode` was, a reader sees microseconds of a clock.

Sources: Debezium documentation, "Temporal types"; the schemas recorded in tests/recorded/types. The marks of PostgreSQL's
infinity are the same number in every unit (debezium/debezium PR #7382) and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.avro.errors import EncodeError

#: +infinity and -infinity
MARKS = frozenset((9_223_372_036_825_200_000, -9_223_372_036_832_400_000))
#: microseconds in one unit of the type, or a negative number of units in one microsecond
_UNITS = {
    "io.debezium.time.Timestamp": 1000,
    "org.apache.kafka.connect.data.Timestamp": 1000,
    "io.debezium.time.NanoTimestamp": -1000,
}
#: a wall clock written with a Z that says nothing about its zone
_ISO_WALL_CLOCK = "io.debezium.time.IsoTimestamp"


def time_reading(name: str | None, logical: str | None) -> Callable[[Any], Any] | None:
    """The conversion of a raw value by its Connect name or Avro logical type; None where it is in order already."""
    if name == _ISO_WALL_CLOCK:
        return lambda text: text.removesuffix("Z")
    unit = _unit(name, logical)
    if unit is None:
        return None
    if unit > 0:
        return lambda n: n if n in MARKS else n * unit
    return lambda n: n if n in MARKS else n // -unit


def time_writing(name: str | None, logical: str | None) -> Callable[[Any], Any] | None:
    """The way back."""
    if name == _ISO_WALL_CLOCK:
        return lambda text: text + "Z"
    unit = _unit(name, logical)
    if unit is None:
        return None

    def convert(n: int) -> int:
        if n in MARKS:
            return n
        if unit < 0:
            return n * -unit
        whole, rest = divmod(n, unit)
        if rest:
            raise EncodeError(f"{n} microseconds are no whole milliseconds; a time is never rounded.")
        return whole

    return convert


def _unit(name: str | None, logical: str | None) -> int | None:
    return _UNITS.get(name or "") or {"timestamp-millis": 1000, "timestamp-nanos": -1000}.get(logical or "")

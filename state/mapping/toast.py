"""Unchanged TOAST values: the event carries a marker instead of the value, so the old row's value is kept.

PostgreSQL leaves large values out of the change of another column (Debezium documentation, "Toasted values").
"""

from __future__ import annotations

from typing import Any

MARKER = "__debezium_unavailable_value"
#: the marker as text, as bytes of a bytea column, and base64-encoded, as they stand in an Avro frame
_BASE64 = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="
_TEXTS = (MARKER, _BASE64, MARKER.encode(), _BASE64.encode())
_IN_FRAME = (MARKER.encode(), _BASE64.encode())
#: values are toasted in rows of about 2 kB and more, or less where the table says so (toast_tuple_target)
KEPT_FRAME_BYTES_MIN = 1024


def has_marker(frame: bytes) -> bool:
    """Whether a value may be missing in the frame; cheap, so that it can be asked of every frame."""
    return _IN_FRAME[0] in frame or _IN_FRAME[1] in frame


def missing_columns(row: dict[str, Any]) -> list[str]:
    """Columns whose value is the marker (alone, or in every element of an array of text)."""
    return [name for name, value in row.items() if value in _TEXTS or (isinstance(value, list) and value == [MARKER])]


def merge(row: dict[str, Any], old: dict[str, Any] | None) -> list[str]:
    """Fill missing columns from the old row image, in place; returns those that stay unknown."""
    unknown: list[str] = []
    for name in missing_columns(row):
        if old is None or name not in old or old[name] in _TEXTS:
            unknown.append(name)
        else:
            row[name] = old[name]
    return unknown

"""Precision, scale and unit of a field never change, whatever Avro's own compatibility rules say."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connectors.avro.evolution import forbidden_changes

DECIMAL: dict[str, Any] = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}


def record(kind: Any, **more: Any) -> dict[str, Any]:
    """A record with the field `amount`."""
    return {"type": "record", "name": "R", "fields": [{"name": "amount", "type": kind, **more}]}


@pytest.mark.parametrize(
    ("older", "newer", "words"),
    [
        (record(DECIMAL), record({**DECIMAL, "scale": 4}), "amount: scale changes from 2 to 4"),
        (record(DECIMAL), record({**DECIMAL, "precision": 12}), "amount: precision changes from 10 to 12"),
        (record(["null", DECIMAL]), record(["null", {**DECIMAL, "scale": 0}]), "amount: scale changes"),
        (record(DECIMAL), record("bytes"), "logicalType"),
        (record("long", unit="minor"), record("long", unit="major"), "amount: unit changes from 'minor' to 'major'"),
        (record("long", unit="minor"), record("long"), "unit changes from 'minor' to None"),
        (
            record({"type": "long", "logicalType": "timestamp-millis"}),
            record({"type": "long", "logicalType": "timestamp-micros"}),
            "logicalType changes",
        ),
        (
            record({"type": "array", "items": DECIMAL}),
            record({"type": "array", "items": {**DECIMAL, "scale": 3}}),
            r"amount\[\]: scale changes",
        ),
        (
            record({"type": "map", "values": DECIMAL}),
            record({"type": "map", "values": {**DECIMAL, "scale": 3}}),
            "amount{}: scale changes",
        ),
        (
            record(
                {
                    "type": "bytes",
                    "connect.name": "org.apache.kafka.connect.data.Decimal",
                    "connect.parameters": {"scale": "2"},
                }
            ),
            record(
                {
                    "type": "bytes",
                    "connect.name": "org.apache.kafka.connect.data.Decimal",
                    "connect.parameters": {"scale": "3"},
                }
            ),
            "connect.parameters.scale changes from '2' to '3'",
        ),
    ],
)
def test_a_change_of_meaning_is_named(older: Any, newer: Any, words: str) -> None:
    """Each forbidden change is told with its path, old and new value."""
    changes = forbidden_changes(older, newer)
    assert any(re.search(words, change) for change in changes), changes


def test_other_changes_are_left_to_the_registry() -> None:
    """New fields, removed fields, documentation and defaults are not our rule's business."""
    older = {"type": "record", "name": "R", "fields": [{"name": "a", "type": DECIMAL}, {"name": "b", "type": "long"}]}
    newer = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "a", "type": ["null", DECIMAL], "default": None, "doc": "new words"},
            {"name": "c", "type": ["null", "string"], "default": None},
        ],
    }
    assert forbidden_changes(older, newer) == []


def test_a_type_that_holds_itself_is_walked_once() -> None:
    """Recursion ends."""
    schema = {
        "type": "record",
        "name": "N",
        "fields": [{"name": "amount", "type": DECIMAL}, {"name": "next", "type": ["null", "N"]}],
    }
    assert forbidden_changes(schema, schema) == []

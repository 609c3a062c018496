"""Types are found by full name, by short name in their namespace, in themselves, and in referenced schemas."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.avro import SchemaError, compile_reader, compile_writer, parse_schema
from connectors.avro.schema import inline_references, named_types

pytestmark = pytest.mark.usefixtures("codec")

ADDRESS = {"type": "record", "name": "Address", "namespace": "shop", "fields": [{"name": "city", "type": "string"}]}


def both_ways(schema: Any, value: Any) -> Any:
    """The value written and read back."""
    return compile_reader(schema)(compile_writer(schema, b"\0\0\0\0\1")(value))


def part(name: str) -> dict[str, Any]:
    """A record that refers to Address by its short name."""
    return {"type": "record", "name": name, "namespace": "shop", "fields": [{"name": "at", "type": "Address"}]}


def test_two_parts_share_a_referenced_type() -> None:
    """Root refers to two parts which both refer to Address: defined once, and equal addresses read equal."""
    root = {
        "type": "record",
        "name": "Root",
        "namespace": "top",
        "fields": [{"name": "order", "type": "shop.OrderPart"}, {"name": "invoice", "type": "shop.InvoicePart"}],
    }
    named = named_types(ADDRESS) | named_types(part("OrderPart")) | named_types(part("InvoicePart"))
    alone = inline_references(root, named)
    value = {"order": {"at": {"city": "Ulm"}}, "invoice": {"at": {"city": "Ulm"}}}
    got = both_ways(alone, value)
    assert got == value
    assert got["order"]["at"] == got["invoice"]["at"]
    assert str(alone).count("'fields'") == 4


def test_a_type_without_namespace_refers_to_itself() -> None:
    """A record named without namespace holds itself as parent, two levels deep, kept and skipped."""
    schema = {
        "type": "record",
        "name": "Node",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "parent", "type": ["null", "Node"], "default": None},
            {"name": "after", "type": "long"},
        ],
    }
    value = {"id": 1, "parent": {"id": 2, "parent": {"id": 3, "parent": None, "after": 4}, "after": 5}, "after": 6}
    assert both_ways(schema, value) == value
    frame = compile_writer(schema, b"\0\0\0\0\1")(value)
    assert compile_reader(schema, ["after"])(frame) == (6,)


def test_types_that_refer_to_each_other() -> None:
    """Mutual recursion: a tree whose branches hold trees."""
    branch = {
        "type": "record",
        "name": "Branch",
        "fields": [{"name": "tree", "type": "n.Tree"}, {"name": "n", "type": "int"}],
    }
    schema = {
        "type": "record",
        "name": "Tree",
        "namespace": "n",
        "fields": [
            {"name": "branches", "type": {"type": "array", "items": branch}},
            {"name": "first", "type": ["null", "Branch"]},
        ],
    }
    leaf: dict[str, Any] = {"branches": [], "first": None}
    value = {"branches": [{"tree": leaf, "n": 1}, {"tree": {"branches": [{"tree": leaf, "n": 2}], "first": None}, "n": 3}],
             "first": {"tree": leaf, "n": 4}}  # fmt: skip
    assert both_ways(schema, value) == value


def test_a_change_envelope_uses_short_names_and_references() -> None:
    """`after` names the row type defined inside `before` by its short name; `source` comes by reference."""
    source = {
        "type": "record",
        "name": "Source",
        "namespace": "io.connector",
        "fields": [{"name": "lsn", "type": "long"}],
    }
    row = {"type": "record", "name": "Value", "fields": [{"name": "id", "type": "long"}]}
    envelope = {
        "type": "record",
        "name": "Envelope",
        "namespace": "billing.accounts",
        "fields": [
            {"name": "before", "type": ["null", row]},
            {"name": "after", "type": ["null", "Value"]},
            {"name": "source", "type": "io.connector.Source"},
        ],
    }
    alone = inline_references(envelope, named_types(source))
    value = {"before": None, "after": {"id": 5}, "source": {"lsn": 9}}
    assert both_ways(alone, value) == value
    assert compile_reader(alone, ["after.id", "source.lsn"])(compile_writer(alone, b"12345")(value)) == (5, 9)


def test_short_names_stop_at_their_namespace() -> None:
    """The same short name in two namespaces is two types."""

    def named(namespace: str, kind: str) -> dict[str, Any]:
        """A record X of one namespace."""
        return {"type": "record", "name": "X", "namespace": namespace, "fields": [{"name": "v", "type": kind}]}

    holder = {"type": "record", "name": "H", "namespace": "b", "fields": [{"name": "mine", "type": "X"}]}
    schema = {
        "type": "record",
        "name": "R",
        "namespace": "a",
        "fields": [
            {"name": "one", "type": named("a", "long")},
            {"name": "two", "type": named("b", "string")},
            {"name": "holder", "type": holder},
            {"name": "again", "type": "X"},
        ],
    }
    value = {"one": {"v": 1}, "two": {"v": "x"}, "holder": {"mine": {"v": "y"}}, "again": {"v": 2}}
    assert both_ways(schema, value) == value


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "record", "name": "R", "fields": [{"name": "a", "type": "nowhere.X"}]}, "nowhere.X"),
        (
            {"type": "record", "name": "R", "fields": [{"name": "a", "type": ADDRESS}, {"name": "b", "type": ADDRESS}]},
            "twice",
        ),
        ({"name": "R"}, "needs a 'type'"),
        ([], "at least one branch"),
    ],
)
def test_a_schema_that_cannot_be_used_says_why(schema: Any, words: str) -> None:
    """Unknown and repeated types are refused by name."""
    with pytest.raises(SchemaError, match=words):
        parse_schema(schema)

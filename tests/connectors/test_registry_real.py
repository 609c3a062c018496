"""The client against the real registry."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from connectors.registry import FULL_TRANSITIVE, Registry, SchemaRefused, UnknownSchemaId
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack


def money(scale: int, *more: dict[str, Any]) -> dict[str, Any]:
    """A record with an amount of this scale."""
    amount = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": scale}
    return {"type": "record", "name": "Paid", "namespace": "t", "fields": [{"name": "amount", "type": amount}, *more]}


@pytest.fixture
def registry(stack: RunningStack) -> Registry:
    """The stack's registry."""
    return Registry(stack.addresses.registry + "/apis/ccompat/v7")


def test_schemas_go_in_and_come_out(registry: Registry) -> None:
    """Registered under a new subject, found by id by another client, with a stable id."""
    subject = f"codec.{uuid.uuid4()}-value"
    number = registry.register(subject, money(2))
    other = Registry(registry.url)
    assert other.schema(number) == money(2)
    assert other.register(subject, money(2)) == number
    assert other.versions(subject) == [1]
    with pytest.raises(UnknownSchemaId):
        other.schema(2_000_000_000)


def test_evolution_is_full_transitive(registry: Registry) -> None:
    """With the level set, an optional field may come, a required one may not; and the scale never changes."""
    subject = f"codec.{uuid.uuid4()}-value"
    registry.register(subject, money(2), compatibility=FULL_TRANSITIVE)
    assert registry.compatibility(subject) == FULL_TRANSITIVE
    optional = money(2, {"name": "note", "type": ["null", "string"], "default": None})
    required = money(2, {"name": "note", "type": "string"})
    assert registry.check(subject, optional) == []
    assert registry.check(subject, required)
    assert registry.check(subject, money(4)) == ["amount: scale changes from 2 to 4"]
    for refused in (required, money(4)):
        with pytest.raises(SchemaRefused):
            registry.register(subject, refused)
    registry.register(subject, optional)
    assert registry.versions(subject) == [1, 2]


def test_references_resolve(registry: Registry) -> None:
    """A schema that names a type of another subject comes out standing alone."""
    tag = uuid.uuid4()
    address = {"type": "record", "name": "Address", "namespace": "t", "fields": [{"name": "city", "type": "string"}]}
    root = {"type": "record", "name": "Root", "namespace": "t", "fields": [{"name": "at", "type": "t.Address"}]}
    registry.register(f"address.{tag}", address)
    reference = {"name": "t.Address", "subject": f"address.{tag}", "version": 1}
    number = registry.register(f"root.{tag}", root, [reference])
    alone = Registry(registry.url).schema(number)
    assert alone["fields"][0]["type"] == address

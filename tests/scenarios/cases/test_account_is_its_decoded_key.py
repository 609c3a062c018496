"""The schema id inside an Avro key is no part of the key: one account, one state, one partition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.connectors.events import KEY
from tests.scenarios.cases.company import company, row, topic

ACCOUNTS = topic("billing.accounts")


def test_two_key_schemas_are_one_account(tmp_path: Path) -> None:
    """G11: update (id 7), update (id 9), delete (id 9): one live record in one partition of six, none after the delete."""
    wire = company(tmp_path, shards=6)
    old = wire.key_ids[ACCOUNTS]
    new = wire.registry.add({**KEY, "doc": "a comment"})
    image: dict[str, Any] = row("billing.accounts", 42, number="42")
    wire.commit(wire.put(ACCOUNTS, **image))
    first = wire.live("account")["42"]
    wire.key_ids[ACCOUNTS] = new
    assert wire.key_frame(ACCOUNTS, {"id": 42}, old) != wire.key_frame(ACCOUNTS, {"id": 42})
    wire.commit(wire.put(ACCOUNTS, **image | {"name": "Süd"}))
    assert wire.live("account").keys() == {"42"}
    assert (first["name"], wire.live("account")["42"]["name"]) == ("Nord", "Süd")
    wire.restart()
    wire.commit(wire.drop(ACCOUNTS, id=42))
    assert wire.live("account") == {} and not wire.facts
    assert len({one.partition for one in wire.log if one.kind == "account"}) == 1
    counts = wire.counts()
    assert (counts["in"], counts["applied"], counts["ignored"], counts["parked"]) == (4, 3, 1, 0)  # the tombstone

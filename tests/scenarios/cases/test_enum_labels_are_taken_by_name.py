"""An enum's label is its name: a label that the schema does not list is kept, and re-ordering changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.cases.company import ACCOUNT, TABLES, company, row, topic

SUBSCRIPTIONS = topic("billing.subscriptions")
STATUS = {"status": {"label": "status", "values": {"active": "active", "cancelled": "cancelled", "trial": "trial"}}}


def enum(*labels: str, avro: bool = False) -> Any:
    """The column's type: Debezium's text with the allowed labels as metadata, or an Avro enum."""
    if avro:
        return {"type": "enum", "name": "Status", "symbols": list(labels)}
    return {
        "type": "string",
        "connect.name": "io.debezium.data.Enum",
        "connect.parameters": {"allowed": ",".join(labels)},
    }


def columns(status: Any) -> dict[str, Any]:
    """The table's columns with this type of status."""
    return {"id": "long", **TABLES["billing.subscriptions"], "status": status}


def test_an_unlisted_label_is_kept_and_flagged(tmp_path: Path) -> None:
    """G05 (a): S-3 is `paused`, flagged UNMAPPED_STATUS; nothing is derived from it, it is not parked, no other label is guessed."""
    wire = company(
        tmp_path, ("billing", "support"), mapping={"billing.subscriptions": {"fields": STATUS}},
        columns={"billing.subscriptions": {"status": enum("active", "cancelled")}},
    )  # fmt: skip
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(
        wire.put(topic("support.organizations"), **row("support.organizations", 1, service_level="none")),
        source="support",
    )
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 3, status="paused")))
    wire.commit(after_ms=60_000)
    wire.commit(source="support", after_ms=60_000)
    found = wire.live("subscription")["SUB-3"]
    assert (found["status"], found["flags"]) == ("paused", ["UNMAPPED_STATUS"])
    assert wire.live("entitlement")[ACCOUNT]["tier"] is None
    assert not wire.parked() and not wire.live("intent")
    (exception,) = wire.live("exception").values()
    assert exception["kind"] == "UNMAPPED_STATUS" and "'paused'" in exception["text"]


@pytest.mark.parametrize("avro", [False, True])
def test_reordered_labels_mean_the_same(tmp_path: Path, avro: bool) -> None:
    """G05 (b): (trial, paid) becomes (paid, trial, void); a trial row before and a trial row after are both trial."""
    wire = company(
        tmp_path, mapping={"billing.subscriptions": {"fields": STATUS}},
        columns={"billing.subscriptions": {"status": enum("trial", "paid", avro=avro)}},
    )  # fmt: skip
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 1, status="trial")))
    wire.alter(SUBSCRIPTIONS, columns(enum("paid", "trial", "void", avro=avro)))
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 2, status="trial")))
    assert {body["status"] for body in wire.live("subscription").values()} == {"trial"}
    wire.restart()
    wire.commit(wire.put(topic("billing.credits"), **row("billing.credits", 1)))
    assert {body["status"] for body in wire.live("subscription").values()} == {"trial"}

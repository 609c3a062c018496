"""PostgreSQL numeric without a declared scale: every value brings its own scale, and is the same number with another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.connectors.events import record
from tests.scenarios.cases.company import ACCOUNT, company, row, topic
from tests.scenarios.cases.wire import Wire

QUANTITY = ["null", record("VariableScaleDecimal", ("scale", "int"), ("value", "bytes"), namespace="io.debezium.data")]
USAGE = topic("billing.usage")


def line(wire: Wire, number: int, quantity: Any) -> list[Any]:
    """Commit one usage line; what it published of the line."""
    wire.commit(wire.put(USAGE, **row("billing.usage", number, quantity=quantity)))
    return wire.versions("usage", f"USE-{number}")


def test_each_value_brings_its_own_scale(tmp_path: Path) -> None:
    """G01: {2, 01 F4} is 5.00, {3, FF 38} is -0.200, their exact sum 4.8; 5.00 -> 5 changes nothing; null is unknown."""
    wire = company(tmp_path, columns={"billing.usage": {"quantity": QUANTITY}})
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(topic("billing.subscriptions"), **row("billing.subscriptions", 1)))
    assert line(wire, 1, {"scale": 2, "value": b"\x01\xf4"})[-1]["quantity"] == "5"
    assert line(wire, 2, {"scale": 3, "value": b"\xff\x38"})[-1]["quantity"] == "-0.2"
    assert wire.live("account")[ACCOUNT]["usage"] == {"api": "4.8"}
    before = len(wire.versions("change", ACCOUNT))
    assert line(wire, 1, {"scale": 0, "value": b"\x05"})[-1]["quantity"] == "5"
    assert len(wire.versions("change", ACCOUNT)) == before
    assert line(wire, 3, None)[-1]["quantity"] is None
    assert wire.live("account")[ACCOUNT]["usage"] == {"api": None}
    assert wire.live("account")[ACCOUNT]["usages"] == 3
    assert wire.counts() == {"in": 6, "applied": 6, "ignored": 0, "parked": 0}
    wire.restart()
    wire.commit(wire.drop(USAGE, id=3))
    assert wire.live("account")[ACCOUNT]["usage"] == {"api": "4.8"}

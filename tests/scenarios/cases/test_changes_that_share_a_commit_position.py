"""SQL Server: the changes of a transaction share its commit position; within it the change position orders them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.avro import DecodeError
from connectors.capturing.positions import packed
from connectors.mappings.checking.recorded import RecordedEvent
from tests.connectors.events import envelope
from tests.scenarios.cases.company import ACCOUNT, company, mapping_of, row, topic
from tests.scenarios.cases.wire import Wire

CREDITS = topic("billing.credits")
TEXT = ["null", "string"]


def shape(*columns: tuple[str, Any]) -> Any:
    """A change event whose source has SQL Server's positions instead of PostgreSQL's."""
    event = envelope(*columns)
    source = next(field["type"] for field in event["fields"] if field["name"] == "source")
    own = [field for field in source["fields"] if field["name"] not in ("txId", "lsn", "sequence")]
    source["fields"] = [*own, {"name": "change_lsn", "type": TEXT}, {"name": "commit_lsn", "type": TEXT}]
    return event


def server(folder: Path) -> Wire:
    """Billing on SQL Server with an account; credits have a text key."""
    wire = company(folder, columns={"billing.credits": {"id": "string"}}, shape=shape)
    wire.remap({"billing": mapping_of("billing", {}).replace("version: 1", "version: 1\nposition: sqlserver", 1)})
    feed(wire, "2A:10:3", [("2A:10:2", wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))])
    return wire


def transaction(wire: Wire, commit: str, changes: list[tuple[str, Any]]) -> list[RecordedEvent]:
    """Events with their change positions, the END last."""
    placed = [event._replace(place={"commit_lsn": commit, "change_lsn": change}) for change, event in changes]
    messages = wire.transaction(*placed)
    counts: dict[str, int] = {}
    for event in placed:
        name = event.topic.partition(".")[2]
        counts[name] = counts.get(name, 0) + 1
    return [*messages[:-1], wire.end("billing", commit, counts)]


def feed(wire: Wire, commit: str, changes: list[tuple[str, Any]]) -> None:
    """Write and process one transaction."""
    wire.feed(transaction(wire, commit, changes))


def credit(wire: Wire, key: str, amount: int) -> Any:
    """The row as it is now."""
    return wire.put(CREDITS, **row("billing.credits", 1, id=key, amount_minor=amount, number="CR-1"))


def test_the_last_change_of_a_transaction_counts(tmp_path: Path) -> None:
    """G09: e1 (10), e2 (20), e1 again: 20, never 10; redelivered after the commit, and after a restart, it changes nothing."""
    wire = server(tmp_path)
    e1, e2, end = transaction(
        wire, "2A:10:9", [("2A:10:1", credit(wire, "P-1", 10)), ("2A:10:4", credit(wire, "P-1", 20))]
    )
    wire.feed([e1, e2, e1, end])
    assert [body["amount_minor"] for body in wire.versions("credit", "CR-1")] == [20]
    before = len(wire.log)
    wire.feed([e1])
    wire.restart()
    wire.feed([e1, e2, end])
    assert len(wire.log) == before
    assert wire.state.sequencer.standings["billing"].held == 0
    assert wire.steps[-1].position.frontier["billing"] == packed("2A:10:9")
    counts = wire.counts()
    assert counts["in"] == counts["applied"] + counts["ignored"] and counts["parked"] == 0


def test_a_key_change_is_one_move(tmp_path: Path) -> None:
    """G09: P-1 -> P-2 as delete and insert with one commit position: no version with neither or both."""
    wire = server(tmp_path)
    feed(wire, "2A:10:9", [("2A:10:4", credit(wire, "P-1", 20))])
    start = len(wire.versions("credit", "CR-1"))
    move = [("2A:11:2", wire.drop(CREDITS, id="P-1")), ("2A:11:2", credit(wire, "P-2", 20))]
    for message in transaction(wire, "2A:11:9", move):
        wire.feed([message])
    (moved,) = wire.versions("credit", "CR-1")[start:]
    assert (moved["billing"]["row"], moved["flags"]) == ("P-2", [])
    assert {body["totals"]["EUR"]["credited_minor"] for body in wire.versions("account", ACCOUNT)[1:]} == {20}


def test_positions_compare_as_numbers() -> None:
    """2A:10:10 lies behind 2A:10:9 and A:0:0 before 2A:0:0, as numbers and not as text; what does not fit is refused."""
    order = ("A:FFFFFFF:7FF", "2A:10:9", "2A:10:10", "2A:11:1", "0000002b:00000000:0001")
    assert sorted(order, key=packed) == list(order)
    assert packed("FFFFFF:FFFFFFF:7FF") < 2**63
    for text in ("2A:10", "2A:10:9:1", "xyz:1:1", "1000000:0:0"):
        with pytest.raises(DecodeError):
            packed(text)

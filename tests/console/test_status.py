"""`concord status` tells what is parked, open and behind from the topics alone, and says when the counts do not balance."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from confluent_kafka import Producer

from connectors.contracts import Contracts, topic_specs
from connectors.kafka.topics import admin, ensure
from connectors.registry import Registry
from console import status_outputs
from console.cli import main
from console.exits import Exit
from console.status_report import UNKNOWN_ACCOUNT, Report, SourceStatus
from dataflows.settings import Settings, load_settings
from tests.connectors.valkey import free_port
from tests.dataflows.test_lookup_process import smallest
from tests.running_stack import RunningStack

Output = pytest.CaptureFixture[str]


def source(**counts: int) -> SourceStatus:
    """A source with these row counts."""
    rows = {"rows_in": 0, "applied": 0, "ignored": 0, "parked": 0} | counts
    return SourceStatus("billing", "RUNNING", None, 1, 1, 0, 0.0, True, **rows)


def test_balance_holds_only_if_every_row_is_accounted_for() -> None:
    """in = applied + ignored + parked; rows that wait are fine if an exception says so; a row too many is not."""
    assert Report(0, sources=[source(rows_in=6, applied=3, ignored=2, parked=1)]).balance()["balanced"]
    lost = Report(0, sources=[source(rows_in=6, applied=3, ignored=2)])
    assert lost.balance()["waiting"] == 1
    assert not lost.balance()["balanced"]
    lost.exceptions[UNKNOWN_ACCOUNT] = 1
    assert lost.balance()["balanced"]
    assert not Report(0, sources=[source(rows_in=2, applied=3)]).balance()["balanced"]


class Outputs:
    """Output topics of this test alone, written with the real contracts."""

    def __init__(self, settings: Settings) -> None:
        registry = Registry(settings.registry_api)
        self.contracts = Contracts(registry, settings.contracts_dir, settings.prefix)
        ensure(admin(settings.kafka), topic_specs(settings.prefix, settings.partitions))
        self.producer = Producer({"bootstrap.servers": settings.kafka})

    def put(self, name: str, key: str, **fields: Any) -> None:
        """One record; without fields a tombstone."""
        self.produce(name, key, self.value(name, **fields) if fields else None)

    def value(self, name: str, **fields: Any) -> bytes:
        """A record's bytes."""
        return self.contracts.writer(name)(smallest(self.contracts.schema(name)) | fields)

    def produce(self, name: str, key: str, value: bytes | None, partition: int = -1, timestamp: int = 0) -> None:
        """These bytes, at a partition and a time in ms where they matter."""
        self.producer.produce(self.contracts.topic(name), value, key.encode(), partition=partition, timestamp=timestamp)


@pytest.fixture
def outputs(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Outputs:
    """Topics below a prefix of their own; the look-up store is not there."""
    monkeypatch.setenv("CONCORD_PREFIX", f"test-{uuid.uuid4().hex[:8]}.")
    monkeypatch.setenv("CONCORD_REDIS", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("CONCORD_PARTITIONS", "2")
    return Outputs(load_settings())


def report(capsys: Output, code: Exit) -> dict[str, Any]:
    """Run `concord status --json` and read its one object."""
    assert main(["status", "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.stack
def test_everything_set_aside_is_shown(outputs: Outputs, capsys: Output) -> None:
    """Parked records with place, account and reason; open exceptions, intents and corrections by kind and state."""
    place = {"topic": "billing.public.invoices", "partition": 1}
    for offset in range(5):
        outputs.put("parked", f"k{offset}", code="MALFORMED_FRAME", reason="ends early", offset=offset, **place)
    outputs.put("parked", "k9", code="NOT_AN_AMOUNT", reason="a float", offset=9, account="A-1", **place)
    for name in ("e1", "e2", "e3"):
        outputs.put("exception", name, id=name, kind="UNMAPPED_STATUS")
    outputs.put("exception", "e1")
    outputs.put("intent", "i1", id="i1", state="wanted")
    outputs.put("intent", "i1", id="i1", state="seen")
    outputs.put("correction", "i1", id="i1", state="VERIFIED")
    counts = {"billing.in": 10, "billing.applied": 4, "billing.parked": 6}
    clock = {"billing": time.time_ns() // 1_000_000 - 5_000}
    frontier = {"billing": 700}
    outputs.put(
        "progress", "canonical", flow="canonical", commit=7, live=True, counts=counts, clock_ms=clock, frontier=frontier
    )
    outputs.producer.flush(30)
    found = report(capsys, Exit.UNREACHABLE)
    assert found["parked"]["by_reason"] == {"MALFORMED_FRAME": 5, "NOT_AN_AMOUNT": 1}
    assert {"code": "NOT_AN_AMOUNT", "offset": 9, "account": "A-1", "reason": "a float", **place} in found["parked"][
        "samples"
    ]
    assert [one["offset"] for one in found["parked"]["samples"] if one["code"] == "MALFORMED_FRAME"] != []
    assert found["exceptions"] == {"total": 2, "by_kind": {"UNMAPPED_STATUS": 2}}
    assert found["intents"] == {"seen": 1}
    assert found["corrections"] == {"VERIFIED": 1}
    assert found["balance"] == {"in": 10, "applied": 4, "ignored": 0, "parked": 6, "waiting": 0, "balanced": True}
    billing = next(one for one in found["sources"] if one["name"] == "billing")
    assert (billing["frontier"], billing["snapshot_complete"]) == (700, True)
    assert 5_000 <= billing["age_ms"] < 120_000
    assert any("Redis" in one for one in found["unreachable"]), "the missing look-up store is named, the rest is shown"


@pytest.mark.stack
def test_the_newest_parked_records_are_shown_whatever_order_partitions_are_read_in(
    outputs: Outputs, capsys: Output
) -> None:
    """The samples are those last written, oldest first.

    Planted: sampled in the order of reading, the last partition's records stood for the newest, and two answers about
    one topic differed.
    """
    now = time.time_ns() // 1_000_000
    for offset in range(10):
        value = outputs.value("parked", code="MALFORMED_FRAME", reason="ends early", offset=offset)
        outputs.produce("parked", f"k{offset}", value, partition=offset % 2, timestamp=now - 60_000 + offset)
    outputs.producer.flush(30)
    for _ in range(2):
        found = report(capsys, Exit.UNREACHABLE)
        assert [one["offset"] for one in found["parked"]["samples"]] == [7, 8, 9]


@pytest.mark.stack
def test_a_long_topic_is_counted_from_its_end(
    outputs: Outputs, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """So many of the newest records of each partition, and the answer says so; what is short is counted whole."""
    monkeypatch.setattr(status_outputs, "LOOKED_AT_MAX", 5)
    for offset in range(40):
        outputs.put("parked", f"k{offset}", code="OLD" if offset < 20 else "NEW", reason="-", offset=offset)
    outputs.put("exception", "e1", id="e1", kind="UNMAPPED_STATUS")
    for commit in range(1, 31):
        outputs.put("progress", "canonical", flow="canonical", commit=commit, live=True)
    outputs.producer.flush(30)
    found = report(capsys, Exit.UNREACHABLE)
    assert found["parked"]["by_reason"] == {"NEW": 10}
    assert found["exceptions"]["total"] == 1
    assert (found["flow"]["commit"], found["partial"]) == (30, [outputs.contracts.topic("parked")])
    assert main(["status"]) == Exit.UNREACHABLE
    assert "counted over the newest records only" in " ".join(capsys.readouterr().out.split())


@pytest.mark.stack
def test_flow_that_never_ran_is_no_error(outputs: Outputs, capsys: Output) -> None:
    """Before the first commit there is no frontier and no age, and nothing is claimed to be complete."""
    found = report(capsys, Exit.UNREACHABLE)
    assert found["flow"] == {"commit": None, "committed_ms": None, "live": False}
    assert all(one["frontier"] is None and one["age_ms"] is None for one in found["sources"])
    assert not any(one["snapshot_complete"] for one in found["sources"])
    assert main(["status"]) == Exit.UNREACHABLE
    assert "concord run canonical" in capsys.readouterr().out

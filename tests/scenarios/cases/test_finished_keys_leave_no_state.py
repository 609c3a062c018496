"""What is retired at its source leaves facts and memory: a restart costs what is live, not what ever was."""

from __future__ import annotations

import time
from pathlib import Path

from tests.scenarios.cases.company import company, row, topic
from tests.scenarios.cases.wire import Wire

CASES = topic("support.cases")
FINISHED, OPEN = 20_000, 10
PER_COMMIT = 1_000


def desk(folder: Path) -> Wire:
    """An account with its organization."""
    folder.mkdir()
    wire = company(folder, ("billing", "support"), shards=1)
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(topic("support.organizations"), **row("support.organizations", 1)), source="support")
    return wire


def restarted(wire: Wire) -> float:
    """Seconds from the start of a new process to its first output."""
    began = time.process_time()
    wire.restart()
    wire.commit(wire.put(CASES, **row("support.cases", FINISHED + 1, severity=1)), source="support")
    return time.process_time() - began


def test_state_is_that_of_the_live_cases(tmp_path: Path) -> None:
    """G20: 20,000 cases opened, closed and removed after their retention, 10 open: facts of 10 cases plus two fixed rows."""
    wire, fresh = desk(tmp_path / "old"), desk(tmp_path / "new")
    for first in range(1, FINISHED + 1, PER_COMMIT):
        numbers = range(first, first + PER_COMMIT)
        wire.commit(*(wire.put(CASES, **row("support.cases", n)) for n in numbers), source="support")
        wire.commit(*(wire.put(CASES, **row("support.cases", n, status="resolved")) for n in numbers), source="support")
        wire.commit(*(wire.drop(CASES, id=n) for n in numbers), source="support")
    for one in (wire, fresh):
        opened = [one.put(CASES, **row("support.cases", FINISHED + n)) for n in range(1, OPEN + 1)]
        one.commit(*opened, source="support")
    assert len(wire.facts) == len(fresh.facts) == OPEN + 2
    (account,) = next(iter(wire.state.shards.values())).accounts()
    assert len(account.rows) == OPEN + 2 and len(account.items) == OPEN + 2
    assert not account.tallies and not account.clocks.keys() - account.rows.keys()
    assert restarted(wire) <= 2 * restarted(fresh) + 0.2
    assert wire.live("case").keys() == fresh.live("case").keys()

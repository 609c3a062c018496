"""A transaction that lacks rows is told with its tables, and is over when these were read again; a restart waits on."""

from __future__ import annotations

import pytest

from state.aligning.spoilt import INCOMPLETE_AFTER_MS
from state.repairs import RESCANNED, Repairs
from state.resolving.identity import Identity
from state.row import BadFrame, Notice, Released
from state.sequencer import Sequencer
from state.step import Batch, Position, Step
from tests.state.test_sequencer import BILLING, end, model, sequencer

BAD = BadFrame(0, "billing.public.accounts", 0, 5, b"", b"\x00", "MALFORMED_FRAME", "short")


def told(seq: Sequencer) -> Step:
    """The row of a transaction of billing cannot be read; its clock goes on."""
    seq.advance(Batch([], [(BILLING, end(3, 200, accounts=1))], [], [BAD], [(0, 0)]))
    step = seq.advance(Batch([], [(BILLING, end(4, 300 + INCOMPLETE_AFTER_MS))], [], [], [(0, 0)]))
    assert step is not None
    return step


@pytest.mark.parametrize("restart", [False, True])
def test_it_ends_when_its_table_was_read_again(restart: bool) -> None:
    """Another table, and another source's, end nothing.

    Planted break, seen to fail: not storing what is open with the position.
    """
    seq = sequencer(start=Position(live=True))
    step = told(seq)
    ((name, record),) = step.exceptions
    assert record is not None
    assert record["kind"] == "INCOMPLETE_TRANSACTION"
    assert "incremental snapshot of public.accounts" in str(record["text"])
    if restart:
        tables = model()
        seq = Sequencer(tables, Identity(tables.tables), 2, step.position, lambda frame: 0)
    for source, table in ((0, "public.other"), (1, "public.accounts")):
        other = seq.advance(Batch([], [], [(source, Notice(RESCANNED, table, 3), 7)], []))
        assert other is not None
        assert other.exceptions == []
    last = seq.advance(Batch([], [], [(BILLING, Notice(RESCANNED, "public.accounts", 3), 8)], []))
    assert last is not None
    assert last.exceptions == [(name, None)]
    assert last.position.snapshots == {}


def test_a_lost_end_needs_every_table_of_the_source() -> None:
    """Which rows it had is not known."""
    repairs = Repairs(model().tables, {})
    name, record = repairs.begin("billing", Released(7, 0, [], 0, has_end=False))
    assert record is not None
    assert "public.accounts" in str(record["text"])
    repairs.note("billing", Notice("TABLE_SCAN_COMPLETED", "public.accounts", 1))
    assert repairs.take() == []
    repairs.note("billing", Notice(RESCANNED, "public.accounts", 1))
    assert repairs.take() == [(name, None)]

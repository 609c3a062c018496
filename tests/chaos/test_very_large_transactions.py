"""A transaction that is published in slices, on the real stack: whole or not there, whatever ends the flow between two slices."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from dataflows.cut import EXIT_FENCED
from tests.chaos.bank import Bank
from tests.chaos.flow_process import FlowProcess, wait_until
from tests.chaos.lab import ChaosLab
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack
TRANSFERS = 80
#: rounds of the large transaction, 400 rows each
ROUNDS = 30
#: of the large transaction, so that there are many; ordinary ones have at most 6 rows
SLICE_ROWS = 100
#: for so long a flow may run before it is looked whether it has begun to write the transaction
STEP_S = 0.1
STOPS_WITHIN_S = 10.0


class SlicedLab(ChaosLab):
    """`rows`: of the large transaction, far more than there are in all others together."""

    rows = 0


@pytest.fixture(scope="module")
def small_bank(stack: RunningStack) -> Iterator[tuple[Bank, int]]:
    """A bank of its own with a large transaction between small ones; how many rows that has."""
    addresses = stack.addresses
    made = Bank(addresses.kafka, addresses.postgres, addresses.connect, addresses.registry)
    made.create()
    made.transfer(TRANSFERS)
    rows = made.transfer_at_once(ROUNDS)
    made.transfer(TRANSFERS)
    yield made, rows
    made.remove()


@pytest.fixture
def sliced(stack: RunningStack, small_bank: tuple[Bank, int], tmp_path: Path) -> Iterator[SlicedLab]:
    """Output topics of this test alone."""
    found = SlicedLab(stack, small_bank[0], tmp_path)
    found.rows = small_bank[1]
    yield found
    found.close()


def stored(lab: ChaosLab) -> int:
    """Records in the topic of stored rows, visible or not."""
    address = {"bootstrap.servers": lab.settings.kafka, "group.id": "test-large"}
    consumer = Consumer({**address, "isolation.level": "read_uncommitted"})
    try:
        topic = f"{lab.prefix}facts"
        known = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        return sum(consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=10)[1] for n in known)
    finally:
        consumer.close()


def said(flow: FlowProcess, state: str) -> int:
    """How often the flow's log says that a large transaction has begun or is finished."""
    return sum("large transaction" in line and state in line for line in flow.log.read_text().splitlines())


def slow(lab: ChaosLab) -> FlowProcess:
    """A flow that can be seen, and ended, between two slices."""
    return lab.flow_by("tests.chaos.slow_slices", CONCORD_SLICE_ROWS=str(SLICE_ROWS))


def freeze_in_mid_slices(lab: ChaosLab, flow: FlowProcess, begun: int = 0) -> None:
    """Stop the flow's time when it has handed some slices to Kafka and holds the others back. `begun`: so often before."""
    lab.until(lambda: said(flow, "begun") > begun, "a large transaction to begin")
    flow.freeze()
    before = stored(lab)
    while stored(lab) == before:
        flow.thaw()
        time.sleep(STEP_S)
        flow.freeze()
    assert said(flow, "finished") == 0, lab.explain()


def unfinished(lab: SlicedLab, flow: FlowProcess) -> None:
    """The flow was ended before the last slice, and nothing of the cut is visible."""
    assert said(flow, "finished") == 0, lab.explain()
    lab.pass_time(0.5)
    assert lab.applied < lab.rows, lab.explain()


def test_a_stop_or_a_kill_between_two_slices_shows_nothing(sliced: SlicedLab) -> None:
    """SIGTERM ends the flow in time with the Kafka transaction aborted, kill -9 with it open; then all of it comes again.

    Planted break, seen to fail: a cut that ends between two slices, with the position of the last slice so far.
    """
    flow = slow(sliced)
    flow.start()
    freeze_in_mid_slices(sliced, flow)
    asked = time.monotonic()
    os.kill(flow.pid, signal.SIGTERM)
    flow.thaw()
    assert flow.wait() == 0, sliced.explain()
    assert time.monotonic() - asked < STOPS_WITHIN_S
    unfinished(sliced, flow)
    for begun in (1, 2):
        flow.start()
        freeze_in_mid_slices(sliced, flow, begun)
        flow.kill_all()
        unfinished(sliced, flow)
    flow.start()
    sliced.catch_up(flow)
    assert said(flow, "finished") == 1
    sliced.judge()


def test_a_zombie_with_an_open_slice_cannot_write(sliced: SlicedLab) -> None:
    """Frozen between two slices, replaced, and continued: it ends with its own exit code and has no effect."""
    zombie, successor = (slow(sliced) for _ in range(2))
    zombie.start()
    freeze_in_mid_slices(sliced, zombie)
    successor.start()
    freeze_in_mid_slices(sliced, successor)
    zombie.thaw()
    wait_until(lambda: not zombie.running, 30, "the zombie to end", sliced.explain)
    assert zombie.exit_code == EXIT_FENCED, sliced.explain()
    assert said(zombie, "finished") == 0, sliced.explain()
    successor.thaw()
    sliced.catch_up(successor)
    assert (successor.starts, said(successor, "finished")) == (1, 1), sliced.explain()
    sliced.judge()


def test_total_is_zero_at_every_cut_with_slices_of_one_row(sliced: SlicedLab) -> None:
    """Every transaction of the bank comes in slices of one account, over two processes: every published cut has total 0.

    Planted break, seen to fail: a cut that ends between two slices (`CanonicalWriter.commit`).
    """
    flow = sliced.flow(2, CONCORD_SLICE_ROWS="1")
    flow.start()
    sliced.catch_up(flow)
    assert said(flow, "finished") > TRANSFERS
    sliced.judge()

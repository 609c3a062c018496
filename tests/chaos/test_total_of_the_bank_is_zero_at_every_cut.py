"""The bank test: 20,000 real transactions over two tables with 4 partitions each, and the total is 0 at every cut.

The last file of its folder that has this bank: flows of tests that came after it would have all of this to read.
"""

from __future__ import annotations

import pytest

from tests.chaos.lab import ChaosLab

TRANSFERS = 20_000
BURSTS = 20


@pytest.mark.stack
def test_total_of_the_bank_is_zero_at_every_cut(lab: ChaosLab) -> None:
    """While transfers commit in two sessions at once, every published cut is a state that the bank had: total 0.

    Each burst waits for a cut: a machine that falls behind makes a backlog of them all, which has few.
    """
    flow = lab.flow(epoch_ms=10)
    flow.start()
    lab.until(lambda: lab.live, "the first snapshot to be published")
    first = lab.commit
    for _ in range(BURSTS):
        lab.bank.transfer(TRANSFERS // BURSTS)
        lab.next_cut()
    lab.catch_up(flow)
    assert flow.starts == 1
    found = lab.judge()
    assert found.cuts - first >= BURSTS, "too few cuts to prove anything"

"""While a cut is being committed the next one is made, and nothing of it comes into the one that is under way."""

from __future__ import annotations

import pytest

from tests.chaos.bank import Traffic
from tests.chaos.lab import ChaosLab

#: transfers before the flow starts: only in a backlog a commit is waited for beside the work
BACKLOG = 3_000


@pytest.mark.stack
def test_the_next_cut_is_made_while_one_is_committed(lab: ChaosLab) -> None:
    """Every commit takes until shards have made something in it, or a third of a second; every cut is whole all the same.

    Planted breaks, seen to fail: a commit that is waited for at once makes nothing meanwhile; steps that are written
    while a commit is under way (`CanonicalWriter.go_on`) break the transaction, and the flow does not go on.
    """
    flow = lab.flow_by("tests.chaos.slow_commit")
    lab.bank.transfer(BACKLOG)
    flow.start()
    with Traffic(lab.bank):
        lab.until(lambda: lab.live and lab.frontier > 0, "the first transaction to be published")
        before = lab.commit
        lab.until(lambda: lab.commit >= before + 5, "five slow commits")
        lab.catch_up(flow)
    lab.catch_up(flow)
    assert flow.starts == 1, lab.explain()
    assert flow.stop() == 0, lab.explain()
    assert int(flow.tail(1).rpartition(" ")[2]) > 0, lab.explain()
    lab.judge()

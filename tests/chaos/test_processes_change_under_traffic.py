"""1 -> 2 -> 4 -> 1 processes under traffic, however the older ones end: no loss, no repeat, the end equals SQL.

Planted break that was seen to fail from one process to two: shards that restore the partition of their process.
"""

from __future__ import annotations

import pytest

from dataflows.cut import EXIT_FENCED
from tests.chaos.bank import Traffic
from tests.chaos.flow_process import FlowProcess, wait_until
from tests.chaos.lab import CAUGHT_UP_WITHIN_S, ChaosLab

pytestmark = [pytest.mark.stack, pytest.mark.slow]

#: cuts that each number of processes must publish before the next takes over
CUTS = 10


def at_work(lab: ChaosLab, flow: FlowProcess, processes: int) -> None:
    """Wait until the flow publishes with so many processes; one process is its own parent."""
    lab.until(lambda: lab.live, "the first snapshot to be published")
    before = lab.commit
    lab.until(lambda: lab.commit >= before + CUTS, f"{CUTS} cuts by {processes} processes")
    assert len(flow.processes()) == (processes + 1 if processes > 1 else 1), lab.explain()


def test_every_number_of_processes_goes_on_where_the_last_one_stood(lab: ChaosLab) -> None:
    """Stopped and replaced by two; fenced by a start of four while they run; killed with -9 and replaced by one."""
    one, two, four, last = (lab.flow(processes) for processes in (1, 2, 4, 1))
    with Traffic(lab.bank):
        one.start()
        at_work(lab, one, 1)
        assert one.stop() == 0
        two.start()
        at_work(lab, two, 2)
        four.start()
        wait_until(lambda: not two.running, CAUGHT_UP_WITHIN_S, "the two processes to be fenced", lab.explain)
        assert two.exit_code == EXIT_FENCED, lab.explain()
        at_work(lab, four, 4)
        four.kill_all()
        last.start()
        at_work(lab, last, 1)
        lab.catch_up(last)
    lab.catch_up(last)
    assert [flow.starts for flow in (one, two, four, last)] == [1, 1, 1, 1], lab.explain()
    lab.judge()

"""Two processes that believe they are the flow: the older one is fenced and says so, and nothing is written twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataflows.cut import EXIT_FENCED
from tests.chaos.bank import Traffic
from tests.chaos.flow_process import FlowProcess, wait_until
from tests.chaos.lab import ChaosLab


def is_fenced(lab: ChaosLab, flow: FlowProcess) -> None:
    """The flow ends by itself, with the exit code of one that another start has taken over from."""
    wait_until(lambda: not flow.running, 90, "the older start to end", lab.explain)
    assert flow.exit_code == EXIT_FENCED, lab.explain()


def goes_on(lab: ChaosLab, flow: FlowProcess) -> None:
    """The flow publishes all that was committed, was never started again, and all that was published is right."""
    lab.catch_up(flow)
    assert flow.starts == 1, lab.explain()
    lab.judge()


@pytest.mark.stack
def test_a_frozen_zombie_cannot_write(lab: ChaosLab) -> None:
    """Stopped in the middle of its work, replaced, and continued: it ends with its own exit code and has no effect."""
    zombie, successor = lab.flow(), lab.flow()
    with Traffic(lab.bank):
        zombie.start()
        lab.until(lambda: lab.live, "the first flow to be live")
        zombie.freeze()
        before = lab.commit
        successor.start()
        lab.until(lambda: lab.commit > before + 3, "the successor to publish")
        zombie.thaw()
        is_fenced(lab, zombie)
        lab.catch_up(successor)
    goes_on(lab, successor)


@pytest.mark.stack
def test_a_start_that_fences_one_that_has_committed_reads_again(lab: ChaosLab, tmp_path: Path) -> None:
    """What it had read is old by then, and nobody else is left: it starts once more by itself and goes on.

    Planted: ended with the code of a fenced process, as starts did once, both are gone and `catch_up` starts a second.
    """
    gate = tmp_path / "gate"
    late, other = lab.flow_by("tests.chaos.late_start", str(gate)), lab.flow()
    with Traffic(lab.bank):
        late.start()
        wait_until(gate.with_suffix(".waiting").exists, 60, "the late start to have read", lab.explain)
        other.start()
        lab.until(lambda: lab.live, "the other start to be live")
        gate.touch()
        is_fenced(lab, other)
        lab.catch_up(late)
    goes_on(lab, late)


@pytest.mark.stack
def test_of_two_starts_at_once_one_remains(lab: ChaosLab) -> None:
    """Started in the same moment, one of them wins; the other one ends by itself, not with success."""
    flows = [lab.flow(), lab.flow()]
    with Traffic(lab.bank):
        for flow in flows:
            flow.start()
        wait_until(lambda: sum(flow.running for flow in flows) == 1, 90, "one of two starts to give up", lab.explain)
        loser, winner = sorted(flows, key=lambda flow: flow.running)
        assert loser.exit_code == EXIT_FENCED, lab.explain()
        lab.catch_up(winner)
    goes_on(lab, winner)

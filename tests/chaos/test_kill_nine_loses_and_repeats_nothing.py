"""kill -9 of the canonical flow at random moments: no loss, no repeat, no version that goes back, the end equals SQL."""

from __future__ import annotations

from random import Random

import pytest

from tests.chaos.bank import Traffic
from tests.chaos.lab import ChaosLab

KILLS_ONE_PROCESS, KILLS_TWO_PROCESSES = 12, 10
#: seconds of life before the kill: the shortest lie within start and restore, the longest in steady work
LIFE_S = (0.4, 3.0)


@pytest.mark.stack
@pytest.mark.slow
def test_kills_of_a_single_process(lab: ChaosLab) -> None:
    """A power cut at any moment of start, restore, work and commit."""
    random = Random(11)
    flow = lab.flow(processes=1)
    with Traffic(lab.bank):
        for _ in range(KILLS_ONE_PROCESS):
            flow.start()
            lab.pass_time(random.uniform(*LIFE_S))
            flow.kill_all()
        lab.catch_up(flow)
    lab.catch_up(flow)
    lab.judge()


@pytest.mark.stack
@pytest.mark.slow
def test_kills_of_one_of_two_processes(lab: ChaosLab) -> None:
    """One process of two dies, whichever; what survives may not go on alone, and a new start takes over at once."""
    random = Random(12)
    flow = lab.flow(processes=2)
    with Traffic(lab.bank):
        for _ in range(KILLS_TWO_PROCESSES):
            flow.start()
            lab.pass_time(random.uniform(LIFE_S[0], LIFE_S[1] + 1.0))
            flow.kill_one(random)
            lab.pass_time(random.uniform(0.0, 0.3))
            flow.kill_all()
        lab.catch_up(flow)
    lab.catch_up(flow)
    lab.judge()

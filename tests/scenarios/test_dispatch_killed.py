"""Dispatch is killed between SENDING and the answer: what was being sent is read back first, and has one effect."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import Any

import pytest

from tests.scenarios.dispatch_lab import DispatchLab, invoice, wait_for

#: how often dispatch is killed, and intents that come before each kill: some are done by then, most are under way
KILLS, BATCH = 5, 12
TRIES = 5


@pytest.mark.parametrize("fault", ["delay", "delay_after_commit"])
def test_killed_before_the_answer(lab: DispatchLab, fault: str) -> None:
    """The request is at the target, before or after its commit, when the process dies.

    A kill that came after the answer, since the test was held up, is none of those: one of a few tries must do.
    """
    tried: list[dict[str, Any]] = []
    while not tried or lab.states(tried[-1])[2] != "UNKNOWN":
        assert len(tried) < TRIES, lab.states(tried[-1])
        wanted = invoice(f"INV-{len(tried) + 1}")
        tried.append(wanted)
        lab.company.erp.fault(fault, count=1, delay_ms=1500)
        lab.publish(wanted)
        wait_for("the correction to be sent", partial(sent, lab, wanted))
        wait_for("the request at the target", partial(has_struck, lab, len(tried)))
        lab.end()
        lab.start()
        lab.wait_state("VERIFIED", wanted)
    assert lab.company.erp.effects() == {one["id"]: 1 for one in tried}


def sent(lab: DispatchLab, one: dict[str, Any]) -> bool:
    """Whether it was said that a correction is sent."""
    return "SENDING" in lab.states(one)


def has_struck(lab: DispatchLab, times: int) -> bool:
    """Whether faults have struck so often."""
    struck: int = sum(fault["strikes"] for fault in lab.company.erp.http.get("/control/faults").json())
    return struck == times


def progressed(lab: DispatchLab, enough: int) -> bool:
    """Whether more writes than that were carried out."""
    return len(lab.company.erp.effects()) > enough


def test_killed_many_times_under_faults(lab: DispatchLab) -> None:
    """Kills at any moment while answers are lost and delayed: every correction arrives, none twice, none is lost."""
    lab.company.erp.fault("drop_after_commit", probability=0.2)
    lab.company.erp.fault("drop_before_commit", probability=0.2)
    lab.company.erp.fault("delay", probability=0.3, delay_ms=300)
    wanted = [invoice(f"INV-{number}") for number in range(KILLS * BATCH)]
    for start in range(0, len(wanted), BATCH):
        enough = len(lab.company.erp.effects()) + 5
        lab.publish(*wanted[start : start + BATCH])
        wait_for("some progress", partial(progressed, lab, enough))
        lab.end()
        lab.start()
    lab.wait_state("VERIFIED", *wanted)
    assert lab.company.erp.effects() == {one["id"]: 1 for one in wanted}


def test_second_start_takes_over(lab: DispatchLab) -> None:
    """Two starts at once: the first is fenced at its next commit (exit code 3), the second does the work."""
    first = lab.process
    assert first is not None
    lab.publish(invoice("INV-0"))
    wait_for("the first one at work", lambda: len(lab.company.erp.effects()) == 1)
    lab.start()
    wanted: list[dict[str, Any]] = []

    def taken_over() -> bool:
        wanted.append(invoice(f"INV-{len(wanted) + 1}"))
        lab.publish(wanted[-1])
        return first.poll() is not None

    wait_for("the end of the first one", taken_over)
    lab.wait_state("VERIFIED", *wanted)
    assert first.returncode == 3
    assert set(lab.company.erp.effects().values()) == {1}


def test_stops_cleanly_within_ten_seconds(lab: DispatchLab) -> None:
    """SIGTERM with a slow request under way: exit code 0 in time, and the next start settles what was left."""
    lab.company.erp.fault("delay_after_commit", count=1, delay_ms=2500)
    wanted = [invoice(f"INV-{number}") for number in range(3)]
    lab.publish(*wanted)
    wait_for("the effect", lambda: len(lab.company.erp.effects()) == 3)
    started = time.monotonic()
    assert lab.end(signal.SIGTERM) == 0
    assert time.monotonic() - started < 10
    lab.start()
    lab.wait_state("VERIFIED", *wanted)
    assert lab.company.erp.effects() == {one["id"]: 1 for one in wanted}

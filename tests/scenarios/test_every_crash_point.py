"""kill -9 at each named point of a correction's way, in a real process: what each tier promises about effects holds.

Planted breaks that were seen to fail here: `restore` that leaves what was SENDING as it was; a tier C that may repeat;
jobs that are submitted before the commit.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo.services.company import Company
from tests.running_stack import RunningStack
from tests.scenarios.dispatch_lab import DispatchLab, invoice, wait_for
from tests.scenarios.dying_dispatch import AFTER_PLAN, AFTER_SEND, BEFORE_RECORD, BEFORE_SEND, POINTS
from tests.scenarios.plain_store import PlainStore


class MortalLab(DispatchLab):
    """A lab whose flow dies at the point that `plan` names."""

    tier = "A"
    url = ""

    def start(self) -> None:
        """Start the flow that can die."""
        command = [sys.executable, "-m", "tests.scenarios.dying_dispatch", str(self.plan), self.tier, self.url]
        self.process = subprocess.Popen(command, env=self.environment, stderr=self._log)

    @property
    def plan(self) -> Path:
        """The file that names the point."""
        return Path(self._log.name).with_suffix(".plan")

    def die_and_return(self, point: str, reference: str) -> dict[str, object]:
        """One correction on whose way the process is killed; a second process brings it to its end: its last record."""
        self.plan.write_text(point)
        wanted = invoice(reference, rule="r")
        self.publish(wanted)
        wait_for(f"death {point}", lambda: self.process is not None and self.process.poll() is not None)
        assert self.process is not None
        assert self.process.returncode == -9
        self.start()
        ends = {"VERIFIED", "REFUSED"}
        wait_for(
            f"the end after {point}", lambda: self.history().get(wanted["id"], [{"state": ""}])[-1]["state"] in ends
        )
        return {**self.history()[wanted["id"]][-1], "states": self.states(wanted)}


@contextmanager
def mortal(stack: RunningStack, company: Company, tmp_path: Path, tier: str, url: str) -> Iterator[MortalLab]:
    """Such a lab, running."""
    company.reset()
    lab = MortalLab(stack, company, tmp_path / "dispatch.log")
    lab.tier, lab.url = tier, url
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def plain() -> Iterator[PlainStore]:
    """A target without keys and versions; its answers to writes are slow, so that a process can die before them."""
    store = PlainStore()
    yield store
    store.close()


def test_tier_a_has_exactly_one_effect(stack: RunningStack, running_company: Company, tmp_path: Path) -> None:
    """At each of the five points: VERIFIED in the end, carried out once."""
    with mortal(stack, running_company, tmp_path, "A", running_company.erp.url) as lab:
        for number, point in enumerate(POINTS):
            if point == AFTER_SEND:
                lab.company.erp.fault("delay_after_commit", count=1, delay_ms=2000)
            record = lab.die_and_return(point, f"INV-{number}")
            assert record["state"] == "VERIFIED", point
            assert lab.company.erp.effects()[str(record["id"])] == 1, point
            assert ("UNKNOWN" in str(record["states"])) == (point != AFTER_PLAN), point


def test_tier_b_has_exactly_one_effect_where_nothing_comes_late(
    stack: RunningStack, running_company: Company, tmp_path: Path, plain: PlainStore
) -> None:
    """Without keys, looking before sending again is enough when the request has arrived or never left.

    The other points differ in nothing from these for a target that is only looked at.
    """
    with mortal(stack, running_company, tmp_path, "B", plain.url) as lab:
        for number, point in enumerate((BEFORE_SEND, AFTER_SEND, BEFORE_RECORD)):
            plain.slow.set() if point == AFTER_SEND else plain.slow.clear()
            record = lab.die_and_return(point, f"INV-{number}")
            assert record["state"] == "VERIFIED", point
            assert plain.effects[f"INV-{number}"] == 1, point


def test_tier_c_has_at_most_one_effect_and_asks_a_person(
    stack: RunningStack, running_company: Company, tmp_path: Path, plain: PlainStore
) -> None:
    """Where the target shows it, it is proven; where it does not, nothing is sent again and a person is asked: DOUBT."""
    with mortal(stack, running_company, tmp_path, "C", plain.url) as lab:
        for number, point in enumerate(POINTS):
            plain.slow.set() if point == AFTER_SEND else plain.slow.clear()
            record = lab.die_and_return(point, f"INV-{number}")
            arrived = point != BEFORE_SEND
            assert plain.effects[f"INV-{number}"] == int(arrived), point
            assert (record["state"], record["code"]) == (("VERIFIED", None) if arrived else ("REFUSED", "DOUBT")), point

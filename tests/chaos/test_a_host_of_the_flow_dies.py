"""One flow on two hosts, each started by a command of its own: when one dies, nothing is lost and nothing is doubled.

The hosts are two loopback addresses. Planted break that was seen to fail here: a meeting that compares nothing, so that the
host with another mapping works along.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from connectors.hosts.together import EXIT_ALONE
from tests.chaos.bank import SOURCE, SOURCES, Traffic
from tests.chaos.flow_process import FlowProcess, wait_until
from tests.chaos.lab import CAUGHT_UP_WITHIN_S, ChaosLab

pytestmark = [pytest.mark.stack, pytest.mark.slow]

CUTS = 10


def at_work(lab: ChaosLab, *hosts: FlowProcess) -> None:
    """Start what does not run, as supervisors do, until the flow publishes with all of them."""
    before = lab.commit

    def publishes() -> bool:
        for host in hosts:
            host.ensure_running()
        lab.look()
        return lab.live and lab.commit >= before + CUTS

    wait_until(publishes, CAUGHT_UP_WITHIN_S, f"{CUTS} cuts of {len(hosts)} hosts", lab.explain)


def has_ended(host: FlowProcess) -> bool:
    """Whether its process is gone."""
    return not host.running


def ended(lab: ChaosLab, host: FlowProcess, gone: int) -> None:
    """The host ends by itself, with an error that names the process that is gone."""
    wait_until(lambda: not host.running, CAUGHT_UP_WITHIN_S, "the other host to end", lab.explain)
    assert host.exit_code == EXIT_ALONE, lab.explain()
    assert f"process {gone} is gone" in host.log.read_text()


def test_the_others_end_and_all_begin_again_together(lab: ChaosLab) -> None:
    """kill -9 of either host under traffic: the other one ends at once, and with both started again all goes on."""
    addresses = lab.addresses("127.0.0.1", "127.0.0.2")
    first, second = lab.host(0, addresses), lab.host(1, addresses)
    with Traffic(lab.bank):
        at_work(lab, first, second)
        second.kill_all()
        ended(lab, first, 1)
        at_work(lab, first, second)
        first.kill_all()
        ended(lab, second, 0)
        at_work(lab, first, second)
        second.stop()
        assert second.exit_code == 0
        wait_until(lambda: not first.running, CAUGHT_UP_WITHIN_S, "the first host to stop, too", lab.explain)
        assert first.exit_code == EXIT_ALONE, lab.explain()
        lab.catch_up(first, second)
    lab.catch_up(first, second)
    lab.judge()


def test_a_host_with_another_mapping_is_refused(lab: ChaosLab, tmp_path: Path) -> None:
    """Exit code 2 and what differs, by name; the flow waits for a host that agrees, and begins with it."""
    others = tmp_path / "sources"
    shutil.copytree(SOURCES, others)
    mapping = others / SOURCE / "mapping.yaml"
    mapping.write_text(mapping.read_text().replace("version: 1", "version: 2"))
    addresses = lab.addresses("127.0.0.1", "127.0.0.2")
    first = lab.host(0, addresses)
    stale = lab.host(1, addresses, CONCORD_SOURCES_DIR=str(others))
    alone = lab.host(1, [*addresses, "127.0.0.3:1024"])
    first.start()
    for wrong, named in ((stale, "disagree about bank/mapping.yaml"), (alone, "disagree about CONCORD_ADDRESSES")):
        wrong.start()
        wait_until(partial(has_ended, wrong), CAUGHT_UP_WITHIN_S, "the refusal", lab.explain)
        assert wrong.exit_code == 2, lab.explain()
        assert named in wrong.log.read_text()
    assert first.running
    second = lab.host(1, addresses)
    second.start()
    lab.catch_up(first, second)
    assert (first.starts, second.starts) == (1, 1), lab.explain()
    lab.judge()

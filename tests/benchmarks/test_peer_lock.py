"""The peers' jars are pinned to the byte, and their rows say what Concord is in terms of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.peers import versions
from benchmarks.peers.build import JOBS, LOCK, SOURCES, WRITER
from benchmarks.peers.compare import CONFIGURATIONS, SYSTEMS, in_turn, middle, with_ratios
from stack.errors import StackError
from stack.lockfile import read_lock


def test_the_lock_holds_the_versions_we_name() -> None:
    """Every wanted coordinate is locked in its group, and no host is named."""
    found = {(jar.group, ":".join((jar.parts[0], jar.parts[1], jar.parts[4]))) for jar in read_lock(LOCK)}
    for group, wanted in versions.GROUPS.items():
        assert {(group, text.rstrip("!")) for text in wanted} <= found
    assert not re.search(r"//|www\.", LOCK.read_text())


def test_a_damaged_lock_names_the_command_that_writes_it(tmp_path: Path) -> None:
    """Not the stack's own: there are two locks."""
    damaged = tmp_path / "java.lock"
    damaged.write_text("flink nonsense\n")
    with pytest.raises(StackError, match=r"java\.lock line 1 is not .*concord bench peers --lock"):
        read_lock(damaged, WRITER)


def test_every_peer_has_its_job_and_its_words() -> None:
    """Jars, sources and a description of the configuration belong to each system that can be asked for."""
    assert set(CONFIGURATIONS) == set(SYSTEMS) == {*JOBS, "concord"}
    assert set(JOBS) == set(versions.GROUPS) - {"compiler"}
    for sources, main in JOBS.values():
        assert main.rsplit(".", 1)[1] in sources
        assert all((SOURCES / "account" / f"{name}.java").exists() for name in sources)


def test_ratios_are_concords() -> None:
    """Twice as fast at half the CPU; without Concord in the run there is no ratio."""
    peer = {"system": "flink", "changes_per_s": 100, "cpu_s_per_million": 40.0, "rss_mb_peak": 0}
    own = {"system": "concord", "changes_per_s": 200, "cpu_s_per_million": 20.0, "rss_mb_peak": 50}
    rated = with_ratios([dict(peer), dict(own)])
    assert rated[0]["concord_is"] == {"times_as_fast": 2.0, "share_of_cpu": 0.5, "share_of_memory": None}
    assert "concord_is" not in rated[1]
    assert "concord_is" not in with_ratios([dict(peer)])[0]


def test_rounds_go_to_and_fro_and_the_middle_run_counts() -> None:
    """No system is always measured on the machine that another one left; one lucky or unlucky run decides nothing.

    Planted: the same order in each round; the fastest run.
    """
    assert list(in_turn(["flink", "concord"], 3)) == ["flink", "concord", "concord", "flink", "flink", "concord"]
    runs = [{"changes_per_s": rate, "cpu_s_per_million": rate / 10} for rate in (300, 100, 200)]
    expected = {"changes_per_s": 200, "cpu_s_per_million": 20.0, "changes_per_s_of_rounds": [300, 100, 200]}
    assert middle(runs) == expected
    assert middle(runs[:2])["changes_per_s"] == 100

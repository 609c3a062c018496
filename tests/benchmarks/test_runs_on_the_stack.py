"""Each benchmark of the real flow gives a result, and its own verdict is that every published record was right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks.freshness import at_rate
from benchmarks.idle import IDLE_PREFIX, idle_tables
from benchmarks.live import live_freshness
from benchmarks.live_sources import LIVE_NAMES
from benchmarks.outcome import Silent
from benchmarks.restart import restart
from benchmarks.transaction import transaction
from connectors.kafka.topics import admin
from dataflows.settings import Settings, load_settings
from tests.chaos.flow_process import wait_until
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack


@pytest.fixture
def settings(stack: RunningStack) -> Settings:
    """Those of the running stack."""
    return load_settings(cluster_port=stack.addresses.cluster_port)


def topics_of_runs(settings: Settings) -> set[str]:
    """Topics that a run makes for itself and has to remove."""
    names = admin(settings.kafka).list_topics(timeout=30).topics
    own = (IDLE_PREFIX, *LIVE_NAMES)
    return {name for name in names if name.startswith(own) or (".canonical." in name and name.startswith("bench-"))}


@contextmanager
def leaving_nothing(settings: Settings) -> Iterator[None]:
    """What the run makes in here is gone soon after; the broker's own view lags a little behind its controller."""
    before = topics_of_runs(settings)
    yield
    wait_until(lambda: topics_of_runs(settings) <= before, 30, "the run's topics are still there")


RUNS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    # for ten seconds: it must outlast whatever holds the flow up until it is killed
    "restart": lambda settings: restart(settings, [50], 1, Silent(), traffic=2000, per_s=200),
    "transaction": lambda settings: transaction(settings, 300, 20, 1, Silent()),
    "live": lambda settings: live_freshness(settings, [50], 1.0, 10, 1, Silent()),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_small_run_is_right_and_leaves_nothing(settings: Settings, name: str) -> None:
    """A few accounts: the verifier agrees with every commit, and the run's topics are gone."""
    with leaving_nothing(settings):
        result = RUNS[name](settings)
    assert result["right"], result


def test_idle_tables_are_read_beside_the_busy_ones(settings: Settings) -> None:
    """A source with three tables more, all empty: the flow goes on as without them."""
    with leaving_nothing(settings), idle_tables(settings, 3) as sources_dir:
        known = admin(settings.kafka).list_topics(timeout=30).topics
        assert sum(name.startswith(IDLE_PREFIX) for name in known) == 3
        result = at_rate(settings, 100, 0.5, 10, 1, Silent(), sources_dir)
    assert result["right"], result
    assert result["delay_ms"]["n"] > 0

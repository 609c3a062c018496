"""kill -9 of a component under traffic, and its restart: nothing is lost, repeated or half visible, the end equals SQL."""

from __future__ import annotations

import pytest

from connectors.lookup_store.reader import Lookup
from connectors.unreachable import Unreachable
from tests.chaos.bank import SOURCE, Traffic
from tests.chaos.flow_process import wait_until
from tests.chaos.lab import ChaosLab

pytestmark = pytest.mark.stack

#: commits that must still come while a component is down that the flow does not need
COMMITS_WITHOUT = 5


@pytest.fixture(autouse=True)
def _own_stack(lab: ChaosLab) -> None:
    """Nobody kills the components of a stack that others use."""
    if not lab.stack.own:
        pytest.skip("this stack is shared: its components are not killed")


def test_connect_is_killed(lab: ChaosLab) -> None:
    """Capture dies in the middle of transactions; after its restart it repeats rows, which change nothing."""
    flow = lab.flow()
    flow.start()
    with Traffic(lab.bank):
        lab.until(lambda: lab.live, "the first snapshot to be published")
        lab.stack.kill("connect")
        lab.bank.transfer(200)
        lab.stack.start("connect")
        lab.catch_up(flow)
    lab.catch_up(flow)
    lab.judge()


def test_broker_is_killed(lab: ChaosLab) -> None:
    """The broker dies in the middle of cuts and comes back; a flow that ended is started again, as any supervisor would."""
    flow = lab.flow()
    flow.start()
    with Traffic(lab.bank):
        lab.until(lambda: lab.live, "the first snapshot to be published")
        lab.stack.kill("kafka")
        lab.bank.transfer(200)
        lab.stack.start("kafka")
        lab.catch_up(flow)
    lab.catch_up(flow)
    lab.judge()


def test_registry_is_killed(lab: ChaosLab) -> None:
    """Schemas that were seen are remembered: capture and flow go on without the registry."""
    flow = lab.flow()
    flow.start()
    with Traffic(lab.bank):
        # the schemas of its topic are seen with the first transaction, which is behind the snapshot
        lab.until(lambda: lab.live and lab.frontier > 0, "the first transaction to be published")
        lab.stack.kill("registry")
        try:
            before = lab.commit
            lab.until(lambda: lab.commit >= before + COMMITS_WITHOUT, "commits without the registry")
        finally:
            lab.stack.start("registry")
    lab.catch_up(flow)
    assert flow.starts == 1, lab.explain()
    lab.judge()


def test_redis_is_killed(lab: ChaosLab) -> None:
    """The view does not need the look-up store; the store catches up by itself once it is back."""
    flow, lookup = lab.flow(), lab.lookup()
    store = Lookup(lab.settings.redis, lab.prefix)
    with Traffic(lab.bank):
        flow.start()
        lab.until(lambda: lab.live, "the first snapshot to be published")
        lookup.start()
        wait_until(lambda: _position(store) > 0, 60, "the look-up store to answer", lab.explain)
        lab.stack.kill("redis")
        try:
            before = lab.commit
            lab.until(lambda: lab.commit >= before + COMMITS_WITHOUT, "commits without the look-up store")
        finally:
            lab.stack.start("redis")
    lab.catch_up(flow)

    def caught_up() -> bool:
        lookup.ensure_running()
        return _position(store) >= lab.frontier

    wait_until(caught_up, 60, "the look-up store to catch up", lab.explain)
    debits, _ = lab.bank.amounts()
    shown = {holder: store.account(holder).objects["account"][holder]["reported_balance_minor"] for holder in debits}
    assert shown == debits
    store.close()
    lab.judge()


def _position(store: Lookup) -> int:
    """How far the store is, 0 while it cannot say."""
    try:
        progress = store.state().progress
    except Unreachable:
        return 0
    return progress.frontier.get(SOURCE, 0) if progress else 0

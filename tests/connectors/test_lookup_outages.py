"""The look-up store follows through outages of the broker: same generation, no hole, no rebuild (real Kafka, Valkey)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.canonical_writer import CanonicalWriter, Follower
from tests.connectors.valkey import PrivateValkey
from tests.running_stack import RunningStack

ACCOUNTS = [f"A-{number}" for number in range(8)]
pytestmark = pytest.mark.stack


@pytest.fixture
def follower(stack: RunningStack, tmp_path: Path) -> Iterator[tuple[CanonicalWriter, Follower]]:
    """A writer of canonical topics and a lookup writer that follows them."""
    source = CanonicalWriter(stack.addresses.kafka)
    with PrivateValkey(tmp_path) as valkey:
        one = Follower(source, valkey.url)
        yield source, one
        one.close()


def test_killed_broker_is_followed_on(stack: RunningStack, follower: tuple[CanonicalWriter, Follower]) -> None:
    """kill -9 of the broker: readers keep their answers, and after its restart the next commits appear."""
    source, lookup = follower
    lookup.follow(source.write(ACCOUNTS))
    generation = lookup.store.state().generation
    stack.kill("kafka")
    try:
        for _ in range(20):
            lookup.step()
        assert lookup.store.account("A-7").commit == 1
    finally:
        stack.start("kafka")
    lookup.follow(source.write(ACCOUNTS))
    assert lookup.store.account("A-7").objects["account"]["A-7"]["version"] == 2
    assert lookup.store.state().generation == generation

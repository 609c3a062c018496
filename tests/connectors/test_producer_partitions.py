"""Our producer places keyed records where the Java client does (real Kafka): what joins with Java services needs no setting."""

from __future__ import annotations

import uuid

import pytest

from connectors.kafka.restore import read_all
from connectors.kafka.topics import RETAIN, TopicSpec, admin, ensure
from connectors.kafka.transactor import Transactor, TransactorConfig
from tests.connectors.canonical_writer import until
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack
#: as the Java client places these keys on twelve partitions
EXPECTED = {"acct-1042": 9, "acct-7": 4, "ACME-GMBH": 3, "A-000001": 4, "kunde-ä": 7}


def test_twelve_partitions(stack: RunningStack) -> None:
    """Records without a partition of ours, through the transactional producer of every flow."""
    kafka, name = stack.addresses.kafka, f"test-partitions-{uuid.uuid4().hex[:8]}"
    ensure(admin(kafka), [TopicSpec(name, 12, RETAIN)])
    transactor = Transactor(TransactorConfig(kafka, name, name, 60_000, 1_000), {}, {})
    try:
        transactor.produce([(name, -1, key.encode(), b"value") for key in EXPECTED])
        transactor.commit({})
    finally:
        transactor.close()
    until(lambda: len(placed(kafka, name)) == len(EXPECTED))  # the markers come after the answer
    assert placed(kafka, name) == EXPECTED


def placed(kafka: str, name: str) -> dict[str, int | None]:
    """In which partition each committed record lies, by key."""
    batches = read_all(kafka, [(name, number) for number in range(12)])
    return {(one.key() or b"").decode(): one.partition() for batch in batches for one in batch}

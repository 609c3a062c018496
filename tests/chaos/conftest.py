"""The bank under capture, once for all crash tests, and a lab for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.bank import Bank
from tests.chaos.lab import ChaosLab
from tests.running_stack import RunningStack

#: transfers that lie in Kafka before the first crash test: each of them starts with a backlog
BACKLOG = 4000


@pytest.fixture(scope="session")
def bank(stack: RunningStack) -> Iterator[Bank]:
    """A captured bank with a backlog; its connector is removed at the end."""
    addresses = stack.addresses
    made = Bank(addresses.kafka, addresses.postgres, addresses.connect, addresses.registry)
    made.create()
    made.transfer(BACKLOG)
    yield made
    made.remove()


@pytest.fixture
def lab(stack: RunningStack, bank: Bank, tmp_path: Path) -> Iterator[ChaosLab]:
    """Output topics of this test alone."""
    found = ChaosLab(stack, bank, tmp_path)
    yield found
    found.close()

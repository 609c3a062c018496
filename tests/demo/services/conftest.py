"""The company that the tests of this folder share; each test starts from a new state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.services.company import Company, founded
from tests.running_stack import RunningStack


@pytest.fixture(scope="module")
def running_company(stack: RunningStack) -> Iterator[Company]:
    """Services over the stack's PostgreSQL."""
    with founded(stack.addresses.postgres) as company:
        yield company


@pytest.fixture
def company(running_company: Company) -> Company:
    """The same services with fresh rows and no faults."""
    running_company.reset()
    return running_company

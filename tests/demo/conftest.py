"""A demo company of its own for each test module, on the stack's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.company import SYSTEMS, Company, remove, reset
from tests.running_stack import RunningStack


@pytest.fixture
def company(stack: RunningStack, request: pytest.FixtureRequest) -> Iterator[Company]:
    """Three empty databases, named after the test's module so that they never meet another's."""
    module = request.module.__name__.rpartition(".")[2]
    company = Company(stack.addresses.postgres, {system: f"{system}_{module}"[:60] for system in SYSTEMS})
    reset(company)
    yield company
    remove(company)

"""What scenarios of corrections share: the demo company and a dispatch flow of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.services.company import Company, founded
from tests.running_stack import RunningStack
from tests.scenarios.dispatch_lab import DispatchLab, dispatching


@pytest.fixture(scope="module")
def running_company(stack: RunningStack) -> Iterator[Company]:
    """Demo services over the stack's PostgreSQL."""
    with founded(stack.addresses.postgres) as company:
        yield company


@pytest.fixture
def lab(stack: RunningStack, running_company: Company, tmp_path: Path) -> Iterator[DispatchLab]:
    """A running dispatch flow on the real broker, against services without faults."""
    running_company.reset()
    with dispatching(stack, running_company, tmp_path / "dispatch.log") as lab:
        yield lab

"""Adapters against the demo services over real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.targets.description import Timeouts, load
from connectors.targets.rest import RestTarget
from tests.demo.services.company import Company, founded
from tests.running_stack import RunningStack


@pytest.fixture(scope="module")
def running_company(stack: RunningStack) -> Iterator[Company]:
    """Demo services over the stack's PostgreSQL."""
    with founded(stack.addresses.postgres) as company:
        yield company


@pytest.fixture
def company(running_company: Company) -> Company:
    """The same services with fresh rows and no faults."""
    running_company.reset()
    return running_company


def patient(name: str, url: str) -> RestTarget:
    """The adapter of a demo service; on a busy machine an answer may take its time."""
    return RestTarget(load(name).model_copy(update={"timeouts": Timeouts(connect_ms=10_000, answer_ms=60_000)}), url)


@pytest.fixture
def erp(company: Company) -> Iterator[RestTarget]:
    """The adapter of the demo ERP."""
    target = patient("erp", company.erp.url)
    yield target
    target.close()


@pytest.fixture
def support(company: Company) -> Iterator[RestTarget]:
    """The adapter of the demo support desk."""
    target = patient("support", company.support.url)
    yield target
    target.close()

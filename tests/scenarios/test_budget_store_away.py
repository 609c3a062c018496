"""Redis, where budgets are counted, is away: corrections wait and say so, nothing is lost, they go on by themselves.

Planted break that was seen to fail here: a dispatch flow that sends without asking for its budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.valkey import PrivateValkey
from tests.demo.services.company import Company
from tests.running_stack import RunningStack
from tests.scenarios.dispatch_lab import DispatchLab, invoice, wait_for


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[PrivateValkey]:
    """A server of the test's own, running."""
    with PrivateValkey(tmp_path) as server:
        yield server


@pytest.fixture
def frugal(
    stack: RunningStack, running_company: Company, valkey: PrivateValkey, tmp_path: Path
) -> Iterator[DispatchLab]:
    """A dispatch flow whose budgets are in that server."""
    running_company.reset()
    lab = DispatchLab(stack, running_company, tmp_path / "dispatch.log")
    lab.environment["CONCORD_REDIS"] = valkey.url
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


def test_corrections_wait_for_the_budget_store(frugal: DispatchLab, valkey: PrivateValkey) -> None:
    """Killed between two corrections: the second waits as BUDGET_AWAY, not sent; the server comes back, it arrives once."""
    first, second = invoice("INV-1"), invoice("INV-2")
    frugal.publish(first)
    frugal.wait_state("VERIFIED", first)
    valkey.kill()
    frugal.publish(second)
    wait_for("the code", lambda: any(one["code"] == "BUDGET_AWAY" for one in frugal.history().get(second["id"], [])))
    assert frugal.company.erp.effects() == {first["id"]: 1}
    valkey.start()
    frugal.wait_state("VERIFIED", second)
    assert frugal.company.erp.effects() == {first["id"]: 1, second["id"]: 1}

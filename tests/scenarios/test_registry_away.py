"""kill -9 of the registry: what is known goes on, what is not waits, and nothing is lost or parked for an outage."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from console.exits import Exit
from dataflows.settings import ROOT
from tests.chaos.flow_process import CONCORD
from tests.running_stack import RunningStack
from tests.scenarios.hand_made import account, customer, invoice
from tests.scenarios.input_lab import InputLab, input_lab

pytestmark = pytest.mark.stack
#: a stop must be through by then
STOP_S = 10.0


@pytest.fixture
def lab(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InputLab]:
    """A lab of the test's own; the registry runs again at the end."""
    if not stack.own:
        pytest.skip("others use this registry")
    with input_lab(stack, tmp_path_factory.mktemp("registry")) as found:
        yield found


def begin(lab: InputLab, processes: int = 1) -> None:
    """The flow runs and knows the schemas of accounts, invoices and customers, and so does this test."""
    lab.configure(processes)
    lab.flow.start()
    lab.billing.commit(*(account(n) for n in range(1, 9)), *(invoice(n, n) for n in range(1, 9)))
    lab.erp.commit(customer(1))
    lab.beat(10)
    lab.caught_up()
    assert len(lab.newest("account")) == len(lab.newest("invoice")) == 8


def awaited(lab: InputLab, processes: int) -> float:
    """concord_registry_awaited over all processes of the flow."""
    return sum(lab.metric("concord_registry_awaited", number) for number in range(processes))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_new_schema_waits_and_goes_on_by_itself(stack: RunningStack, lab: InputLab, processes: int) -> None:
    """Cached ids go on; a row with an id that was never seen waits with a metric and a log line until the registry is back."""
    begin(lab, processes)
    lab.billing.evolve("invoices", "note")
    stack.kill("registry")
    try:
        lab.erp.commit(customer(2))
        lab.billing.commit(account(20))
        lab.beat(10)
        lab.caught_up()
        assert "A-20" in lab.newest("account")
        lab.billing.commit(*(invoice(n, n) for n in range(101, 109)), *(account(n) for n in range(101, 109)))
        lab.until(lambda: awaited(lab, processes) >= 1, "the metric to show the wait")
        assert "INV-101" not in lab.newest("invoice")
    finally:
        stack.start("registry")
    lab.beat(10)
    lab.caught_up()
    assert {f"INV-{n}" for n in range(101, 109)} <= set(lab.newest("invoice"))
    assert lab.parked() == []
    assert awaited(lab, processes) == 0
    assert lab.flow.starts == 1
    said = lab.flow.log.read_text()
    assert "waiting for the schema registry" in said
    assert "schema registry answers again" in said
    status = lab.status()
    assert status["balance"]["balanced"]
    assert status["balance"]["waiting"] == 0


def test_a_stop_is_heard_and_stored_rows_need_no_registry(stack: RunningStack, lab: InputLab) -> None:
    """An account that a new process first touches in an outage is decoded: it learned the schemas of what was stored.

    A row with a new schema waits; SIGTERM ends the flow with 0 within 10 s, and the next start reads that row. Meanwhile
    `concord status --json` says what is away, and prints one JSON object.
    """
    begin(lab)
    lab.restart()
    lab.billing.commit(account(9))
    lab.beat(10)
    lab.caught_up()
    lab.billing.evolve("invoices", "note")
    stack.kill("registry")
    try:
        lab.billing.commit(account(5, name="renamed")._replace(op="u"))
        lab.beat(10)
        lab.caught_up()
        record = lab.newest("account")["A-5"]
        assert (record["name"], record["invoices"]) == ("renamed", 1)
        lab.billing.commit(invoice(30, 1))
        lab.until(lambda: awaited(lab, 1) == 1, "the metric to show the wait")
        asked = time.monotonic()
        assert lab.flow.stop() == 0
        assert time.monotonic() - asked < STOP_S
        command = [str(CONCORD), "status", "--json"]
        environment = {**os.environ, **lab.environment()}
        status = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert status.returncode == Exit.UNREACHABLE
        assert any("registry" in line for line in json.loads(status.stdout)["unreachable"])
    finally:
        stack.start("registry")
    lab.flow.start()
    lab.beat(10)
    lab.caught_up()
    assert "INV-30" in lab.newest("invoice")
    assert lab.parked() == []

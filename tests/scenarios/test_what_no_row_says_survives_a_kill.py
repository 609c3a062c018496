"""Through the real Kafka and kill -9: states of the past, an illegal step and a milestone are known after it, and told once.

Planted break, seen to fail: not giving a restored shard its notes and open exceptions (dataflows/stages.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contracts import TOPICS
from connectors.kafka.restore import read_to_end
from tests.running_stack import RunningStack
from tests.scenarios.hand_made import account, customer, invoice, subscription
from tests.scenarios.input_lab import InputLab, input_lab

pytestmark = pytest.mark.stack
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def lab(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InputLab]:
    """A running flow with account A-1: an invoice that is void, one that is open, and a paid period that ends in 20 minutes."""
    with input_lab(stack, tmp_path_factory.mktemp("notes")) as found:
        found.flow.start()
        end = datetime.fromtimestamp(found.billing.clock_ms / 1000 + 1200, UTC).isoformat(timespec="seconds")
        found.erp.commit(customer(1))
        found.billing.commit(account(1), subscription(1, 1, paid_until=end.replace("+00:00", "Z")))
        found.billing.commit(invoice(1, 1, status="void"), invoice(2, 1))
        settle(found)
        yield found


def settle(lab: InputLab, milliseconds: int = 10) -> None:
    """Time passes, and everything is published."""
    lab.beat(milliseconds)
    lab.caught_up()


def written(lab: InputLab, contract: str) -> list[tuple[str, Any]]:
    """Every record of an output topic, tombstones as None."""
    partitions = list(range(lab.settings.partitions))
    batches = read_to_end(lab.settings.kafka, lab.prefix + TOPICS[contract][0], partitions)
    found = [(m.key() or b"", m.value()) for batch in batches for m in batch]
    return [(key.decode(), None if value is None else lab.decoder.decode(value)) for key, value in found]


def test_states_of_the_past_are_restored(lab: InputLab) -> None:
    """Open, paid, a kill, open again: the record has all three, in their order."""
    lab.billing.commit(invoice(2, 1, status="paid"))
    settle(lab)
    lab.restart()
    lab.billing.commit(invoice(2, 1, status="open"))
    settle(lab)
    assert [step["state"] for step in lab.newest("invoice")["INV-2"]["states"]] == ["open", "paid", "open"]


def test_an_illegal_step_is_told_once_and_closed_after_a_kill(lab: InputLab) -> None:
    """Void, then paid: one record with both facts; none more after the kill; the tombstone when it is void again."""
    lab.billing.commit(invoice(1, 1, status="paid"))
    settle(lab)
    lab.restart()
    lab.billing.commit(account(1, name="Other"))
    settle(lab)
    told = [body for key, body in written(lab, "exception") if key.startswith("ILLEGAL_TRANSITION")]
    assert [[one["state"] for one in body["facts"]] for body in told] == [["void", "paid"]]
    lab.billing.commit(invoice(1, 1, status="void"))
    settle(lab)
    told = [body for key, body in written(lab, "exception") if key.startswith("ILLEGAL_TRANSITION")]
    assert len(told) == 2 and told[1] is None


def test_a_milestone_that_was_due_while_down_is_told_once(lab: InputLab) -> None:
    """The paid period ends while nothing runs: told with the first cut after it, and by no later start again."""
    lab.flow.kill_all()
    lab.beat(30 * MINUTE_MS)  # the broker takes no records that lie an hour ahead
    lab.flow.start()
    settle(lab)
    lab.restart()
    settle(lab, 10 * MINUTE_MS)
    events = [body["milestone"] for _, body in written(lab, "change") if body["cause"] == "milestone"]
    assert [(one["name"], one["id"]) for one in events] == [("paid_until", "SUB-1")]

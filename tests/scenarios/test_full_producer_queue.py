"""G22: a local producer queue of 100 messages and one cut of 10,000 records: all delivered, in order, in flat memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from connectors.kafka.restore import read_to_end
from tests.running_stack import RunningStack
from tests.scenarios.hand_made import account
from tests.scenarios.input_lab import InputLab, input_lab

pytestmark = pytest.mark.stack
QUEUE = 100
ACCOUNTS, CHANGES = 100, 100
#: that are tried: on a busy machine a cut may come before it is looked
ROUNDS = 5
#: records held back for a whole epoch are bytes; a second copy of them in the producer would show
GROWTH_MB_MAX = 60.0


@pytest.fixture
def lab(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InputLab]:
    """A flow with the smallest queue and the longest epoch, and a backlog of 100 changes of each of 100 accounts."""
    with input_lab(stack, tmp_path_factory.mktemp("queue")) as found:
        found.configure(CONCORD_PRODUCER_QUEUE_MESSAGES=str(QUEUE), CONCORD_EPOCH_MS="10000", CONCORD_BATCH_ROWS="500")
        found.beat(10)
        found.flow.start()
        found.caught_up()
        yield found


def changes(lab: InputLab) -> tuple[dict[str, list[int]], Counter[str]]:
    """Positions of the change records of each account in the order of their partition, and records per commit."""
    positions: dict[str, list[int]] = defaultdict(list)
    commits: Counter[str] = Counter()
    topic = f"{lab.prefix}canonical.change"
    for batch in read_to_end(lab.settings.kafka, topic, list(range(lab.settings.partitions))):
        for message in batch:
            positions[(message.key() or b"").decode()].append(lab.decoder.decode(message.value() or b"")["position"])
            commits[str(dict(message.headers() or [])["concord.commit"])] += 1
    return positions, commits


def megabytes(lab: InputLab) -> float:
    """Resident memory of the flow."""
    return sum(process.memory_info().rss for process in lab.flow.processes()) / 1e6


def write(lab: InputLab) -> None:
    """A round of changes of all accounts."""
    lab.billing.waits = False
    for version in range(CHANGES):
        lab.billing.commit(*(account(n, balance_minor=version)._replace(op="u") for n in range(1, ACCOUNTS + 1)))
    lab.billing.flush()
    lab.billing.waits = True


def behind(lab: InputLab) -> int:
    """Records that the flow has not committed."""
    found: int = next(s for s in lab.status()["sources"] if s["name"] == lab.billing.name)["lag_records"]
    return found


def test_ten_thousand_records_pass_a_queue_of_a_hundred(lab: InputLab) -> None:
    """10,000 of 10,000 arrive in the order of each key in one cut; the wait shows as lag, not as memory; a stop loses nothing."""
    before, highest, queued = megabytes(lab), 0.0, 0.0
    rounds = 0
    while not rounds or behind(lab) < ACCOUNTS * CHANGES:  # everything is read, nothing is committed yet: that is lag
        assert rounds < ROUNDS, "there is no lag although a whole round is not committed"
        write(lab)
        rounds += 1

    def arrived() -> bool:
        nonlocal highest, queued
        highest, queued = max(highest, megabytes(lab)), max(queued, lab.metric("concord_producer_queue_messages"))
        return lab.has_caught_up()

    lab.until(arrived, "the cut")
    positions, commits = changes(lab)
    assert {len(found) for found in positions.values()} == {CHANGES * rounds}
    assert len(positions) == ACCOUNTS
    assert all(found == sorted(found) for found in positions.values())
    assert max(commits.values()) >= ACCOUNTS * CHANGES // 2, "the records of an epoch are one cut"
    assert queued <= 1.1 * QUEUE, "delivery reports that are not yet asked for count too"
    assert highest - before < GROWTH_MB_MAX, f"{before:.0f} MB before, {highest:.0f} MB at most"
    assert lab.flow.stop() == 0
    lab.flow.start()
    lab.beat(10)
    lab.caught_up()
    assert changes(lab)[0] == positions

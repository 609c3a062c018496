"""Another number of partitions: the topics anew by one command, which may be killed; nothing is lost, no key is twice.

Planted break that was seen to fail here: records that are placed by their old partition instead of by their account.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from uuid import uuid4

import pytest
from confluent_kafka.admin import NewPartitions

from connectors.contracts import OTHER_TOPICS, TOPICS
from connectors.kafka.restore import read_to_end
from connectors.kafka.topics import COMPACT, admin, partition_counts
from tests.chaos.bank import Traffic, delete_topics
from tests.chaos.flow_process import CONCORD, ROOT
from tests.chaos.lab import CAUGHT_UP_WITHIN_S, ChaosLab

pytestmark = [pytest.mark.stack, pytest.mark.slow]

TRIES = 5
COMPACTED = [topic for topic, policy in [*TOPICS.values(), *OTHER_TOPICS.items()] if policy is COMPACT]


def command(prefix: str, partitions: int) -> list[str]:
    """The command that writes the topics anew."""
    return [str(CONCORD), "topics", "repartition", "--to-prefix", prefix, "--partitions", str(partitions), "--json"]


def environment(lab: ChaosLab) -> dict[str, str]:
    """As the flow under the lab's prefix has it."""
    return os.environ | lab.stack.environment() | lab.environment()


def live_keys(lab: ChaosLab, topic: str) -> Counter[bytes]:
    """How often each key of a compacted topic comes to a reader who reads it from its beginning."""
    name = f"{lab.prefix}{topic}"
    numbers = list(range(partition_counts(admin(lab.settings.kafka), [name])[name]))
    return Counter(
        message.key() or b"" for batch in read_to_end(lab.settings.kafka, name, numbers) for message in batch
    )


def repartition(lab: ChaosLab, partitions: int) -> str:
    """Run it to its end; the new prefix."""
    prefix = f"chaos-{uuid4().hex[:6]}."
    words = command(prefix, partitions)
    done = subprocess.run(words, env=environment(lab), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return prefix


def killed_in_the_middle(lab: ChaosLab, partitions: int) -> str:
    """Kill the command when its topics are there and it has not ended; the new prefix. A held up test comes too late: again."""
    for _ in range(TRIES):
        prefix = f"chaos-{uuid4().hex[:6]}."
        attempt = subprocess.Popen(command(prefix, partitions), env=environment(lab), cwd=ROOT)
        while f"{prefix}facts" not in admin(lab.settings.kafka).list_topics(timeout=10).topics:
            assert attempt.poll() is None, "the command ended before it made its topics"
            time.sleep(0.01)
        attempt.kill()
        if attempt.wait() == -signal.SIGKILL:
            return prefix
        delete_topics(lab.settings.kafka, prefix)
    pytest.fail(f"the command ended {TRIES} times before it was killed")


def test_state_moves_to_more_partitions_and_back(lab: ChaosLab) -> None:
    """4 -> 8 -> 3 partitions between traffic: the first attempt is killed with -9, the second one is as if it were the first."""
    flow = lab.flow()
    flow.start()
    with Traffic(lab.bank):
        lab.catch_up(flow)
    lab.catch_up(flow)
    assert flow.stop() == 0
    debits, _ = lab.bank.amounts()
    for partitions in (8, 3):
        prefix = killed_in_the_middle(lab, partitions)
        done = subprocess.run(
            command(prefix, partitions), env=environment(lab), cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["records"]["canonical.account"] == len(debits)
        lab.publish_under(prefix, partitions)
        for topic in COMPACTED:
            assert set(live_keys(lab, topic).values()) <= {1}, topic
        assert live_keys(lab, "canonical.account").keys() == {holder.encode() for holder in debits}
        flow = lab.flow(processes=2)
        flow.start()
        with Traffic(lab.bank):
            lab.catch_up(flow)
        lab.catch_up(flow)
        assert flow.starts == 1, lab.explain()
        lab.judge()


def test_partitions_that_somebody_else_changed_are_refused(lab: ChaosLab) -> None:
    """Exit code 2 and PARTITIONS_CHANGED with the topic's name, whichever keyed topic it is; so is a wrong setting."""
    flow = lab.flow()
    flow.start()
    lab.until(lambda: lab.commit > 0, "a first cut")
    assert flow.stop() == 0
    client = admin(lab.settings.kafka)
    lab.settings = lab.settings.model_copy(update={"partitions": 5})
    assert "set CONCORD_PARTITIONS=4" in refusal(lab)
    lab.settings = lab.settings.model_copy(update={"partitions": 4})
    name = f"{lab.prefix}canonical.credit"
    client.create_partitions([NewPartitions(name, 6)])[name].result(30)
    assert f"PARTITIONS_CHANGED: topic {name} has 6 partitions and must have 4" in refusal(lab)


def refusal(lab: ChaosLab) -> str:
    """What a start says that is refused."""
    flow = lab.flow()
    flow.start()
    assert flow.wait(CAUGHT_UP_WITHIN_S) == 2, flow.tail()
    return flow.log.read_text()

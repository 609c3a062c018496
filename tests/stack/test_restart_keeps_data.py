"""A restart of the whole stack, and the death of any one component, lose nothing that was committed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis
from confluent_kafka import Producer

from stack import supervisor
from stack.layout import EXTERNAL, layout_from
from stack.roster import COMPONENTS
from tests.running_stack import Processes, RunningStack
from tests.stack.probe import Capture, eventually, schema_id


@pytest.fixture(scope="module")
def capture(stack: RunningStack) -> Iterator[Capture]:
    """A captured table; the registry and Kafka hold its schema and its changes."""
    if not stack.own:
        pytest.skip("CONCORD_TEST_STACK=running: a stack that others use is not killed")
    capture = Capture(stack.addresses)
    capture.begin()
    yield capture
    capture.end()


def test_changes_arrive_in_confluent_frames(capture: Capture) -> None:
    """A committed row reaches Kafka as magic byte, schema id and Avro, and the registry knows the id."""
    capture.insert(1, 2)
    identifiers = {schema_id(frame) for frame in capture.frames(at_least(2))}
    assert len(identifiers) == 1
    assert capture.schema(identifiers.pop())["name"] == "Envelope"


def test_a_restart_keeps_data_and_schema_ids(stack: RunningStack, capture: Capture) -> None:
    """After stop and start: same Kafka records, same ids for the same schemas, same rows and keys; capture goes on."""
    client = redis.Redis.from_url(stack.addresses.redis)
    client.set("stack-probe", "kept")
    before = capture.frames(at_least(2))
    schema = capture.schema(schema_id(before[0]))
    stack.restart()
    assert client.get("stack-probe") == b"kept"
    assert capture.schema(schema_id(before[0])) == schema
    eventually(capture.task_runs)
    capture.insert(3)
    after = capture.frames(at_least(3))
    assert after[:2] == before
    assert schema_id(after[2]) == schema_id(before[0])


@pytest.mark.parametrize("name", list(COMPONENTS))
def test_a_killed_component_comes_back(stack: RunningStack, capture: Capture, name: str) -> None:
    """kill -9 and start: what was committed is there and new changes arrive (Debezium may repeat, never lose)."""
    number = 100 + list(COMPONENTS).index(name)
    stack.kill(name, signal.SIGKILL)
    stack.start(name)
    eventually(capture.task_runs)
    capture.insert(number)

    capture.frames(lambda found: any(avro_long(number) in frame for frame in found))


def test_capture_goes_on_without_the_registry(stack: RunningStack, capture: Capture) -> None:
    """While the registry is dead, changes whose schema is known still arrive."""
    stack.kill("registry")
    capture.insert(200)
    capture.frames(lambda found: any(avro_long(200) in frame for frame in found))
    stack.start("registry")


def at_least(count: int) -> Callable[[list[bytes]], bool]:
    """Whether that many values arrived."""
    return lambda found: len(found) >= count


def avro_long(number: int) -> bytes:
    """Avro's zigzag form of a number from 64 to 8191."""
    zigzag = number << 1
    return bytes([zigzag & 0x7F | 0x80, zigzag >> 7])


def test_up_is_idempotent(stack: RunningStack) -> None:
    """A second `up` starts nothing and says the same addresses."""
    if not isinstance(stack, Processes):
        pytest.skip("about plain processes")
    before = supervisor.status(stack.layout)
    assert supervisor.up(stack.layout) == stack.addresses
    assert {name: one.pid for name, one in supervisor.status(stack.layout).items()} == {
        name: one.pid for name, one in before.items()
    }


def test_components_of_others_are_used_not_started(stack: RunningStack, tmp_path: Path) -> None:
    """With every address set, `up` checks that they serve, makes the databases and starts nothing."""
    theirs = {EXTERNAL[name]: str(getattr(stack.addresses, name)) for name in EXTERNAL}
    here = layout_from({"CONCORD_STACK_DIR": str(tmp_path), "CONCORD_PORT_BASE": "26200", **theirs})
    assert supervisor.up(here).kafka == stack.addresses.kafka
    assert {one.state for one in supervisor.status(here).values()} == {"external"}
    assert not list(here.run.iterdir())
    assert supervisor.down(here) == []


def test_components_listen_on_loopback_only(stack: RunningStack) -> None:
    """Kafka, Connect, registry, PostgreSQL and Valkey (with the registry's health endpoint) open nothing else."""
    if not isinstance(stack, Processes):
        pytest.skip("about plain processes; the compose file publishes on 127.0.0.1, which its own test checks")
    for name, one in supervisor.status(stack.layout).items():
        assert one.pid is not None
        listening = [c.laddr for c in psutil.Process(one.pid).net_connections("inet") if c.status == "LISTEN"]
        assert listening, name
        assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}, name
        allowed = {stack.layout.port(port) for port in COMPONENTS[name].ports}
        assert {address.port for address in listening} <= allowed, name


def test_the_broker_makes_no_topic_up(stack: RunningStack) -> None:
    """A misspelt topic name is an error, not a new topic."""
    refused: list[str] = []
    producer = Producer({"bootstrap.servers": stack.addresses.kafka, "message.timeout.ms": 3000, "log_level": 0})
    producer.produce("no-such-topic", b"x", on_delivery=lambda error, _message: refused.append(str(error)))
    producer.flush(10)
    assert len(refused) == 1
    assert refused != ["None"]
    assert "no-such-topic" not in producer.list_topics(timeout=10).topics

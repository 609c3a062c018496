"""`concord run lookup` as a process: real Kafka, registry and store; it waits for what is down and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from connectors.contracts import Contracts, topic_specs
from connectors.kafka.topics import admin, ensure
from connectors.lookup_store.reader import Lookup, LookupRefused
from connectors.registry import Registry
from dataflows.settings import Settings, load_settings
from tests.connectors.valkey import PrivateValkey, free_port
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack
STOP_SECONDS_MAX = 10


@pytest.fixture
def settings(stack: RunningStack, tmp_path: Path) -> Settings:
    """Topics and store of this test alone."""
    return load_settings(
        prefix=f"test-{uuid.uuid4().hex[:8]}.", redis=f"redis://127.0.0.1:{free_port()}/0", partitions=2
    )


class Process:
    """The flow under test."""

    def __init__(self, settings: Settings, log: Path) -> None:
        environment = os.environ | {
            "CONCORD_PREFIX": settings.prefix,
            "CONCORD_REDIS": settings.redis,
            "CONCORD_METRICS_PORT": "0",
        }
        self.log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "console.cli", "run", "lookup"], env=environment, stderr=out
            )

    def wait_for(self, words: str) -> None:
        """Until the words are in the log."""
        end = time.monotonic() + 60
        while words not in self.log.read_text():
            assert self.alive, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> tuple[int, float]:
        """SIGTERM; exit code and the seconds it took."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        return code, time.monotonic() - began

    def kill(self) -> None:
        """End it whatever it does."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def process(settings: Settings, tmp_path: Path) -> Iterator[Process]:
    """Started for one test."""
    one = Process(settings, tmp_path / "log")
    yield one
    one.kill()


def smallest(schema: Any) -> Any:
    """The smallest record of an Avro schema."""
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(schema, list):
        return None if "null" in schema else smallest(schema[0])
    if kind == "record":
        return {field["name"]: smallest(field["type"]) for field in schema["fields"]}
    if isinstance(kind, dict | list):
        return smallest(kind)
    if kind == "enum":
        return schema["symbols"][0]
    return {"array": [], "map": {}, "string": "", "bytes": b"", "boolean": False}.get(kind, 0)


def publish(settings: Settings, number: int, minor: int) -> None:
    """One commit of the canonical flow: account A-1 with one invoice of so many minor units."""
    contracts = Contracts(Registry(settings.registry_api), settings.contracts_dir, settings.prefix)
    ensure(admin(settings.kafka), topic_specs(settings.prefix, settings.partitions))
    producer = Producer({"bootstrap.servers": settings.kafka, "transactional.id": settings.prefix})
    producer.init_transactions(30)
    producer.begin_transaction()
    records: dict[str, dict[str, Any]] = {
        "account": smallest(contracts.schema("account")) | {"id": "A-1", "name": "Ü & Söhne"},
        "invoice": smallest(contracts.schema("invoice"))
        | {"id": "I-1", "account": "A-1", "currency": "EUR", "total_minor": minor},
    }
    for name, record in records.items():
        value = contracts.writer(name)(record)
        producer.produce(
            contracts.topic(name), value, record["id"].encode(), 0, headers=[("concord.commit", str(number).encode())]
        )
    progress = smallest(contracts.schema("progress")) | {"flow": "canonical", "commit": number, "live": True}
    progress |= {"frontier": {"billing": number * 100}, "clock_ms": {"billing": time.time_ns() // 1_000_000}}
    producer.produce(contracts.topic("progress"), contracts.writer("progress")(progress), b"canonical", 0)
    producer.commit_transaction(30)


def test_waits_for_topics_and_store_and_follows_them(settings: Settings, process: Process, tmp_path: Path) -> None:
    """Started first of all: neither topics nor store are there. Both appear, the account is shown, money exact to the unit."""
    process.wait_for("waiting")
    minor = 2**62 + 1
    folder = tmp_path / "valkey"
    folder.mkdir()
    port = int(settings.redis.rsplit(":", 1)[1].split("/")[0])
    with PrivateValkey(folder, port) as valkey:
        publish(settings, 1, minor)
        store = Lookup(valkey.url, settings.prefix)
        end = time.monotonic() + 60
        while True:
            try:
                answer = store.account("A-1")
                break
            except LookupRefused:
                assert process.alive, process.log.read_text()
                assert time.monotonic() < end, process.log.read_text()
                time.sleep(0.05)
        store.close()
        assert answer.objects["invoice"]["I-1"]["total_minor"] == minor
        assert answer.objects["account"]["A-1"]["name"] == "Ü & Söhne"
        assert (answer.commit, answer.frontier) == (1, {"billing": 100})
        code, seconds = process.stop()
        assert code == 0
        assert seconds < STOP_SECONDS_MAX


def test_stops_in_time_while_the_store_is_down(settings: Settings, process: Process) -> None:
    """SIGTERM is obeyed within ten seconds although nothing can be written, with exit code 0: the store knows its place."""
    publish(settings, 1, 5)
    process.wait_for("look-up store (Redis)")
    code, seconds = process.stop()
    assert code == 0, process.log.read_text()
    assert seconds < STOP_SECONDS_MAX

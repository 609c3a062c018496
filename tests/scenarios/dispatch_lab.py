"""A dispatch flow of a test's own: topics under a prefix of their own, intents written by the test, the flow as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Producer

from connectors.contracts import Contracts, topic_specs
from connectors.kafka.restore import latest, read_to_end
from connectors.kafka.topics import admin, ensure
from connectors.registry import Registry
from connectors.targets.description import raw
from dataflows.settings import Settings, load_settings
from state.routing import partition_of
from tests.chaos.bank import delete_topics
from tests.demo.services.company import Company
from tests.running_stack import RunningStack

WAIT_SECONDS = 90
PATIENT_MS = 30_000


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Poll until the condition holds; fails naming what was waited for."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_SECONDS} s for: {what}"
        time.sleep(0.05)


#: the rules of debezium/ownership.yaml by object
RULES = {
    "invoice": "invoice-posted",
    "credit": "credit-posted",
    "entitlement": "entitlement-support",
    "standing": "standing-support",
}


def intent(target: str, object_name: str, desired: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """A wanted intent of account A-000001 with an id of its own; the organization is there, ERP rows are missing."""
    return {
        "id": uuid.uuid4().hex,
        "state": "wanted",
        "rule": RULES[object_name],
        "target": target,
        "object": object_name,
        "object_id": desired.get("reference", "A-000001"),
        "account_id": "A-000001",
        "desired": dict(desired),
        "current": {"entitlement": {"service_level": "none"}, "standing": {"delinquent": "false"}}.get(object_name),
        "target_ref": None,
        "positions": {"billing": 1},
        "since_ms": 0,
        "due_ms": 0,
        "risk_minor": None,
        "risk_currency": None,
        "mode": "auto",
        "team": "finance",
    } | changes


def invoice(reference: str, total: str = "119.00", **changes: Any) -> dict[str, Any]:
    """An intent for one missing ERP invoice."""
    lines = f'[{{"description": "Pro", "amount": "{total}"}}]'
    fields = {"reference": reference, "customer": "A-000001", "currency": "EUR", "state": "posted", "total": total}
    return intent("erp", "invoice", {**fields, "lines": lines}, **changes)


class DispatchLab:
    """Writes intents, starts and kills the flow, reads the corrections."""

    def __init__(self, stack: RunningStack, company: Company, log: Path) -> None:
        self.company = company
        self.environment = (
            os.environ
            | stack.environment()
            | {
                "CONCORD_PREFIX": f"test{uuid.uuid4().hex[:10]}.",
                "CONCORD_ERP_URL": company.erp.url,
                "CONCORD_SUPPORT_URL": company.support.url,
                "CONCORD_METRICS_PORT": "0",
                "CONCORD_TARGETS_DIR": str(_patient(log.parent / "targets")),
            }
        )
        self.settings = self._settings()
        registry = Registry(self.settings.registry_api)
        self.contracts = Contracts(registry, self.settings.contracts_dir, self.settings.prefix)
        ensure(admin(self.settings.kafka), topic_specs(self.settings.prefix, self.settings.partitions))
        self._producer = Producer({"bootstrap.servers": self.settings.kafka})
        self._log = log.open("a")
        self.process: subprocess.Popen[bytes] | None = None

    def _settings(self) -> Settings:
        names = ("kafka", "registry", "postgres", "prefix", "erp_url", "support_url")
        return load_settings(**{name: self.environment[f"CONCORD_{name.upper()}"] for name in names})

    def publish(self, *intents: Mapping[str, Any]) -> None:
        """Write intents, as the canonical flow would."""
        for one in intents:
            value = self.contracts.writer("intent")(dict(one))
            self._produce(one["id"], one["account_id"], value)

    def withdraw(self, one: Mapping[str, Any]) -> None:
        """Remove the intent's record."""
        self._produce(one["id"], one["account_id"], None)

    def _produce(self, key: str, account: str, value: bytes | None) -> None:
        partition = partition_of(account, self.settings.partitions)
        self._producer.produce(self.contracts.topic("intent"), value, key.encode(), partition)
        assert self._producer.flush(10) == 0

    def start(self) -> None:
        """Start the flow."""
        command = [sys.executable, "-m", "dataflows.dispatch"]
        self.process = subprocess.Popen(command, env=self.environment, stderr=self._log)

    def end(self, number: int = signal.SIGKILL) -> int:
        """Signal the flow and wait for its end; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(15)

    def history(self) -> dict[str, list[dict[str, Any]]]:
        """Every committed correction record by id, oldest first."""
        found: dict[str, list[dict[str, Any]]] = {}
        partitions = list(range(self.settings.partitions))
        for batch in read_to_end(self.settings.kafka, self.contracts.topic("correction"), partitions):
            for message in batch:
                value = message.value()
                assert value is not None
                found.setdefault((message.key() or b"").decode(), []).append(self.contracts.read(value))
        return found

    def states(self, one: Mapping[str, Any]) -> list[str]:
        """The states that one correction went through."""
        return [record["state"] for record in self.history().get(one["id"], [])]

    def exceptions(self) -> dict[str, dict[str, Any]]:
        """What people are told to look at now, by correction."""
        partitions = list(range(self.settings.partitions))
        found = latest(self.settings.kafka, self.contracts.topic("attention"), partitions)
        return {key.decode(): self.contracts.read(value) for key, value in found.items()}

    def wait_state(self, state: str, *intents: Mapping[str, Any]) -> None:
        """Wait until the newest record of each correction has the state."""

        def reached() -> bool:
            history = self.history()
            return all(history.get(one["id"], [{"state": ""}])[-1]["state"] == state for one in intents)

        wait_for(f"{state} of {len(intents)} corrections", reached)

    def close(self) -> None:
        """End what still runs, delete the topics."""
        if self.process is not None and self.process.poll() is None:
            self.end()
        self._log.close()
        delete_topics(self.settings.kafka, self.settings.prefix)


def _patient(folder: Path) -> Path:
    """The shipped targets, but on a busy machine an answer may take its time: what is late is in doubt."""
    folder.mkdir()
    for name in ("erp", "support"):
        told = raw(name) | {"timeouts": {"connect_ms": 10_000, "answer_ms": PATIENT_MS}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(told))
    return folder


@contextmanager
def dispatching(stack: RunningStack, company: Company, log: Path) -> Iterator[DispatchLab]:
    """A lab with the flow running."""
    lab = DispatchLab(stack, company, log)
    try:
        lab.start()
        yield lab
    finally:
        lab.close()

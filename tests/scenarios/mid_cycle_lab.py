"""The demo company of a test's own: four databases under capture, the HTTP services of the three targets, both flows."""

from __future__ import annotations

import json
import re
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from connectors.contracts import Contracts, topic_specs
from connectors.kafka.restore import latest
from connectors.kafka.topics import admin, ensure
from connectors.registry import Registry
from connectors.sources.capture import Capture
from dataflows.settings import ROOT, Settings, load_settings
from demo.company import SYSTEMS, Company, remove, reset
from demo.mid_cycle.scenario import Scenario
from demo.mid_cycle.services import DemoSystems
from demo.services.server import running
from tests.chaos.bank import delete_topics
from tests.chaos.flow_process import FlowProcess, wait_until
from tests.running_stack import RunningStack

LIVE_S = 120.0


class MidCycleLab:
    """Copies of the shipped source folders under names of their own, so that nothing is shared with another test."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        self.tag = uuid.uuid4().hex[:6]
        self._stack, self._folder = stack, folder
        self.prefix = f"mid-{self.tag}."
        names = {system: f"{system}_{self.tag}" for system in SYSTEMS}
        self.company = Company(stack.addresses.postgres, names)
        self.sources = list(names.values())
        for system, source in names.items():
            self._copy(system, source)
        self.settings: Settings = load_settings(prefix=self.prefix)
        registry = Registry(self.settings.registry_api)
        self._contracts = Contracts(registry, self.settings.contracts_dir, self.prefix)
        self._capture = Capture(
            folder, stack.addresses.postgres, stack.addresses.connect, stack.addresses.registry,
            "concord_capture", "concord", {source: source for source in self.sources},
        )  # fmt: skip
        ensure(admin(self.settings.kafka), topic_specs(self.prefix, self.settings.partitions))
        self._ending = ExitStack()
        self._urls: dict[str, str] = {}
        self.flows: list[FlowProcess] = []

    def _copy(self, system: str, source: str) -> None:
        """The folder with another name of source, slot and publication."""
        target = self._folder / source
        target.mkdir()
        for path in (ROOT / "debezium" / system).iterdir():
            text = path.read_text()
            if path.name == "mapping.yaml":
                text = text.replace(f"source: {system}\n", f"source: {source}\n")
            else:
                text = text.replace(f"concord_{system}", f"concord_{source}")
                text = re.sub(rf'"{system}(?=["\\.])', f'"{source}', text)
                text = re.sub(rf",{system}(?=[\\.])", f",{source}", text)
            (target / path.name).write_text(text)

    def start(self) -> None:
        """Databases, capture, services and flows; returns when the view is live."""
        reset(self.company)
        for source in self.sources:
            self._capture.prepare(source)
            self._capture.register(source)
        self._urls = {
            name: self._ending.enter_context(running(name, self.company.dsn(name)))
            for name in ("erp", "support", "crm")
        }
        environment = self._stack.environment() | {
            "CONCORD_PREFIX": self.prefix,
            "CONCORD_SOURCES": json.dumps(self.sources),
            "CONCORD_SOURCES_DIR": str(self._folder),
            "CONCORD_METRICS_PORT": "0",
            "CONCORD_CLUSTER_PORT": str(self._stack.layout.port_base + 190),
            **{f"CONCORD_{name.upper()}_URL": url for name, url in self._urls.items()},
        }
        self.flows = [
            FlowProcess(["run", name], environment, self._folder / f"{name}.log") for name in ("canonical", "dispatch")
        ]
        for flow in self.flows:
            flow.start()
        wait_until(self._live, LIVE_S, "the first cut of the whole view", self.tails)

    def _live(self) -> bool:
        """Both flows run, and a cut of the whole view is published."""
        assert all(flow.running for flow in self.flows), self.tails()
        told = latest(self.settings.kafka, self._contracts.topic("progress"), [0]).values()
        return any(self._contracts.read(value)["live"] for value in told)

    def tails(self) -> str:
        """The ends of the flows' logs."""
        return "\n".join(flow.tail() for flow in self.flows)

    def run(self) -> dict[str, Any]:
        """The scenario from its beginning to its end."""
        systems = DemoSystems(self.company, self._urls["erp"])
        scenario = Scenario(self.settings, self._contracts, systems, self.tag)
        scenario.start()
        try:
            scenario.story.run()
            return scenario.story.finish()
        finally:
            scenario.close()

    def close(self) -> None:
        """Flows, services, connectors, databases and topics of this lab go."""
        for flow in self.flows:
            flow.kill_all()
        self._ending.close()
        for source in self.sources:
            self._capture.unregister(source)
            delete_topics(self.settings.kafka, f"{source}.")
        delete_topics(self.settings.kafka, self.prefix)
        remove(self.company)

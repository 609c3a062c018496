"""The whole loop on real target systems: billing, CRM, Tryton and Request Tracker under capture, both flows, nothing simulated."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from connectors.contracts import Contracts, topic_specs
from connectors.kafka.restore import latest
from connectors.kafka.topics import admin, ensure
from connectors.registry import Registry
from connectors.sources.capture import Capture
from connectors.sources.database import drop_slots
from dataflows.settings import ROOT, Settings, load_settings
from demo.company import Company, remove, reset
from demo.mid_cycle.scenario import Scenario
from demo.real.key_accounts import CURRENCIES, PATIENT_S, RealSystems
from demo.real.systems import Systems
from demo.services.server import running
from stack.layout import Layout
from stack.real import request_tracker, tryton
from tests.chaos.bank import delete_topics
from tests.chaos.flow_process import FlowProcess, wait_until
from tests.running_stack import RunningStack

WAIT_S = 180.0
#: source folder below debezium/ -> its database
DATABASES = {"billing": "", "crm": "", "tryton": tryton.DATABASE, "request_tracker": request_tracker.DATABASE}
#: those that are made for this loop, and go with it
OWN = ("billing", "crm")


class RealLoop:
    """Copies of the shipped source folders under names of their own, so that nothing is shared with another test."""

    def __init__(self, stack: RunningStack, here: Layout, folder: Path) -> None:
        self.tag = uuid.uuid4().hex[:6]
        self._stack, self._here, self._folder = stack, here, folder
        self.prefix = f"loop-{self.tag}."
        self._databases = {
            f"{name}_{self.tag}": database or f"{name}_{self.tag}" for name, database in DATABASES.items()
        }
        self._company = Company(stack.addresses.postgres, {name: f"{name}_{self.tag}" for name in OWN})
        for name in DATABASES:
            self._copy(name)
        self.settings: Settings = load_settings(prefix=self.prefix)
        self.contracts = Contracts(Registry(self.settings.registry_api), self.settings.contracts_dir, self.prefix)
        self._capture = Capture(
            folder, stack.addresses.postgres, stack.addresses.connect, stack.addresses.registry,
            "concord_capture", "concord", self._databases,
        )  # fmt: skip
        ensure(admin(self.settings.kafka), topic_specs(self.prefix, self.settings.partitions))
        self._ending = ExitStack()
        self.flows: list[FlowProcess] = []

    def _copy(self, name: str) -> None:
        """The folder with another name of source, slot and publication."""
        target = self._folder / f"{name}_{self.tag}"
        target.mkdir()
        for path in (ROOT / "debezium" / name).iterdir():
            text = path.read_text()
            if path.name == "mapping.yaml":
                text = text.replace(f"source: {name}\n", f"source: {target.name}\n")
            else:
                text = text.replace(f"concord_{name}", f"concord_{target.name}")
                text = re.sub(rf'"{name}(?=["\\.])', f'"{target.name}', text)
                text = re.sub(rf",{name}(?=[\\.])", f",{target.name}", text)
            (target / path.name).write_text(text)

    def _environment(self, crm_url: str) -> dict[str, str]:
        addresses = self._here.addresses()
        return self._stack.environment() | {
            "CONCORD_PREFIX": self.prefix,
            "CONCORD_SOURCES": json.dumps(list(self._databases)),
            "CONCORD_SOURCES_DIR": str(self._folder),
            "CONCORD_METRICS_PORT": "0",
            "CONCORD_CLUSTER_PORT": str(self._stack.layout.port_base + 180),
            "CONCORD_CRM_URL": crm_url,
            "CONCORD_ERP_TARGET": "tryton",
            "CONCORD_ERP_URL": addresses.tryton_url,
            "CONCORD_ERP_USER": tryton.USER,
            "CONCORD_ERP_PASSWORD": tryton.password(self._here),
            "CONCORD_SUPPORT_TARGET": "request_tracker",
            "CONCORD_SUPPORT_URL": addresses.request_tracker_url,
            "CONCORD_SUPPORT_USER": request_tracker.USER,
            "CONCORD_SUPPORT_PASSWORD": request_tracker.password(self._here),
        }

    def start(self) -> None:
        """The databases of billing and CRM, the CRM's service, capture of all four, both flows."""
        reset(self._company, OWN)
        for name in self._databases:
            self._capture.prepare(name)
            self._capture.register(name)
        crm_url = self._ending.enter_context(running("crm", self._company.dsn("crm")))
        environment = self._environment(crm_url)
        for name in ("canonical", "dispatch"):
            flow = FlowProcess(["run", name], environment, self._folder / f"{name}.log")
            self.flows.append(flow)
            flow.start()
        self.until("the first cut of the whole view", self._live)

    def _live(self) -> bool:
        told = latest(self.settings.kafka, self.contracts.topic("progress"), [0]).values()
        return any(self.contracts.read(value)["live"] for value in told)

    def upgrade(self) -> dict[str, Any]:
        """The scenario of the upgrade with a severe case, from its beginning to its end; its report."""
        systems = Systems(self._here, self.tag.upper(), PATIENT_S)
        accounts = RealSystems(self._company, systems)
        scenario = Scenario(self.settings, self.contracts, accounts, self.tag, CURRENCIES)
        scenario.start()
        try:
            scenario.story.run()
            return scenario.story.finish()
        finally:
            scenario.close()
            systems.close()

    def bill(self, *statements: str) -> None:
        """One transaction of billing."""
        with self._company.connect("billing") as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def corrections(self) -> list[dict[str, Any]]:
        """Every correction as it is now."""
        topic = self.contracts.topic("correction")
        found = latest(self.settings.kafka, topic, list(range(self.settings.partitions)))
        return [self.contracts.read(value) for value in found.values()]

    def proven(self, object_name: str, object_id: str, value: str) -> bool:
        """Whether a correction of the object to this value is verified by capture."""
        return any(
            (one["object"], one["object_id"], one["state"], one["proof"])
            == (object_name, object_id, "VERIFIED", "capture")
            and value in one["desired"].values()
            for one in self.corrections()
        )

    def ended(self, account: str) -> list[tuple[str, str]]:
        """Object and id of every correction that an account ever had; all of them are verified by capture."""
        found = [one for one in self.corrections() if one["account_id"] == account]
        assert {(one["state"], one["proof"]) for one in found} == {("VERIFIED", "capture")}, found
        return [(one["object"], one["object_id"]) for one in found]

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait; fails at once when a flow has ended, and shows its log."""

        def looked() -> bool:
            for flow in self.flows:
                assert flow.running, f"{flow.log.name} has ended\n{flow.tail()}"
            return holds()

        wait_until(
            looked, WAIT_S, what, lambda: "\n".join(flow.tail() for flow in self.flows) + str(self.corrections())
        )

    def close(self) -> None:
        """Flows, connectors, slots, publications and topics of this loop go."""
        for flow in self.flows:
            flow.kill_all()
        self._ending.close()
        for name, database in self._databases.items():
            self._capture.unregister(name)
            dsn = make_conninfo(self._stack.addresses.postgres, dbname=database)
            with psycopg.connect(dsn, autocommit=True) as connection:
                drop_slots(connection, database, end_readers=True)
                connection.execute(f"DROP PUBLICATION IF EXISTS concord_{name}".encode())
            delete_topics(self.settings.kafka, f"{name}.")
        delete_topics(self.settings.kafka, self.prefix)
        remove(self._company, OWN)

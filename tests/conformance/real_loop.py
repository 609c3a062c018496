"""The whole loop on real target systems: billing, Tryton and Request Tracker under capture, both flows, nothing simulated."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from connectors.contracts import Contracts
from connectors.kafka.restore import latest
from connectors.registry import Registry
from connectors.sources.capture import Capture
from dataflows.settings import ROOT, Settings, load_settings
from stack.layout import Layout
from stack.real import request_tracker, tryton
from tests.chaos.bank import delete_topics
from tests.chaos.flow_process import FlowProcess, wait_until
from tests.running_stack import RunningStack

WAIT_S = 180.0
#: source folder below debezium/ -> its database
DATABASES = {"billing": "", "tryton": tryton.DATABASE, "request_tracker": request_tracker.DATABASE}


class RealLoop:
    """Copies of the shipped source folders under names of their own, so that nothing is shared with another test."""

    def __init__(self, stack: RunningStack, here: Layout, folder: Path) -> None:
        self.tag = uuid.uuid4().hex[:6]
        self._stack, self._here, self._folder = stack, here, folder
        self.prefix = f"loop-{self.tag}."
        self._databases = {
            f"{name}_{self.tag}": database or f"billing_{self.tag}" for name, database in DATABASES.items()
        }
        self.billing_dsn = make_conninfo(stack.addresses.postgres, dbname=f"billing_{self.tag}")
        for name in DATABASES:
            self._copy(name)
        rules = (ROOT / "debezium" / "ownership.yaml").read_text()
        (folder / "ownership.yaml").write_text(re.sub(r"settle_ms: \d+", "settle_ms: 300", rules))
        self.settings: Settings = load_settings(prefix=self.prefix)
        self.contracts = Contracts(Registry(self.settings.registry_api), self.settings.contracts_dir, self.prefix)
        self._capture = Capture(
            folder, stack.addresses.postgres, stack.addresses.connect, stack.addresses.registry,
            "concord_capture", "concord", self._databases,
        )  # fmt: skip
        environment = self._environment()
        self.flows = [
            FlowProcess(["run", name], environment, folder / f"{name}.log") for name in ("canonical", "dispatch")
        ]

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

    def _environment(self) -> dict[str, str]:
        addresses = self._here.addresses()
        return self._stack.environment() | {
            "CONCORD_PREFIX": self.prefix,
            "CONCORD_SOURCES": json.dumps(list(self._databases)),
            "CONCORD_SOURCES_DIR": str(self._folder),
            "CONCORD_OWNERSHIP": str(self._folder / "ownership.yaml"),
            "CONCORD_METRICS_PORT": "0",
            "CONCORD_CLUSTER_PORT": str(self._stack.layout.port_base + 180),
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
        """Billing's database, capture of all three, both flows."""
        with psycopg.connect(self._stack.addresses.postgres, dbname="postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE billing_{self.tag}".encode())
        with psycopg.connect(self.billing_dsn, autocommit=True) as connection:
            connection.execute((ROOT / "demo" / "sql" / "billing.sql").read_bytes())
        for name in self._databases:
            self._capture.prepare(name)
            self._capture.register(name)
        for flow in self.flows:
            flow.start()

    def bill(self, *statements: str) -> None:
        """One transaction of billing."""
        with psycopg.connect(self.billing_dsn) as connection:
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

    def ended(self) -> list[tuple[str, str]]:
        """Object and id of every correction there ever was; all of them are verified by capture."""
        found = self.corrections()
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
        for name, database in self._databases.items():
            self._capture.unregister(name)
            dsn = make_conninfo(self._stack.addresses.postgres, dbname=database)
            with psycopg.connect(dsn, autocommit=True) as connection:
                slot = (f"concord_{name}",)
                connection.execute(
                    "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active",
                    slot,
                )
                connection.execute(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", slot
                )
                connection.execute(f"DROP PUBLICATION IF EXISTS concord_{name}".encode())
            delete_topics(self.settings.kafka, f"{name}.")
        delete_topics(self.settings.kafka, self.prefix)
        with psycopg.connect(self._stack.addresses.postgres, dbname="postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS billing_{self.tag} WITH (FORCE)".encode())

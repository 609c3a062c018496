"""A captured table, a topic, a schema and a key: what a restart of the stack must not lose."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from psycopg import sql

from connectors.sources.database import drop_slots
from stack import versions
from stack.health import wait_ready
from stack.layout import Addresses

WAIT_SECONDS = 60
DATABASE = "stackprobe"
TOPIC = f"{DATABASE}.public.items"
CCOMPAT = "/apis/ccompat/v7"


def eventually(ask: Callable[[], str | None]) -> None:
    """Wait until `ask` returns None; fails with the last reason it gave."""
    reason = wait_ready(ask, lambda: None, WAIT_SECONDS)
    assert reason is None, reason


@dataclass
class Capture:
    """One table of an own database, captured by Debezium through the Apicurio converter."""

    addresses: Addresses

    def connect(self, database: str = DATABASE) -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(self.addresses.postgres, dbname=database, autocommit=True)

    def begin(self) -> None:
        """Make the database and the connector; returns when the task runs."""
        with self.connect("postgres") as admin:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        with self.connect() as database:
            database.execute("create table items (id bigint primary key, label text not null)")
        response = httpx.put(f"{self.addresses.connect}/connectors/{DATABASE}/config", json=self.config(), timeout=60)
        assert response.is_success, response.text
        eventually(self.task_runs)

    def end(self) -> None:
        """Remove connector with its offsets (they outlive it otherwise), replication slot and database."""
        connector = f"{self.addresses.connect}/connectors/{DATABASE}"
        httpx.put(f"{connector}/stop", timeout=30)
        eventually(
            lambda: None if httpx.delete(f"{connector}/offsets", timeout=30).is_success else "offsets not deleted"
        )
        httpx.delete(connector, timeout=30)
        with self.connect("postgres") as admin:
            drop_slots(admin, DATABASE, end_readers=False)
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(DATABASE)))

    def config(self) -> dict[str, str]:
        """The connector's configuration, framed as Confluent does: magic byte, four bytes of schema id."""
        server = psycopg.conninfo.conninfo_to_dict(self.addresses.postgres)
        config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": str(server["host"]),
            "database.port": str(server["port"]),
            "database.user": str(server["user"]),
            "database.password": "unused",
            "database.dbname": DATABASE,
            "topic.prefix": DATABASE,
            "plugin.name": "pgoutput",
            "slot.name": DATABASE,
            "table.include.list": "public.items",
            "publication.autocreate.mode": "filtered",
            "topic.creation.default.replication.factor": "1",
            "topic.creation.default.partitions": "1",
        }
        for side in ("key", "value"):
            config |= {
                f"{side}.converter": versions.CONVERTER_CLASS,
                f"{side}.converter.apicurio.registry.url": f"{self.addresses.registry}/apis/registry/v2",
                f"{side}.converter.apicurio.registry.auto-register": "true",
                f"{side}.converter.apicurio.registry.find-latest": "true",
                f"{side}.converter.apicurio.registry.headers.enabled": "false",
                f"{side}.converter.apicurio.registry.as-confluent": "true",
                f"{side}.converter.apicurio.registry.use-id": "contentId",
                # known schemas stay known while the registry is away; the default asks again every 30 s, and one
                # refused answer ends the task for good
                f"{side}.converter.apicurio.registry.check-period-ms": "2592000000",
                f"{side}.converter.apicurio.registry.fault-tolerant-refresh": "true",
            }
        return config

    def task_runs(self) -> str | None:
        """None while the connector's task runs, else its state."""
        response = httpx.get(f"{self.addresses.connect}/connectors/{DATABASE}/status", timeout=10)
        tasks: list[dict[str, str]] = response.json()["tasks"] if response.is_success else []
        return None if [task["state"] for task in tasks] == ["RUNNING"] else f"connector status: {response.text[:2000]}"

    def insert(self, *ids: int) -> None:
        """One transaction a row."""
        with self.connect() as database:
            for number in ids:
                database.execute("insert into items values (%s, 'x')", [number])

    def frames(self, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
        """Values of the row topic, from its beginning until there are enough."""
        options = {"bootstrap.servers": self.addresses.kafka, "group.id": "probe", "auto.offset.reset": "error"}
        consumer = Consumer(options | {"enable.auto.commit": False, "log_level": 0, "allow.auto.create.topics": False})
        consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
        found: list[bytes] = []

        def poll() -> str | None:
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                found.append(message.value() or b"")
            return None if enough(found) else f"not yet among the {len(found)} values that arrived"

        try:
            eventually(poll)
        finally:
            consumer.close()
        return found

    def schema(self, identifier: int) -> dict[str, object]:
        """The writer schema of an id, through the Confluent-compatible API."""
        response = httpx.get(f"{self.addresses.registry}{CCOMPAT}/schemas/ids/{identifier}", timeout=10)
        assert response.is_success, response.text
        schema: dict[str, object] = json.loads(response.json()["schema"])
        return schema


def schema_id(frame: bytes) -> int:
    """The id in a Confluent frame."""
    assert frame[0] == 0
    return int.from_bytes(frame[1:5], "big")

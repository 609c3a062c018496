"""Kafka Connect with the Debezium PostgreSQL connector and the Apicurio Avro converter."""

from __future__ import annotations

from stack import versions
from stack.component import Component
from stack.health import connect_ready
from stack.jars import JarCache
from stack.java import java, properties, write_logging
from stack.layout import HOST, Addresses, Layout
from stack.process import Launch

HEAP_MB = 256
MAIN = "org.apache.kafka.connect.cli.ConnectDistributed"


class Connect(Component):
    """One distributed worker; connectors and their offsets live in Kafka, so a restart finds them."""

    name = "connect"
    version = f"{versions.KAFKA}, Debezium {versions.DEBEZIUM}"
    needs = ("kafka",)
    ports = ("connect",)

    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """Write the worker's properties."""
        config = layout.run / "connect.properties"
        place: dict[str, str | int] = {
            "bootstrap.servers": layout.addresses().kafka,
            "listeners": f"http://{HOST}:{layout.port('connect')}",
            "rest.advertised.host.name": HOST,
            "plugin.path": str(jars.plugins),
        }
        config.write_text(properties(place | worker_policy()))
        command = java(HEAP_MB, write_logging(layout.run), "-cp", jars.classpath, MAIN, str(config))
        return Launch(command, cwd=layout.run)

    def ready(self, addresses: Addresses) -> str | None:
        """Whether it lists its connectors."""
        return connect_ready(addresses)


def worker_policy() -> dict[str, str | int]:
    """What does not depend on the place; docker-compose.yml sets the same."""
    json_converter = "org.apache.kafka.connect.json.JsonConverter"
    return {
        "group.id": "concord-connect",
        # plugins announce themselves (ServiceLoader): up in a third of the time and half of the memory of a scan
        "plugin.discovery": "service_load",
        "config.storage.topic": "_connect_configs",
        "offset.storage.topic": "_connect_offsets",
        "status.storage.topic": "_connect_status",
        "config.storage.replication.factor": 1,
        "offset.storage.replication.factor": 1,
        "status.storage.replication.factor": 1,
        "offset.storage.partitions": 1,
        "status.storage.partitions": 1,
        "offset.flush.interval.ms": 1000,
        "scheduled.rebalance.max.delay.ms": 0,
        "connector.client.config.override.policy": "All",
        "topic.creation.enable": "true",
        # connectors bring their own Avro converter; this is only what Connect falls back to
        "key.converter": json_converter,
        "value.converter": json_converter,
    }

"""The broker: one KRaft node on loopback."""

from __future__ import annotations

import base64
import subprocess
import uuid

from stack import versions
from stack.component import Component
from stack.errors import StackError
from stack.health import kafka_ready
from stack.jars import JarCache
from stack.java import java, properties, write_logging
from stack.kafka_recovery import fence_dead_broker, was_killed
from stack.layout import HOST, Addresses, Layout
from stack.process import Launch

HEAP_MB = 192
MESSAGE_BYTES_MAX = 8 * 1024 * 1024


class Kafka(Component):
    """Apache Kafka as broker and controller in one process."""

    name = "kafka"
    version = versions.KAFKA
    ports = ("kafka", "kafka-controller")

    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """Write server.properties; format the storage the first time, end the old session of a killed broker."""
        config = layout.run / "kafka.properties"
        config.write_text(properties(server_properties(layout)))
        data = layout.data / "kafka"
        if not (data / "meta.properties").exists():
            self.format(layout, jars)
        elif was_killed(data):
            fence_dead_broker(layout, jars)
        command = java(
            HEAP_MB,
            write_logging(layout.run),
            "-cp",
            jars.classpath,
            "kafka.Kafka",
            str(config),
        )
        return Launch(command, cwd=layout.run)

    def format(self, layout: Layout, jars: JarCache) -> None:
        """Give the storage folder its cluster id."""
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        tool = (
            "-cp",
            jars.classpath,
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "-t",
            cluster_id,
        )
        command = java(96, *tool, "-c", str(layout.run / "kafka.properties"))
        done = subprocess.run(command, cwd=layout.run, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackError(
                f"Kafka's storage folder cannot be formatted: {(done.stderr or done.stdout).strip()[-1500:]}",
                "run `concord stack wipe` and start again (this removes the stack's data)",
            )

    def ready(self, addresses: Addresses) -> str | None:
        """Whether it answers a metadata request."""
        return kafka_ready(addresses)


def server_properties(layout: Layout) -> dict[str, str | int]:
    """Small, loopback only; a topic exists only if somebody created it on purpose."""
    broker, controller = layout.port("kafka"), layout.port("kafka-controller")
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{broker},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{broker}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(layout.data / "kafka"),
        **broker_policy(),
    }


def broker_policy() -> dict[str, str | int]:
    """What does not depend on the place; docker-compose.yml sets the same."""
    return {
        "auto.create.topics.enable": "false",
        "num.partitions": 4,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "message.max.bytes": MESSAGE_BYTES_MAX,
        # a flow that rests for a holiday must still find its committed offsets: one year, not seven days
        "offsets.retention.minutes": 525_600,
        # a killed flow's transaction ends about when its timeout says, not up to ten seconds later
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        # a killed broker may register again when its old session is over: 3 s instead of 9
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "log.cleaner.dedupe.buffer.size": 4_194_304,
    }

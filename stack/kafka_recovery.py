"""After a broker was killed: end its old session before it starts again, or commits are lost.

Kafka 4.4 loses commit markers when broker and controller are one node that was killed. At the restart the broker first
believes it still leads its partitions and resumes half-finished commits; then the controller fences the old session,
every partition is without a leader for a moment, and the transaction coordinator takes such a partition for a deleted
one: "Couldn't find leader endpoint for partitions ..., these partitions are likely deleted already and hence can be
skipped". It notes the commit as complete, and the records stay invisible or are aborted with the next transaction.
So the controller runs alone first until it has fenced the dead broker; then the restart finds no stale leadership.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from stack.jars import JarCache
from stack.java import java, properties
from stack.layout import HOST, Layout

#: Kafka writes it at a clean stop and removes it at its start
CLEAN_STOP = ".kafka_cleanshutdown"
#: the dead broker's session in this phase; nobody else has one
SESSION_MS = 500
_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_HEAP_MB = 96
_LOGGING = """\
<Configuration status="ERROR">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d{HH:mm:ss.SSS} %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="org.apache.kafka.controller.ReplicationControlManager" level="INFO"/>
    <Logger name="org.apache.kafka.controller.QuorumController" level="INFO"/>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""
_FENCED = "Fencing broker"
_ACTIVE = "Performing controller activation"


def was_killed(data: Path) -> bool:
    """Whether the broker ran on this folder and did not end cleanly."""
    return (data / "__cluster_metadata-0").exists() and not (data / CLEAN_STOP).exists()


def fence_dead_broker(layout: Layout, jars: JarCache) -> None:
    """Run the controller alone until the session of the killed broker is over. Takes three to five seconds."""
    config, logging, log = (layout.run / f"kafka-recovery.{kind}" for kind in ("properties", "xml", "log"))
    config.write_text(properties(_controller(layout)))
    logging.write_text(_LOGGING)
    command = java(_HEAP_MB, f"-Dlog4j2.configurationFile={logging}", "-cp", jars.classpath, "kafka.Kafka", str(config))
    with log.open("wb") as output:
        controller = subprocess.Popen(
            command, cwd=layout.run, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait(controller, log)
    finally:
        controller.terminate()
        try:
            controller.wait(20)
        except subprocess.TimeoutExpired:
            controller.kill()
            controller.wait()


def _wait(controller: subprocess.Popen[bytes], log: Path) -> None:
    """Until the broker is fenced, or the controller has been active for so long that it must have been fenced before."""
    deadline = time.monotonic() + _WAIT_SECONDS
    active_at: float | None = None
    while controller.poll() is None and time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        if _FENCED in text:
            time.sleep(10 * _LOOK_SECONDS)  # the record of it is written right after the line
            return
        if active_at is None and _ACTIVE in text:
            active_at = time.monotonic()
        if active_at is not None and time.monotonic() > active_at + 6 * SESSION_MS / 1000:
            return
        time.sleep(_LOOK_SECONDS)


def _controller(layout: Layout) -> dict[str, str | int]:
    """The controller's half of the node's configuration."""
    port = layout.port("kafka-controller")
    return {
        "process.roles": "controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{port}",
        "listeners": f"CONTROLLER://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(layout.data / "kafka"),
        "broker.session.timeout.ms": SESSION_MS,
        "broker.heartbeat.interval.ms": SESSION_MS // 5,
    }

"""The canonical flow as a process over sources written by hand, with topics of their own, and what `concord status` says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.progress import ProgressReader
from connectors.contracts import TOPICS
from connectors.kafka.restore import latest, read_to_end
from connectors.kafka.topics import RETAIN, TopicSpec, admin, ensure
from connectors.registry import Registry
from console.status import gather
from dataflows.settings import ROOT, Settings, load_settings
from demo.frames import FrameDecoder
from tests.chaos.bank import delete_topics
from tests.chaos.flow_process import CONCORD, FlowProcess, wait_until
from tests.running_stack import RunningStack
from tests.scenarios.hand_made import PARTITIONS, TABLES, HandMade

WAIT_S = 90.0


class InputLab:
    """Two sources, billing and erp, mapped as the demo's are; one flow; nothing is shared with another test."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        """Topics are made; nothing runs yet."""
        tag = uuid.uuid4().hex[:6]
        self.prefix = f"input-{tag}."
        self._stack, self._folder = stack, folder
        clock_ms = time.time_ns() // 1_000_000
        names = [self._map(system, f"{system}-{tag}") for system in ("billing", "erp")]
        self.settings: Settings = load_settings(prefix=self.prefix, sources=tuple(names), sources_dir=folder)
        self.metrics_port = stack.layout.port_base + 190
        self._topics(names)
        registry = Registry(self.settings.registry_api)
        self.decoder = FrameDecoder(registry)
        self.billing, self.erp = (HandMade(self.settings.kafka, registry, name, clock_ms) for name in names)
        self.flow = self._flow(1)
        self._progress: ProgressReader | None = None
        self._frontier: dict[str, int] = {}

    def _map(self, system: str, name: str) -> str:
        text = (ROOT / "debezium" / system / "mapping.yaml").read_text()
        text = text.replace(f"source: {system}\n", f"source: {name}\n").replace("snapshot: initial", "snapshot: none")
        (self._folder / name).mkdir()
        (self._folder / name / "mapping.yaml").write_text(text)
        return name

    def _topics(self, names: list[str]) -> None:
        specs = [TopicSpec(f"{name}.public.{table}", PARTITIONS, RETAIN) for name in names for table in TABLES]
        specs += [TopicSpec(f"{name}.transaction", 1, RETAIN) for name in names]
        ensure(admin(self.settings.kafka), specs)

    def _flow(self, processes: int, **more: str) -> FlowProcess:
        command = ["run", "canonical", "--processes", str(processes)]
        return FlowProcess(command, self.environment(**more), self._folder / "flow.log")

    def configure(self, processes: int = 1, **more: str) -> None:
        """Run the flow in so many processes and with these settings (CONCORD_*) from its next start on."""
        self.flow = self._flow(processes, **more)

    def publish_under(self, prefix: str) -> None:
        """From its next start on the flow is another one, with output topics of its own; the input is the same."""
        self.prefix, self.settings = prefix, self.settings.model_copy(update={"prefix": prefix})
        self._progress, self._frontier = None, {}
        self.configure()

    def environment(self, **more: str) -> dict[str, str]:
        """CONCORD_* of the flow and of commands that look at it."""
        return self._stack.environment() | {
            "CONCORD_PREFIX": self.prefix,
            "CONCORD_SOURCES": json.dumps(self.settings.sources),
            "CONCORD_SOURCES_DIR": str(self._folder),
            "CONCORD_METRICS_PORT": str(self.metrics_port),
            "CONCORD_CLUSTER_PORT": str(self._stack.layout.port_base + 180),
            "CONCORD_EPOCH_MS": "20",
            **more,
        }

    def beat(self, milliseconds: int) -> None:
        """Time passes at both sources."""
        for source in (self.billing, self.erp):
            source.beat(milliseconds)

    def caught_up(self) -> None:
        """Wait until everything that both sources have committed is published."""
        self.until(self.has_caught_up, f"the frontier {self.billing.position}, {self.erp.position}")

    def has_caught_up(self) -> bool:
        """Whether everything that both sources have committed is published."""
        return all(self.has_taken(source) for source in (self.billing, self.erp))

    def has_taken(self, source: HandMade) -> bool:
        """Whether everything that the source has committed is published."""
        if self._progress is None:
            self._progress = ProgressReader.open(self.settings, self.prefix)
        for progress in self._progress.poll(0.02) if self._progress else ():
            self._frontier = progress["frontier"]
        return self._frontier.get(source.name, 0) >= source.position

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
        """Wait for a condition; the flow must not end meanwhile."""

        def holds() -> bool:
            assert self.flow.running, f"the flow ended with {self.flow.exit_code}\n{self.flow.tail()}"
            return condition()

        wait_until(holds, timeout_s, what, lambda: f"frontier {self._frontier}\n{self.flow.tail()}")

    def restart(self) -> None:
        """kill -9, then a new start."""
        self.flow.kill_all()
        self.flow.start()

    def status(self) -> dict[str, Any]:
        """What `concord status --json` says, without the time that starting the command takes."""
        return gather(self.settings).as_json()

    def printed_status(self) -> dict[str, Any]:
        """What `concord status --json` prints, by the command itself."""
        done = subprocess.run(
            [CONCORD, "status", "--json"],
            env={**os.environ, **self.environment()},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode in (0, 5), done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def newest(self, name: str) -> dict[str, dict[str, Any]]:
        """Live records of an output topic by key."""
        partitions = list(range(self.settings.partitions))
        found = latest(self.settings.kafka, self.prefix + TOPICS[name][0], partitions)
        return {key.decode(): self.decoder.decode(value) for key, value in found.items()}

    def parked(self) -> list[dict[str, Any]]:
        """Every parked record."""
        partitions = list(range(self.settings.partitions))
        batches = read_to_end(self.settings.kafka, f"{self.prefix}parked", partitions)
        return [self.decoder.decode(m.value() or b"") for batch in batches for m in batch]

    def metric(self, name: str, process: int = 0) -> float:
        """The sum of a metric's values over its labels, as the flow shows it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port + process}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))

    def close(self) -> None:
        """Kill the flow, delete the topics."""
        self.flow.kill_all() if self.flow.starts else None
        if self._progress is not None:
            self._progress.close()
        for prefix in (self.prefix, *(f"{name}." for name in self.settings.sources)):
            delete_topics(self.settings.kafka, prefix)


@contextmanager
def input_lab(stack: RunningStack, folder: Path) -> Iterator[InputLab]:
    """A lab that is cleaned up."""
    lab = InputLab(stack, folder)
    try:
        yield lab
    finally:
        lab.close()

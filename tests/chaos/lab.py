"""One crash test's surroundings: a prefix of its own, flows over the bank, and the verdict at the end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from benchmarks.progress import ProgressReader
from dataflows.settings import Settings, load_settings
from tests.chaos.bank import SOURCE, Bank, delete_topics, settings_of_flow
from tests.chaos.bank_audit import BankAudit, audit
from tests.chaos.flow_process import CONCORD, FlowProcess, wait_until
from tests.running_stack import RunningStack

CAUGHT_UP_WITHIN_S = 120.0


class ChaosLab:
    """Starts flows that share one set of output topics, and judges what these topics hold in the end."""

    def __init__(self, stack: RunningStack, bank: Bank, folder: Path) -> None:
        """Nothing runs yet."""
        self.stack = stack
        self.bank = bank
        self.prefix = f"chaos-{uuid4().hex[:6]}."
        self._prefixes = [self.prefix]
        self.settings: Settings = load_settings(prefix=self.prefix)
        self._folder = folder
        self._flows: list[FlowProcess] = []
        self._progress: ProgressReader | None = None
        self.commit = 0
        self.frontier = 0
        #: rows of the bank that the newest cut had applied
        self.applied = 0
        self.live = False

    def flow(self, processes: int = 1, epoch_ms: int = 20, **more: str) -> FlowProcess:
        """A canonical flow, not started yet, with `more` settings; each has inter-process ports of its own."""
        return self._flow(["run", "canonical", "--processes", str(processes)], epoch_ms, more)

    def flow_by(self, module: str, *arguments: str, **more: str) -> FlowProcess:
        """A canonical flow, with `more` settings, that a module of the tests runs in another way than `concord` does."""
        program = (sys.executable, "-m", module, *arguments)
        return self._flow(["run", "canonical", "--processes", "1"], 20, more, program)

    def host(self, number: int, addresses: list[str], **more: str) -> FlowProcess:
        """One process of a canonical flow on several hosts, not started yet; `more` are settings of this host alone."""
        ports = {"CONCORD_MEETING_PORT": str(self.stack.layout.port_base + 139)}
        more = ports | {"CONCORD_ADDRESSES": json.dumps(addresses)} | more
        return self._flow(["run", "canonical", "--process", str(number)], 20, more)

    def addresses(self, *hosts: str) -> list[str]:
        """One address on each of these hosts, for `host`."""
        return [f"{host}:{self.stack.layout.port_base + 140 + number}" for number, host in enumerate(hosts)]

    def publish_under(self, prefix: str, partitions: int) -> None:
        """Flows made from now on are others, with output topics of their own; both sets are deleted at the end."""
        self._prefixes.append(prefix)
        self.prefix = prefix
        self.settings = self.settings.model_copy(update={"prefix": prefix, "partitions": partitions})
        if self._progress is not None:
            self._progress.close()
        self._progress, self.commit, self.frontier, self.live = None, 0, 0, False

    def lookup(self) -> FlowProcess:
        """The flow that keeps the look-up store, not started yet."""
        return self._flow(["run", "lookup"], 20)

    def environment(self, cluster_port: int = 0) -> dict[str, str]:
        """CONCORD_* of a flow under today's prefix, and of commands about it."""
        environment = self.stack.environment() | settings_of_flow(self.prefix, 0, cluster_port or 27_120)
        return environment | {"CONCORD_PARTITIONS": str(self.settings.partitions)}

    def _flow(
        self,
        arguments: list[str],
        epoch_ms: int,
        more: Mapping[str, str] | None = None,
        program: Sequence[str] = (str(CONCORD),),
    ) -> FlowProcess:
        number = len(self._flows)
        environment = self.environment(self.stack.layout.port_base + 140 + 8 * number)
        environment |= {"CONCORD_EPOCH_MS": str(epoch_ms), **(more or {})}
        flow = FlowProcess(arguments, environment, self._folder / f"flow-{number}.log", program)
        self._flows.append(flow)
        return flow

    def look(self) -> None:
        """Read the progress records that have become visible."""
        if self._progress is None:
            self._progress = ProgressReader.open(self.settings, self.prefix)
        for progress in self._progress.poll(0.02) if self._progress else ():
            self.commit = max(self.commit, progress["commit"])
            self.frontier = max(self.frontier, progress["frontier"].get(SOURCE, 0))
            self.applied = max(self.applied, progress["counts"].get(f"{SOURCE}.applied", 0))
            self.live = self.live or progress["live"]

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float = CAUGHT_UP_WITHIN_S) -> None:
        """Look at the progress until the condition holds; fails at once when no flow is left that could make it hold."""

        def holds() -> bool:
            self.look()
            assert any(flow.running for flow in self._flows), f"no flow runs any more\n{self.explain()}"
            return condition()

        wait_until(holds, timeout_s, what, self.explain)

    def next_cut(self) -> None:
        """Wait for a cut beyond those that have been seen."""
        seen = self.commit
        self.until(lambda: self.commit > seen, f"a cut after {seen}")

    def pass_time(self, seconds: float) -> None:
        """Let the flow run for so long, watching it; it may end meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(0.01)

    def catch_up(self, *flows: FlowProcess, timeout_s: float = CAUGHT_UP_WITHIN_S) -> None:
        """Wait until everything that the bank has committed is published; a flow that ended is started again."""
        target = self.bank.last_position()

        def arrived() -> bool:
            for flow in flows:
                flow.ensure_running()
            self.look()
            return self.live and self.frontier > target

        wait_until(arrived, timeout_s, f"the frontier to go beyond {target}, it is {self.frontier}", self.explain)

    def judge(self) -> BankAudit:
        """Stop every flow, read everything that was published, and compare the end with SQL."""
        for flow in self._flows:
            flow.stop()
        found = audit(self.settings.kafka, self.settings.registry_api, self.prefix)
        assert not found.wrong, f"{dict(found.wrong)}: {found.examples}\n{self.explain()}"
        assert found.agrees_with(*self.bank.amounts()), f"the end differs from SQL at frontier {found.frontier}"
        return found

    def explain(self) -> str:
        """State and the ends of the flows' logs, for a failing test's message."""
        logs = "\n".join(f"--- {flow.log.name}\n{flow.tail()}" for flow in self._flows)
        return f"commit {self.commit}, frontier {self.frontier}, live {self.live}\n{logs}"

    def close(self) -> None:
        """Kill what still runs and delete the output topics."""
        for flow in self._flows:
            flow.kill_all()
        if self._progress is not None:
            self._progress.close()
        for prefix in self._prefixes:
            delete_topics(self.settings.kafka, prefix)

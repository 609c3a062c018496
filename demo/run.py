"""The whole of Concord on the demo company: set up, run under traffic, stop, settle, audit, report."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from connectors.contracts import Contracts
from connectors.kafka.restore import latest, read_to_end
from connectors.registry import Registry
from connectors.sources.capture import DEFAULT_ROLE, Capture
from dataflows.settings import Settings, load_settings, stack_dir
from demo.audit import audit, remaining
from demo.clean import clean
from demo.company import SYSTEMS, Company
from demo.failed import DemoFailed
from demo.flows import Flows
from demo.ledger import compare
from demo.mid_cycle.scenario import Scenario
from demo.mid_cycle.services import DemoSystems
from demo.observer import Observer
from demo.report import report
from demo.traffic import Traffic, TrafficSettings
from stack.layout import HOST, layout_from

LIVE_SECONDS = 120.0
SETTLED_SECONDS = 90.0
CAPTURE_PASSWORD = "concord"  # noqa: S105 - the demo's own role on loopback; real sources set CONCORD_CAPTURE_PASSWORD
#: correction states after which nothing more happens
FINAL = frozenset({"VERIFIED", "SUPERSEDED", "REJECTED", "REFUSED"})


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How much of everything; `drift` is the share of carries that the old integration gets wrong."""

    seconds: float = 60.0
    rate: float = 40.0
    accounts: int = 1000
    seed: int = 1
    drift: float = 0.04
    settle_s: float = 4.0


class Demo:
    """One run. `tell` gets each step in words; `live` the counts of the moment."""

    def __init__(self, options: DemoOptions, tell: Callable[[str], None]) -> None:
        self._options = options
        self._tell = tell
        self.settings: Settings = load_settings(sources=SYSTEMS)
        self._company = Company(self.settings.postgres)
        self._capture = Capture(
            self.settings.sources_dir,
            self.settings.postgres,
            self.settings.connect,
            self.settings.registry,
            DEFAULT_ROLE,
            CAPTURE_PASSWORD,
            {},
        )
        registry = Registry(self.settings.registry_api)
        self._contracts = Contracts(registry, self.settings.contracts_dir, self.settings.prefix)
        crm, erp = (f"http://{HOST}:{layout_from().port(name)}" for name in ("crm", "erp"))
        self.told = {"CONCORD_SOURCES": json.dumps(SYSTEMS), "CONCORD_CRM_URL": crm}
        self.flows = Flows(stack_dir() / "logs", self.told)
        self.traffic = Traffic(
            self._company,
            TrafficSettings(options.seed, options.accounts, options.rate, options.drift, 0, options.settle_s),
        )
        self.observer = Observer(self.settings.kafka, self.settings.prefix, registry)
        systems = DemoSystems(self._company, erp)
        self._scenario = Scenario(self.settings, self._contracts, systems, f"{options.seed}")
        self.mid_cycle: dict[str, Any] = {}

    def run(self, live: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Everything but the stack itself; returns the report. Raises DemoFailed, FlowDied and what the adapters raise."""
        try:
            self._prepare()
            self._under_traffic(live)
            self._refused(live)
            self._tell("letting it settle: every change captured, every correction proven")
            self._settle(live)
            self._tell("auditing the view against SQL on the databases")
            return self._report()
        finally:
            self.observer.close()
            self._scenario.close()
            self.flows.stop()

    def _prepare(self) -> None:
        self._tell("removing what an earlier run left")
        clean(self.settings, self._capture)
        self._tell(f"loading {self._options.accounts:,} accounts into billing, ERP and support")
        self.traffic.preload()
        for source in self.settings.sources:
            self._tell(f"bringing {source} under capture")
            self._capture.prepare(source)
            self._capture.register(source)
        for system in ("erp", "support", "crm"):
            self.flows.start_service(f"demo-{system}", ["demo.services", system])
        for flow in ("canonical", "dispatch", "lookup"):
            self.flows.start(flow)
        self._tell("waiting until the first snapshot is complete")
        self.observer.start()
        self._wait(lambda: self.observer.live, LIVE_SECONDS, "the first snapshot did not become complete")

    def _wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            self.flows.check()
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"{what} within {seconds:.0f} s. Next step: `concord status`, and the logs in {stack_dir() / 'logs'}"
                )
            time.sleep(0.1)

    def _under_traffic(self, live: Callable[[dict[str, Any]], None]) -> None:
        self._tell(
            f"business acts for {self._options.seconds:.0f} s; the old integration gets {self._options.drift:.0%} wrong"
        )
        self.traffic.start()
        self._scenario.start()
        ends = time.monotonic() + self._options.seconds
        with ThreadPoolExecutor(1) as beside:
            self._tell("key accounts open severity-one cases and upgrade in mid-cycle; each step is failed once")
            scenario = beside.submit(self._scenario.story.run)
            while time.monotonic() < ends or not scenario.done():
                self.flows.check()
                live(self.moment())
                time.sleep(0.5)
        self.traffic.stop()
        scenario.result()

    def _refused(self, live: Callable[[dict[str, Any]], None]) -> None:
        """When nothing else is to be booked any more, the books are closed and one more key account upgrades."""
        self._tell("accounting closes its books: the ERP refuses a last upgrade until a person approves another day")
        self._agreed(live)
        self.mid_cycle = self._scenario.story.finish()

    def moment(self) -> dict[str, Any]:
        """What the live table shows."""
        summary = self.traffic.summary()
        return {
            "acts": summary["acts"],
            "transactions": summary["transactions"],
            "planted": summary["planted"],
            "corrections": dict(self.corrections()),
            "rss_mb": self.flows.rss_max_bytes / 1e6,
            **self.observer.moment(),
        }

    def corrections(self) -> Counter[str]:
        """Corrections by state, from their topic."""
        topic, partitions = self._contracts.topic("correction"), list(range(self.settings.partitions))
        live = latest(self.settings.kafka, topic, partitions)
        return Counter(self._contracts.read(value)["state"] for value in live.values())

    def _agreed(self, live: Callable[[dict[str, Any]], None]) -> None:
        """Until nothing differs by SQL and every correction is final."""

        def settled() -> bool:
            live(self.moment())
            return not remaining(self._company) and all(state in FINAL for state in self.corrections())

        self._wait(settled, SETTLED_SECONDS, "the systems did not come to agree")

    def _settle(self, live: Callable[[dict[str, Any]], None]) -> None:
        """As `_agreed`, and the frontier has passed the last commit."""
        self._agreed(live)
        end = self._end_of_log()
        self._wait(
            lambda: all(self.observer.frontier.get(source, 0) >= end for source in self.settings.sources),
            SETTLED_SECONDS,
            "the view did not reach the end of the sources",
        )
        self.traffic.close()

    def _end_of_log(self) -> int:
        """Position of the write-ahead log now; the three demo databases share one server."""
        with self._company.admin() as admin:
            row = admin.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
        assert row is not None
        return int(row[0])

    def _found(self) -> set[tuple[str, str]]:
        """(rule, object id) of every difference that outlived its settle time."""
        topic, partitions = self._contracts.topic("intent"), list(range(self.settings.partitions))
        intents = (
            self._contracts.read(value)
            for batch in read_to_end(self.settings.kafka, topic, partitions)
            for message in batch
            if (value := message.value()) is not None
        )
        ours = self._scenario.story.object_ids  # told by themselves
        found = {(one["rule"], one["object_id"]) for one in intents if one["state"] != "settling"}
        return {one for one in found if one[1] not in ours}

    def _report(self) -> dict[str, Any]:
        seen = self.observer.finish()
        checked = audit(self._company, seen.view)
        # a difference that ended by itself while its beginning was still on the way is never seen as one
        margin_s = 2.0 + seen.freshness_ms["max"] / 1000
        found = compare(self.traffic.ledger.entries(time.time(), margin_s), self._found())
        return report(self, seen, checked, found)

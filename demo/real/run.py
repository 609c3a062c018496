"""Concord on real target systems: capture billing, Tryton, Request Tracker and the demo's CRM, correct, prove, and ask them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from connectors.contracts import Contracts
from connectors.kafka.restore import latest
from connectors.registry import Registry
from connectors.sources.capture import DEFAULT_ROLE, EMBEDDED_PASSWORD, Capture
from dataflows.settings import ROOT
from demo.clean import forget
from demo.company import Company, reset
from demo.failed import DemoFailed
from demo.flows import Flows
from demo.mid_cycle.scenario import Scenario
from demo.observer import Observer
from demo.real.business import Business, Done
from demo.real.key_accounts import CURRENCIES, PATIENT_S, RealSystems
from demo.real.old_integration import OldIntegration
from demo.real.report import report
from demo.real.systems import SOURCES, Systems, environment, settings_of
from demo.real.truth import truth
from demo.run import FINAL
from stack.layout import Layout

#: longer than the shipped rules': what the old integration still brings must not be corrected under its hands
SETTLE_S = 10.0
LIVE_SECONDS = 180.0
SETTLED_SECONDS = 300.0
#: the business acts number their rows themselves, from 1 on; those of the key accounts lie beyond
KEY_ACCOUNTS_FROM = 1_000_000
SERVED = 0.3  # the part of the settle time after which the old integration leaves a thing undone


@dataclass(frozen=True, slots=True)
class RealOptions:
    """How much of everything; Tryton books about two documents a second, so it is little."""

    seconds: float = 60.0
    rate: float = 1.0
    accounts: int = 20
    seed: int = 1
    drift: float = 0.3


class RealDemo:
    """One run. `tell` gets each step in words; `live` the counts of the moment."""

    def __init__(self, layout: Layout, options: RealOptions, tell: Callable[[str], None]) -> None:
        self._options, self._tell, self._layout = options, tell, layout
        self.settings = settings_of(layout)
        self.systems = Systems(layout)
        self.business = Business(self.systems.tag, options.seed, options.accounts)
        self.old = OldIntegration(self.systems, options.seed, options.drift, SETTLE_S * SERVED)
        self.acts: Counter[str] = Counter()
        registry = Registry(self.settings.registry_api)
        self.contracts = Contracts(registry, self.settings.contracts_dir, self.settings.prefix)
        self.observer = Observer(self.settings.kafka, self.settings.prefix, registry)
        rules = layout.run / "demo-real-ownership.yaml"
        shipped = (ROOT / "debezium" / "ownership.yaml").read_text()
        rules.write_text(re.sub(r"settle_ms: \d+", f"settle_ms: {SETTLE_S * 1000:.0f}", shipped))
        self.told = environment(layout) | {"CONCORD_OWNERSHIP": str(rules)}
        self.flows = Flows(layout.logs, self.told)
        self._company = Company(self.settings.postgres)
        #: a connection of its own: it acts at the same time
        self._key_systems = Systems(layout, self.systems.tag, PATIENT_S)
        accounts = RealSystems(self._company, self._key_systems)
        self.scenario = Scenario(self.settings, self.contracts, accounts, self.systems.tag, CURRENCIES)
        self.mid_cycle: dict[str, Any] = {}

    def run(self, live: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Everything but the stack itself; returns the report. Raises DemoFailed, FlowDied and what the adapters raise."""
        try:
            self._prepare()
            self._work(live)
            self._refused(live)
            self._tell("letting it settle: until the three databases agree and every correction is final")
            self._settle(live)
            self._tell("asking the three databases")
            return report(self)
        finally:
            self.observer.close()
            self.scenario.close()
            self.flows.stop()
            self.systems.close()
            self._key_systems.close()

    def corrections(self) -> list[dict[str, Any]]:
        """Every correction as it is now."""
        topic, partitions = self.contracts.topic("correction"), list(range(self.settings.partitions))
        return [self.contracts.read(value) for value in latest(self.settings.kafka, topic, partitions).values()]

    def _prepare(self) -> None:
        self._tell("removing what an earlier run left (documents of earlier runs stay in Tryton and Request Tracker)")
        capture = Capture(
            self.settings.sources_dir, self.settings.postgres, self.settings.connect, self.settings.registry,
            DEFAULT_ROLE, EMBEDDED_PASSWORD, {},
        )  # fmt: skip
        forget(self.settings, capture, (*SOURCES, "erp", "support"))
        for name in ("tryton", "request_tracker"):
            self._drop_slot(name)
        reset(self._company, ("billing", "crm"))
        self.systems.number_from(KEY_ACCOUNTS_FROM)
        customers = self.business.customers
        self._tell(
            f"{len(customers)} customers: subscriptions in billing, parties in Tryton, groups in Request Tracker"
        )
        self.systems.open_customers([one.code for one in customers])
        for one, done in zip(customers, self.business.opening(), strict=True):
            self.systems.open_group(one.code, self.business.level(one))
            self._do(done)
        for source in SOURCES:
            self._tell(f"bringing {source} under capture")
            capture.prepare(source)
            capture.register(source)
        self.flows.start_service("demo-crm", ["demo.services", "crm"])
        for flow in ("canonical", "dispatch", "lookup"):
            self.flows.start(flow)
        self._tell("waiting until the first snapshot is complete")
        self.observer.start()
        self._wait(lambda: self.observer.live, LIVE_SECONDS, "the first snapshot did not become complete")

    def _drop_slot(self, name: str) -> None:
        """The database stays, so the connector's slot does too; it would hold the log back."""
        drop = (
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active"
        )
        self.systems.rows(name, drop, f"concord_{name}")

    def _do(self, done: Done) -> None:
        """One act: billing commits it, then the old integration carries it, or does not."""
        with self.systems.database("billing") as billing:
            for statement in done.statements:
                billing.execute(statement.sql.encode(), statement.parameters)
        committed_s = time.time()
        for asked in done.asked:
            self.old.carry(asked, committed_s)
        self.acts[done.kind] += 1

    def _wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            self.flows.check()
            if time.monotonic() > deadline:
                step = f"Next step: the logs in {self._layout.logs}, or a smaller --rate"
                raise DemoFailed(f"{what} within {seconds:.0f} s. {step}")
            time.sleep(0.3)

    def _work(self, live: Callable[[dict[str, Any]], None]) -> None:
        seconds, drift = self._options.seconds, self._options.drift
        self._tell(
            f"business acts for {seconds:.0f} s; the old integration gets {drift:.0%} wrong, and carries no amendment"
        )
        self.scenario.start()
        with ThreadPoolExecutor(1) as beside:
            self._tell("key accounts open severity-one cases and upgrade in mid-cycle; each step is failed once")
            story = beside.submit(self.scenario.story.run)
            began = time.monotonic()
            while (passed := time.monotonic() - began) < seconds or not story.done():
                self.flows.check()
                due = (
                    passed < seconds and sum(self.acts.values()) - self._options.accounts <= passed * self._options.rate
                )
                if due:
                    self._do(self.business.next())
                else:
                    time.sleep(0.05)
                live(self.moment())
        story.result()

    def _refused(self, live: Callable[[dict[str, Any]], None]) -> None:
        """When nothing else is to be booked any more, Tryton's period is closed and one more key account upgrades."""
        self._tell("accounting closes Tryton's period: a last upgrade is refused until a person approves another day")
        self._settle(live)
        self.mid_cycle = self.scenario.story.finish()

    def moment(self) -> dict[str, Any]:
        """What the live table shows."""
        return {
            "acts": sum(self.acts.values()),
            "transactions": sum(self.acts.values()),
            "planted": len(self.old.wrong),
            "corrections": dict(Counter(one["state"] for one in self.corrections())),
            "rss_mb": self.flows.rss_max_bytes / 1e6,
            **self.observer.moment(),
        }

    def _settle(self, live: Callable[[dict[str, Any]], None]) -> None:
        def settled() -> bool:
            live(self.moment())
            if truth(self.systems).differences:
                return False
            return all(one["state"] in FINAL and one["intent_state"] != "wanted" for one in self.corrections())

        self._wait(settled, SETTLED_SECONDS, f"the systems did not come to agree ({self._left()})")

    def _left(self) -> str:
        return ", ".join(sorted(name for _, name in truth(self.systems).differences)[:5])

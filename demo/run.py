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
from demo.audit import Audit, audit, remaining
from demo.clean import clean
from demo.company import SYSTEMS, Company
from demo.flows import Flows
from demo.ledger import Comparison, compare
from demo.mid_cycle.listening import Listener
from demo.mid_cycle.story import MidCycleFailed, Story
from demo.observer import Observer
from demo.traffic import Traffic, TrafficSettings
from stack.layout import HOST, layout_from

LIVE_SECONDS = 120.0
SETTLED_SECONDS = 90.0
CAPTURE_PASSWORD = "concord"  # noqa: S105 - the demo's own role on loopback; real sources set CONCORD_CAPTURE_PASSWORD
#: correction states after which nothing more happens
FINAL = frozenset({"VERIFIED", "SUPERSEDED", "REJECTED", "REFUSED"})


class DemoFailed(Exception):
    """The demo could not be carried out; the message says which step and what to do."""


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
        crm = f"http://{HOST}:{layout_from().port('crm')}"
        self.told = {"CONCORD_SOURCES": json.dumps(SYSTEMS), "CONCORD_CRM_URL": crm}
        self.flows = Flows(stack_dir() / "logs", self.told)
        self.traffic = Traffic(
            self._company,
            TrafficSettings(options.seed, options.accounts, options.rate, options.drift, 0, options.settle_s),
        )
        self.observer = Observer(self.settings.kafka, self.settings.prefix, registry)
        partitions, read = self.settings.partitions, self._contracts.read
        self._listener = Listener(self.settings.kafka, self.settings.prefix, partitions, read)
        self.story = Story(self._company, self._listener, f"{options.seed}")
        self.mid_cycle: dict[str, Any] = {}

    def run(self, live: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Everything but the stack itself; returns the report. Raises DemoFailed, FlowDied and what the adapters raise."""
        try:
            self._prepare()
            self._under_traffic(live)
            self._tell("letting it settle: every change captured, every correction proven")
            self._settle(live)
            self._tell("auditing the view against SQL on the databases")
            return self._report()
        finally:
            self.observer.close()
            self._listener.close()
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
        self._listener.start()
        ends = time.monotonic() + self._options.seconds
        with ThreadPoolExecutor(1) as beside:
            self._tell("key accounts open severity-one cases and upgrade in mid-cycle; each step is failed once")
            scenario = beside.submit(self.story.run)
            while time.monotonic() < ends or not scenario.done():
                self.flows.check()
                live(self.moment())
                time.sleep(0.5)
        self.traffic.stop()
        try:
            self.mid_cycle = scenario.result()
        except MidCycleFailed as error:
            raise DemoFailed(str(error)) from error

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

    def _settle(self, live: Callable[[dict[str, Any]], None]) -> None:
        """Until nothing differs by SQL, every correction is final and the frontier has passed the last commit."""

        def settled() -> bool:
            live(self.moment())
            return not remaining(self._company) and all(state in FINAL for state in self.corrections())

        self._wait(settled, SETTLED_SECONDS, "the systems did not come to agree")
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
        ours = self.story.object_ids  # told by themselves
        found = {(one["rule"], one["object_id"]) for one in intents if one["state"] != "settling"}
        return {one for one in found if one[1] not in ours}

    def _report(self) -> dict[str, Any]:
        seen = self.observer.finish()
        checked = audit(self._company, seen.view)
        # a difference that ended by itself while its beginning was still on the way is never seen as one
        margin_s = 2.0 + seen.freshness_ms["max"] / 1000
        found = compare(self.traffic.ledger.entries(time.time(), margin_s), self._found())
        return report(self, seen, checked, found)


def report(demo: Demo, seen: Any, checked: Audit, found: Comparison) -> dict[str, Any]:
    """One flat object; numbers only come from what was measured."""
    counts: Counter[str] = Counter()
    for name, value in seen.counts.items():
        counts[name.rpartition(".")[2]] += value
    summary, corrections = demo.traffic.summary(), demo.corrections()
    return {
        "changes": counts["in"],
        "in": counts["in"],
        "applied": counts["applied"],
        "ignored": counts["ignored"],
        "parked": counts["parked"],
        "waiting": counts["in"] - counts["applied"] - counts["ignored"] - counts["parked"],
        "transactions": seen.transactions,
        "acts": summary["acts"],
        "accounts": len(seen.view.get("account", {})),
        "records": seen.records,
        "cuts": seen.cuts,
        "partial_states": seen.partial_states,
        "duplicates": seen.duplicates,
        "version_regressions": seen.version_regressions,
        "problems": seen.problems[:10],
        "compared": checked.compared,
        "fields": checked.fields,
        "losses": len(checked.losses) + len(checked.extras) + len(checked.wrong),
        "audit": [str(one) for one in (*checked.losses, *checked.extras, *checked.wrong)][:10],
        "planted_must": found.must,
        "planted_may": found.may,
        "found": found.found,
        "missed_differences": len(found.missed),
        "missed": [list(one) for one in found.missed],
        "unexplained_differences": len(found.unexplained),
        "unexplained": [list(one) for one in found.unexplained],
        "corrections": dict(corrections),
        "unverified_corrections": sum(n for state, n in corrections.items() if state not in ("VERIFIED", "SUPERSEDED")),
        "differences_left": len(remaining(Company(demo.settings.postgres))),
        "freshness_ms": seen.freshness_ms,
        "flows_rss_mb": round(demo.flows.rss_max_bytes / 1e6, 1),
        "mid_cycle": demo.mid_cycle,
        "mid_cycle_unnamed": sum(not one["complete"] for one in demo.mid_cycle["named"]),
        "mid_cycle_unfollowed": sum(one["of"] - one["held"] for one in demo.mid_cycle["checks"]),
    }

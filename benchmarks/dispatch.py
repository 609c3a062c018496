"""How fast corrections reach their targets, and how many effects lost answers leave behind: the real flow, the demo's services.

Answers are lost on purpose, before and after the service has committed; every correction must end verified, with one effect.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import psycopg
import yaml
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.load import delete_topics
from benchmarks.outcome import BenchmarkFailed, Reporter
from connectors.contracts import Contracts, topic_specs
from connectors.kafka.topics import admin, ensure
from connectors.registry import Registry
from dataflows.settings import ROOT, Settings
from demo.services.server import running
from state.routing import partition_of

SQL = ROOT / "demo" / "sql"
LINES = '[{"description": "Pro", "amount": "119.00"}]'
ENDED = frozenset({"VERIFIED", "REFUSED", "SUPERSEDED", "REJECTED"})
GIVE_UP_S = 600.0
_READING = {
    "group.id": "concord-bench",
    "enable.auto.commit": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
}
Record = dict[str, Any]


@dataclass(frozen=True)
class _Services:
    """The demo ERP and support desk of this run."""

    urls: dict[str, str]

    def lose(self, share: float) -> None:
        """Break the connection under this share of the writes, half before and half after the commit."""
        for url in self.urls.values():
            for kind in ("drop_before_commit", "drop_after_commit"):
                httpx.post(f"{url}/control/faults", json={"kind": kind, "probability": share / 2}).raise_for_status()

    def effects(self) -> dict[str, int]:
        """Writes carried out, by correction."""
        counts: dict[str, int] = {}
        for url in self.urls.values():
            counts |= httpx.get(f"{url}/control/effects", timeout=30).json()
        return counts


def dispatch(settings: Settings, corrections: int, lost: float, reporter: Reporter) -> Record:
    """Send so many corrections to each of both targets. `lost`: share of the writes whose answer is lost.

    Raises BenchmarkFailed.
    """
    prefix = f"bench-dispatch-{uuid.uuid4().hex[:6]}."
    folder = Path(tempfile.mkdtemp(prefix="concord-bench-"))
    contracts = Contracts(Registry(settings.registry_api), settings.contracts_dir, prefix)
    ensure(admin(settings.kafka), topic_specs(prefix, settings.partitions))
    try:
        with _services(settings, corrections) as services:
            services.lose(lost)
            wanted = [*_invoices(corrections), *_levels(corrections)]
            _publish(settings, contracts, wanted)
            reporter.step("corrections", len(wanted))
            with _flow(_environment(prefix, folder, services)) as flow:
                records, seconds = _until_ended(settings, contracts, len(wanted), flow, reporter)
            return judged(records, services.effects(), wanted, lost, seconds)
    finally:
        delete_topics(settings.kafka, prefix)
        shutil.rmtree(folder, ignore_errors=True)


def judged(
    records: dict[str, list[Record]], effects: dict[str, int], wanted: list[Record], lost: float, seconds: float
) -> Record:
    """What people read, and whether every correction has ended verified with one effect."""
    last = {name: found[-1] for name, found in records.items()}
    verified = sum(one["state"] == "VERIFIED" for one in last.values())
    double = sum(count > 1 for count in effects.values())
    missing = sum(one["id"] not in effects for one in wanted)
    return {
        "corrections": len(wanted),
        "lost_share": lost,
        "in_doubt": sum(any(one["state"] == "UNKNOWN" for one in found) for found in records.values()),
        "seconds": round(seconds, 2),
        "verified": verified,
        "double_effects": double,
        "missing_effects": missing,
        "targets": [_speed(name, records) for name in ("erp", "support")],
        "right": verified == len(wanted) and not double and not missing,
    }


def _speed(target: str, records: dict[str, list[Record]]) -> Record:
    """Corrections a second of one target, and ms from the first byte sent to the proof that it arrived."""
    stories = [found for found in records.values() if found[-1]["target"] == target]
    took = sorted(
        found[-1]["updated_ms"] - found[-1]["first_sent_ms"] for found in stories if found[-1]["first_sent_ms"]
    )
    if not took:
        raise BenchmarkFailed(f"nothing was sent to {target}. Next step: see the flow's log above")
    first = min(found[-1]["first_sent_ms"] for found in stories if found[-1]["first_sent_ms"])
    span_s = max((max(found[-1]["updated_ms"] for found in stories) - first) / 1000, 0.001)
    return {
        "target": target,
        "per_second": round(len(took) / span_s, 1),
        "p50_ms": took[len(took) // 2],
        "p99_ms": took[min(len(took) * 99 // 100, len(took) - 1)],
    }


@contextlib.contextmanager
def _services(settings: Settings, corrections: int) -> Iterator[_Services]:
    """Fresh databases with one customer and one organization for each correction, and both services over them."""
    tag = uuid.uuid4().hex[:8]
    names = {name: f"bench_{name}_{tag}" for name in ("erp", "support")}
    with psycopg.connect(f"{settings.postgres} dbname=postgres", autocommit=True) as server:
        try:
            for name, database in names.items():
                server.execute(f"CREATE DATABASE {database}".encode())
                with psycopg.connect(f"{settings.postgres} dbname={database}", autocommit=True) as connection:
                    connection.execute((SQL / f"{name}.sql").read_bytes())
                    connection.execute(_ROWS[name], (corrections,))
            with (
                running("erp", f"{settings.postgres} dbname={names['erp']}") as erp,
                running("support", f"{settings.postgres} dbname={names['support']}") as support,
            ):
                yield _Services({"erp": erp, "support": support})
        finally:
            for database in names.values():
                server.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())


_ROWS = {
    "erp": "INSERT INTO customers (code, name, currency) SELECT 'A-' || n, 'Ada', 'EUR' FROM generate_series(1, %s) AS n",
    "support": "INSERT INTO organizations (name, account_ref) SELECT 'Ada', 'A-' || n FROM generate_series(1, %s) AS n",
}


def _invoices(count: int) -> Iterator[Record]:
    """Invoices that the ERP lacks."""
    for number in range(1, count + 1):
        desired = {"reference": f"INV-{number}", "customer": f"A-{number}", "currency": "EUR", "state": "posted"}
        desired |= {"total": "119.00", "lines": LINES}
        yield _intent("erp", "invoice", f"INV-{number}", f"A-{number}", desired, None)


def _levels(count: int) -> Iterator[Record]:
    """Service levels that support has wrong."""
    for number in range(1, count + 1):
        account = f"A-{number}"
        yield _intent(
            "support", "entitlement", account, account, {"service_level": "premium"}, {"service_level": "none"}
        )


def _intent(target: str, kind: str, object_id: str, account: str, desired: Record, current: Record | None) -> Record:
    return {
        "id": uuid.uuid4().hex, "state": "wanted", "rule": f"bench-{kind}", "target": target, "object": kind,
        "object_id": object_id, "account_id": account, "desired": desired, "current": current, "target_ref": None,
        "positions": {"billing": 1}, "since_ms": 0, "due_ms": 0, "risk_minor": None, "risk_currency": None, "mode": "auto",
        "team": "finance",
    }  # fmt: skip


def _environment(prefix: str, folder: Path, services: _Services) -> dict[str, str]:
    """Of the flow: rules that hold nothing back, since it is the targets that are measured."""
    rule = {"owner": "billing", "settle_ms": 0, "mode": "auto", "cap": 10_000_000, "team": "finance"}
    rules = {
        "bench-invoice": {"object": "invoice", "target": "erp", **rule},
        "bench-entitlement": {"object": "entitlement", "target": "support", **rule},
    }
    path = folder / "ownership.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "tiers": ["none", "premium"], "team": "finance", "rules": rules}))
    return os.environ | {
        "CONCORD_PREFIX": prefix,
        "CONCORD_OWNERSHIP": str(path),
        "CONCORD_ERP_URL": services.urls["erp"],
        "CONCORD_SUPPORT_URL": services.urls["support"],
        "CONCORD_METRICS_PORT": "0",
    }


def _publish(settings: Settings, contracts: Contracts, wanted: list[Record]) -> None:
    """Write intents, as the canonical flow would."""
    producer, topic, encode = (
        Producer({"bootstrap.servers": settings.kafka}),
        contracts.topic("intent"),
        contracts.writer("intent"),
    )
    for one in wanted:
        producer.produce(topic, encode(one), one["id"].encode(), partition_of(one["account_id"], settings.partitions))
        producer.poll(0)
    if producer.flush(30):
        raise BenchmarkFailed("the broker did not take the intents. Next step: see `concord stack status`")


@contextlib.contextmanager
def _flow(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`concord run dispatch`, stopped at the end."""
    process = subprocess.Popen([sys.executable, "-m", "dataflows.dispatch"], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _until_ended(
    settings: Settings, contracts: Contracts, count: int, flow: subprocess.Popen[bytes], reporter: Reporter
) -> tuple[dict[str, list[Record]], float]:
    """Every record of every correction once all have ended, and the seconds from start to end."""
    deadline, topic = monotonic() + GIVE_UP_S, contracts.topic("correction")
    found: dict[str, list[Record]] = {}
    ended: set[str] = set()
    with contextlib.closing(Consumer(_READING | {"bootstrap.servers": settings.kafka})) as consumer:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(settings.partitions)])
        while len(ended) < count:
            if flow.poll() is not None:
                reason = f"dispatch ended with exit code {flow.returncode}"
                raise BenchmarkFailed(f"{reason}. Next step: read what it said above")
            if monotonic() > deadline:
                reason = f"{count - len(ended)} corrections did not end within {GIVE_UP_S:.0f} s"
                raise BenchmarkFailed(f"{reason}. Next step: read the flow's log above")
            for message in consumer.consume(500, 0.2):
                if message.error() is None and (value := message.value()) is not None:
                    name, record = (message.key() or b"").decode(), contracts.read(value)
                    found.setdefault(name, []).append(record)
                    (ended.add if record["state"] in ENDED else ended.discard)(name)
            reporter.advance(len(ended))
    times = [one["updated_ms"] for records in found.values() for one in records]
    return found, (max(times) - min(times)) / 1000

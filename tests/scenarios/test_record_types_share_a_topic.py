"""A topic with invoices, subscriptions and types that nobody mapped, on the real broker: parked by name, once, over kill -9."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.kafka.topics import RETAIN, TopicSpec, admin, ensure
from connectors.registry import Registry
from tests.connectors.events import envelope
from tests.running_stack import RunningStack
from tests.scenarios.hand_made import PARTITIONS, TABLES, HandMade, Place, Row, account, invoice, subscription
from tests.scenarios.input_lab import InputLab

pytestmark = pytest.mark.stack
MAPPED = {"invoices": "acme.Invoice", "subscriptions": "acme.Subscription"}
UNMAPPED = {f"memos{n}": f"acme.v{n}.Memo" for n in range(3)}


def full_name(source: str, record: str) -> str:
    """A record of one source alone, so that no other test's schema is in its way."""
    return f"{source.replace('-', '_')}.{record}"


class Routed(HandMade):
    """Billing behind a router: some tables on one topic, each record named by its type, subjects named by the record."""

    def write(self, table: str, key: bytes | None, value: bytes | None, partition: int = -1) -> Place:
        """Accounts keep their own topic."""
        if table not in MAPPED | UNMAPPED:
            return super().write(table, key, value, partition)
        return self._write(f"{self.name}.events", key, value, partition)

    def writer_of(self, table: str) -> Callable[[dict[str, Any]], bytes]:
        """Encodes envelopes under the name of the record."""
        record = (MAPPED | UNMAPPED).get(table)
        if record is None:
            return super().writer_of(table)
        namespace, _, short = full_name(self.name, record).rpartition(".")
        columns = TABLES.get(table, (("id", "long"), ("text", "string")))
        return self._writer(f"{namespace}.{short}", envelope(*columns) | {"name": short, "namespace": namespace})


class RoutedLab(InputLab):
    """A lab whose billing is routed."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        """The topic is there before the flow starts."""
        super().__init__(stack, folder)
        ensure(admin(self.settings.kafka), [TopicSpec(f"{self.billing.name}.events", PARTITIONS, RETAIN)])
        registry = Registry(self.settings.registry_api)
        self.billing = Routed(self.settings.kafka, registry, self.billing.name, self.billing.clock_ms)

    def _map(self, system: str, name: str) -> str:
        super()._map(system, name)
        if system == "billing":
            path = self._folder / name / "mapping.yaml"
            data = yaml.safe_load(path.read_text())
            for table, record in MAPPED.items():
                data["tables"][f"public.{table}"] |= {"topic": f"{name}.events", "record": full_name(name, record)}
            path.write_text(yaml.safe_dump(data, sort_keys=False))
        return name


@pytest.fixture
def lab(stack: RunningStack, tmp_path: Path) -> Iterator[RoutedLab]:
    """A flow of two processes with account A-1."""
    lab = RoutedLab(stack, tmp_path)
    try:
        lab.configure(2)
        lab.flow.start()
        lab.billing.commit(account(1))
        lab.beat(10)
        lab.caught_up()
        yield lab
    finally:
        lab.close()


def memo(table: str, number: int) -> Row:
    """A row of a type that nobody mapped, with the key of an invoice."""
    return Row(table, "c", {"id": number, "text": "call back"})


def test_types_nobody_mapped_are_parked_once_over_a_kill(lab: RoutedLab) -> None:
    """G16 (input): decoded by id alone; each unmapped record is told by its name, once; rows of its key and transaction go on."""
    places: Counter[str] = Counter()
    for number in range(6):
        table = f"memos{number % 3}"
        rows = (memo(table, number), invoice(number, 1), subscription(number, 1))
        places[full_name(lab.billing.name, UNMAPPED[table])] += 1
        lab.billing.commit(*rows)
        if number in (1, 3):
            lab.restart()
    lab.beat(10)
    lab.caught_up()
    lab.until(lambda: len(lab.parked()) >= 6, "six parked records")
    told = Counter(one["reason"].split()[2] for one in lab.parked() if one["code"] == "UNMAPPED_RECORD_TYPE")
    assert told == places
    assert {f"INV-{n}" for n in range(6)} <= lab.newest("invoice").keys()
    assert {f"SUB-{n}" for n in range(6)} <= lab.newest("subscription").keys()
    status = lab.status()
    assert status["parked"]["by_reason"] == {"UNMAPPED_RECORD_TYPE": 6}
    assert status["balance"]["balanced"] and status["balance"]["parked"] == 6
    lab.billing.commit(invoice(3, 1, total_minor=12_300)._replace(op="u"), memo("memos0", 3))
    lab.beat(10)
    lab.caught_up()
    assert lab.newest("invoice")["INV-3"]["total_minor"] == 12_300
    assert not [
        subject for subject in Registry(lab.settings.registry_api).subjects() if f"{lab.billing.name}.events" in subject
    ]

"""A flow whose mapping changes between two starts, and what it wrote for that."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import KafkaException

from connectors.contracts import SINGLE, TOPICS
from connectors.kafka.restore import read_all
from dataflows.settings import ROOT
from tests.chaos.flow_process import CONCORD
from tests.scenarios.hand_made import account, customer, invoice, sales_invoice, subscription
from tests.scenarios.input_lab import WAIT_S, InputLab

ACCOUNTS = 40
#: contracts that say what is so; the others say what happened
STATE = tuple(
    name for name, (topic, _) in TOPICS.items() if topic.startswith("canonical.") and name not in ("change", "progress")
)


class Written(NamedTuple):
    """One record of an output topic; `value` None is a tombstone."""

    kind: str
    key: str
    value: Any
    headers: dict[str, bytes]


class MappingLab:
    """Billing and ERP rows of some accounts; `change` edits a source's mapping, `news` is what was written since."""

    def __init__(self, lab: InputLab) -> None:
        """The mapping of invoices lacks `due_on` at first."""
        self.lab = lab
        self.billing, self.erp = lab.settings.sources
        self._seen: dict[tuple[str, int], int] = {}
        self.edit(self.billing, ("      due_on: {date: due_on}\n", ""))

    def edit(self, source: str, *changes: tuple[str, str]) -> None:
        """Replace texts in a mapping."""
        path = self.lab.settings.sources_dir / source / "mapping.yaml"
        text = path.read_text()
        for old, new in changes:
            assert old in text, f"{old!r} is not in {path}"
            text = text.replace(old, new)
        path.write_text(text)

    def fill(self) -> None:
        """Accounts with an invoice, every fourth with a subscription, every second with an ERP customer who has the invoice."""
        for n in range(1, ACCOUNTS + 1):
            rows = [account(n), invoice(n, n)]
            self.lab.billing.commit(*rows, *([subscription(n, n)] if n % 4 == 0 else []))
            if n % 2 == 0:
                self.lab.erp.commit(customer(n), sales_invoice(n, n))
        self.lab.beat(10_000)

    def publish(self) -> None:
        """Run the flow until all is published and some rows were changed since, then stop it."""
        self.lab.flow.start()
        self.lab.caught_up()
        self.lab.billing.commit(*(invoice(n, n, status="paid")._replace(op="u") for n in (1, 2, 3)))
        self.lab.caught_up()
        assert self.lab.flow.stop() == 0
        self.news()

    def news(self) -> list[Written]:
        """Records of the output topics, facts included, that were not seen before."""
        kinds = {self.lab.prefix + topic: name for name, (topic, _) in TOPICS.items()} | {
            f"{self.lab.prefix}facts": "facts"
        }
        out: list[Written] = []
        for topic, kind in kinds.items():
            numbers = [0] if kind in SINGLE else list(range(self.lab.settings.partitions))
            for message in self._messages(topic, numbers):
                place, offset = (topic, message.partition() or 0), message.offset() or 0
                if offset <= self._seen.get(place, -1):
                    continue
                self._seen[place] = offset
                value = message.value()
                body = value if value is None or kind == "facts" else self.lab.decoder.decode(value)
                headers = {name: bytes(one or b"") for name, one in message.headers() or []}
                out.append(Written(kind, (message.key() or b"").decode(), body, headers))
        return out

    def _messages(self, topic: str, numbers: list[int]) -> list[Any]:
        with suppress(KafkaException):  # a topic of another flow may not exist
            batches = read_all(self.lab.settings.kafka, [(topic, number) for number in numbers])
            return [message for batch in batches for message in batch]
        return []

    def run_until(self, *lines: str) -> None:
        """Start the flow and return as soon as its log says one of these once more."""
        before = [self.count(line) for line in lines]
        self.lab.flow.start()
        self._wait(lambda: [self.count(line) for line in lines] != before, " or ".join(lines))

    def second_start(self) -> subprocess.CompletedProcess[str]:
        """Another start of the same flow, without a port of its own to fight for."""
        return subprocess.run(
            [CONCORD, "run", "canonical"],
            env={**os.environ, **self.lab.environment(CONCORD_METRICS_PORT="0")},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def kill_after(self, delay_s: float) -> None:
        """kill -9 of the flow, so long after now."""
        over = time.monotonic() + delay_s
        while self.lab.flow.running and time.monotonic() < over:
            time.sleep(0.001)
        self.lab.flow.kill_all()

    def count(self, line: str) -> int:
        """How often the flow's log says this."""
        log = self.lab.flow.log
        return log.read_text().count(line) if log.exists() else 0

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, f"no {what!r} in {WAIT_S:.0f} s\n{self.lab.flow.tail()}"
            assert self.lab.flow.running, f"the flow ended with {self.lab.flow.exit_code}\n{self.lab.flow.tail()}"
            time.sleep(0.001)

    def view(self) -> dict[tuple[str, str], Any]:
        """The live canonical records, and what the open intents want; an entitlement without its positions."""
        kinds = {self.lab.prefix + TOPICS[kind][0]: kind for kind in STATE}
        live: dict[tuple[str, int, str], bytes] = {}
        for topic in kinds:
            for message in self._messages(topic, list(range(self.lab.settings.partitions))):
                place = kinds[topic], message.partition() or 0, (message.key() or b"").decode()
                live.pop(place, None)
                if (value := message.value()) is not None:
                    live[place] = value
        assert len({(kind, key) for kind, _, key in live}) == len(live), "an object lives in two partitions"
        found = {(kind, key): self.lab.decoder.decode(value) for (kind, _, key), value in live.items()}
        for intent in self.lab.newest("intent").values():
            if intent["state"] in ("settling", "wanted"):
                found["intent", f"{intent['rule']} {intent['object_id']}"] = intent["desired"]
        for (kind, _), body in found.items():
            if kind == "entitlement":
                body.pop("positions")
        return found

    def preview(self, source: str, before: Path) -> dict[str, Any]:
        """What `concord mapping preview --facts` says of a source against the folder that it had before."""
        done = subprocess.run(
            [
                CONCORD,
                "mapping",
                "preview",
                self.lab.settings.sources_dir / source,
                "--against",
                before,
                "--facts",
                "--json",
            ],
            env={**os.environ, **self.lab.environment()},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def fresh(self) -> dict[tuple[str, str], Any]:
        """The view of a flow that never knew another mapping, over the same input."""
        own = self.lab.prefix
        self.lab.publish_under(f"{own}fresh.")
        self.lab.flow.start()
        self.lab.caught_up()
        found = self.view()
        self.lab.flow.stop()
        self.lab.publish_under(own)
        return found

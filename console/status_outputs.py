"""The output topics as `concord status` looks at them: an answer takes seconds, however old the topics are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from confluent_kafka import IsolationLevel, Message
from confluent_kafka.admin import AdminClient

from connectors.contracts import Contracts
from connectors.kafka.end_offsets import end_offsets, first_offsets
from connectors.kafka.restore import read_all
from connectors.kafka.topics import partition_counts
from connectors.registry import RegistryUnavailable
from console.status_report import ParkedSample, Report
from dataflows.settings import Settings
from dataflows.start import last_progress

#: parked records shown one by one, the newest of each reason
SAMPLES_PER_REASON = 3
#: offsets before the end of each partition that are looked at
LOOKED_AT_MAX = 25_000


class Outputs:
    """The output topics, read to their end; of a long one only the newest records, which the report says."""

    def __init__(self, settings: Settings, client: AdminClient, contracts: Contracts, report: Report) -> None:
        self._settings, self._client, self._contracts, self._report = settings, client, contracts, report
        self._failed = False

    def _messages(self, name: str) -> Iterator[Message]:
        topic = self._contracts.topic(name)
        partitions = [(topic, n) for n in range(partition_counts(self._client, [topic]).get(topic, 0))]
        if not partitions:
            return
        first, end = (
            ask(self._client, partitions, IsolationLevel.READ_UNCOMMITTED) for ask in (first_offsets, end_offsets)
        )
        if any(end[partition] - first[partition] > LOOKED_AT_MAX for partition in partitions):
            self._report.partial.append(topic)
        for batch in read_all(self._settings.kafka, partitions, LOOKED_AT_MAX):
            yield from batch

    def _record(self, value: bytes) -> dict[str, Any] | None:
        if self._failed:
            return None
        try:
            record: dict[str, Any] = self._contracts.read(value)
        except RegistryUnavailable as error:
            self._failed = True
            self._report.unreachable.append(str(error))
            return None
        return record

    def progress(self) -> dict[str, Any] | None:
        """The newest progress record of the canonical flow; None where it has never run."""
        topic = self._contracts.topic("progress")
        if not partition_counts(self._client, [topic]).get(topic):
            return None
        try:
            return last_progress(self._settings, self._contracts)
        except RegistryUnavailable as error:
            self._failed = True
            self._report.unreachable.append(str(error))
            return None

    def parked(self) -> None:
        """Count the parked records by reason and keep the newest of each as samples, whatever order they are read in."""
        newest: dict[str, list[tuple[tuple[int, int, int], ParkedSample]]] = {}
        for message in self._messages("parked"):
            value = message.value()
            record = None if value is None else self._record(value)
            if record is None:
                continue
            code = record["code"]
            self._report.parked[code] += 1
            kept = newest.setdefault(code, [])
            kept.append((_age(message), _sample(record)))
            if len(kept) > SAMPLES_PER_REASON:
                kept.remove(min(kept))
        self._report.parked_samples = [sample for code in sorted(newest) for _, sample in sorted(newest[code])]

    def live(self, name: str) -> list[dict[str, Any]]:
        """The live records of a small compacted topic."""
        found: dict[bytes, bytes | None] = {}
        for message in self._messages(name):
            found[message.key() or b""] = message.value()
        return [record for value in found.values() if value is not None and (record := self._record(value)) is not None]

    def counted(self, name: str, field: str, into: Counter[str]) -> None:
        """Count the live records of a compacted topic by one field."""
        live: dict[bytes, str] = {}
        for message in self._messages(name):
            key, value = message.key() or b"", message.value()
            if value is None:
                live.pop(key, None)
            elif (record := self._record(value)) is not None:
                live[key] = str(record[field])
        into.update(live.values())


def _age(message: Message) -> tuple[int, int, int]:
    """When a record was written in ms, then its place: partitions are read in no order of their own."""
    return message.timestamp()[1], message.partition() or 0, message.offset() or 0


def _sample(record: dict[str, Any]) -> ParkedSample:
    return ParkedSample(
        record["code"],
        record["topic"],
        record["partition"],
        record["offset"],
        record["account"] or "",
        record["reason"],
    )

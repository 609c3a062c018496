"""Reads what dispatch has published (corrections, holds) and writes what people decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaException, Producer

from connectors.contracts import Contracts
from connectors.kafka.restore import latest, read_to_end
from connectors.kafka.topics import KafkaUnavailable, admin, partition_counts
from state.correcting.correction import Correction
from state.correcting.correction_record import correction_from
from state.correcting.decision import Decision, decision_from, decision_record
from state.correcting.hold import Hold, hold_from

_FLUSH_SECONDS = 20.0


class CorrectionStore:
    """The topics of dispatch as people see them. Every look reads to the end as it is then."""

    def __init__(self, bootstrap: str, contracts: Contracts) -> None:
        self._bootstrap, self._contracts = bootstrap, contracts
        self._client = admin(bootstrap)

    def corrections(self) -> dict[str, Correction]:
        """The newest record of each correction."""
        return {record["id"]: correction_from(record) for record in self._live("correction")}

    def holds(self) -> dict[str, Hold]:
        """The holds of now."""
        return {record["id"]: hold_from(record) for record in self._live("hold")}

    def intents(self, names: frozenset[str]) -> dict[str, dict[str, Any]]:
        """The newest record of some intents."""
        return {record["id"]: record for record in self._live("intent", names)}

    def history(self, correction_id: str) -> list[Correction]:
        """Every record of one correction that the topic still holds, oldest first."""
        return [correction_from(record) for record in self._of_key("correction", correction_id)]

    def decisions(self, subjects: frozenset[str]) -> list[Decision]:
        """What people decided about these subjects, oldest first."""
        found = [decision_from(record) for name in sorted(subjects) for record in self._of_key("decision", name)]
        return sorted(found, key=lambda decision: decision.at_ms)

    def decide(self, decision: Decision) -> None:
        """Write a decision; it is durable when this returns. Raises KafkaUnavailable."""
        producer = Producer({"bootstrap.servers": self._bootstrap, "enable.idempotence": True, "linger.ms": 0})
        failed: list[str] = []
        value = self._contracts.writer("decision")(decision_record(decision))
        producer.produce(
            self._contracts.topic("decision"),
            value,
            decision.subject.encode(),
            0,
            on_delivery=lambda error, _: failed.append(error.str()) if error else None,
        )
        if producer.flush(_FLUSH_SECONDS) or failed:
            raise KafkaUnavailable(
                f"the decision could not be written to Kafka at {self._bootstrap} ({', '.join(failed) or 'no answer'}). "
                f"Next step: look whether it runs, then decide again"
            )

    def _partitions(self, name: str) -> list[int]:
        topic = self._contracts.topic(name)
        return list(range(partition_counts(self._client, [topic]).get(topic, 0)))

    def _live(self, name: str, keys: frozenset[str] | None = None) -> Iterator[dict[str, Any]]:
        found = latest(self._bootstrap, self._contracts.topic(name), self._partitions(name))
        for key, value in found.items():
            if keys is None or key.decode() in keys:
                yield self._contracts.read(value)

    def _of_key(self, name: str, key: str) -> Iterator[dict[str, Any]]:
        wanted = key.encode()
        try:
            for batch in read_to_end(self._bootstrap, self._contracts.topic(name), self._partitions(name)):
                for message in batch:
                    value = message.value()
                    if message.key() == wanted and value is not None:
                        yield self._contracts.read(value)
        except KafkaException as error:
            raise KafkaUnavailable(
                f"topic {self._contracts.topic(name)} cannot be read ({error.args[0].str()}). Next step: look whether "
                f"Kafka at {self._bootstrap} runs"
            ) from error

"""What the output topics hold of one partition, and what of an account derived anew is news to their readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.contracts import TOPICS, Contracts
from connectors.cut_metrics import SERIAL_EXCEPTIONS
from connectors.kafka.restore import read_all
from connectors.kafka.topics import COMPACT
from connectors.kafka.transactor import Record
from state.output import Output
from state.rederivation import orphaned, same_exception

#: contracts of canonical objects
OBJECTS = tuple(
    name for name, (topic, policy) in TOPICS.items() if topic.startswith("canonical.") and policy is COMPACT
)
#: an object is not published anew for these alone
_NOT_ALONE: dict[str, dict[str, Any]] = {"entitlement": {"positions": {}}}
_OPEN = ("settling", "wanted")


class Published:
    """Digests of the objects' records; intents and exceptions that are open."""

    def __init__(self, kafka: str, contracts: Contracts, number: int) -> None:
        """Reads the partition `number` of every topic."""
        self._contracts, self._number = contracts, number
        self._of: dict[str, dict[bytes, int]] = {kind: {} for kind in OBJECTS}
        self.intents: dict[str, list[dict[str, Any]]] = {}
        self._exceptions: dict[bytes, dict[str, Any]] = {}
        kinds = {contracts.topic(kind): kind for kind in (*OBJECTS, "intent", "exception")}
        intents: dict[bytes, dict[str, Any]] = {}
        for batch in read_all(kafka, [(topic, number) for topic in kinds]):
            for message in batch:
                kind, key, value = kinds[message.topic() or ""], message.key() or b"", message.value()
                if kind == "intent":
                    _take(intents, key, None if value is None else contracts.read(value))
                elif kind == "exception":
                    if not key.startswith(SERIAL_EXCEPTIONS):
                        _take(self._exceptions, key, None if value is None else contracts.read(value))
                elif value is None:
                    self._of[kind].pop(key, None)
                else:
                    self._of[kind][key] = self._digest(kind, value)
        for intent in intents.values():
            if intent["state"] in _OPEN:
                self.intents.setdefault(intent["account_id"], []).append(intent)

    def exceptions(self) -> dict[str, list[dict[str, Any]]]:
        """Open exceptions by account."""
        found: dict[str, list[dict[str, Any]]] = {}
        for exception in self._exceptions.values():
            found.setdefault(exception["account"], []).append(exception)
        return found

    def news(self, output: Output) -> Iterator[Record]:
        """The records of an output that readers do not have yet."""
        for kind, name, _account, body in output.records:
            key = name.encode()
            if body is not None and kind in self._of:
                value = self._contracts.writer(kind)(body)
                if self._of[kind].pop(key, None) != self._digest(kind, value, body):
                    yield self._contracts.topic(kind), self._number, key, value
            elif kind == "change":  # what could not be told before: its note goes with it
                yield self._record(kind, name, body)
        for name, intent in output.intents:
            yield self._record("intent", name, intent)
        for name, exception in output.exceptions:
            if exception is not None and not same_exception(self._exceptions.pop(name.encode(), None), exception):
                yield self._record("exception", name, exception)

    def rest(self, accounts: Iterator[str]) -> Iterator[Record]:
        """After all accounts (their names): what nothing says any more, and the intents of accounts that are gone."""
        for kind, digests in self._of.items():
            for key in digests:
                yield self._contracts.topic(kind), self._number, key, None
        for key in self._exceptions:
            yield self._contracts.topic("exception"), self._number, key, None
        for name, intent in orphaned(accounts, self.intents):
            yield self._record("intent", name, intent)

    def _record(self, contract: str, name: str, body: dict[str, Any] | None) -> Record:
        value = None if body is None else self._contracts.writer(contract)(body)
        return self._contracts.topic(contract), self._number, name.encode(), value

    def _digest(self, kind: str, value: bytes, body: dict[str, Any] | None = None) -> int:
        if (without := _NOT_ALONE.get(kind)) is not None:
            value = self._contracts.writer(kind)({**(body or self._contracts.read(value)), **without})
        return hash(value)


def _take(into: dict[bytes, dict[str, Any]], key: bytes, body: dict[str, Any] | None) -> None:
    if body is None:
        into.pop(key, None)
    else:
        into[key] = body

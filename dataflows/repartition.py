"""The output topics anew under another prefix, with another number of partitions: nothing is read from the sources again.

Another number of partitions moves keys, and in a topic that grows in place a reader may meet the tombstone of the old
place after the record of the new one. So every live record is written into new topics, to the partition that is its own
there, with the offsets of both flows and the progress record, in one Kafka transaction: killed before its end, nothing
of it is visible, and the command does it again. The old topics are only read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Message
from confluent_kafka.admin import AdminClient

from connectors.contracts import SINGLE, TOPICS, Contracts, topic_specs
from connectors.cut_metrics import SERIAL_EXCEPTIONS
from connectors.facts import home_key, read_fact
from connectors.kafka.offsets import Vector
from connectors.kafka.restore import latest, read_to_end
from connectors.kafka.topics import admin, ends, ensure, partition_counts, topic_ids
from connectors.kafka.transactor import Headers, Record, Transactor
from connectors.laps import Laps
from connectors.mappings.versions import header
from dataflows import bootstrap, dispatch
from dataflows.progress import headers, progress_body
from dataflows.settings import Settings
from dataflows.start import CannotRepartition, Start, begin, demand_newest, transactor_config
from state.routing import partition_of

#: the longest transaction that a broker allows by default
TIMEOUT_MS = 900_000
#: written by dispatch, with headers of their own
_OF_DISPATCH = ("correction", "attention", "hold", "decision", "audit")
#: every record counts, not only the newest of a key
_LOGS = ("decision", "audit", "parked")
#: readers have read these events, or read the old topic to its end
_LEFT = ("change", "progress")


class Done(NamedTuple):
    """What was written: the commit number of the cut, and how many records of each topic."""

    commit: int
    records: Counter[str]


def repartition(settings: Settings, prefix: str, partitions: int) -> Done:
    """Write the state of the flows of `settings` under another prefix. Fences them: they must not run.

    Raises CannotRepartition, StartRefused, StartRace, Fenced, KafkaUnavailable, RegistryError.
    """
    client = admin(settings.kafka)
    target = settings.model_copy(
        update={"prefix": prefix, "partitions": partitions, "transaction_timeout_ms": TIMEOUT_MS}
    )
    _demand_nothing_there(client, settings, target)
    old = bootstrap.contracts(settings)
    start = begin(settings, bootstrap.model(settings), old, client, Laps(settings.flow))
    if start.commit == 0:
        raise CannotRepartition(
            f"nothing was published under {settings.prefix} yet. Next step: set CONCORD_PARTITIONS and start the flow"
        )
    read_by_dispatch, _ids = dispatch.begin(settings, old)
    places = [(one.name, number) for one in topic_specs(settings.prefix, settings.partitions)
              for number in range(one.partitions)]  # fmt: skip
    before = ends(settings.kafka, places)
    ensure(client, topic_specs(prefix, partitions))
    transactor = Transactor(transactor_config(target), {}, start.ids)
    try:
        done = _Carrier(settings, target, old, bootstrap.contracts(target), start, transactor).carry(read_by_dispatch)
        if ends(settings.kafka, places) != before:
            raise CannotRepartition(
                f"a flow has written under {settings.prefix} meanwhile. Next step: stop the flows of that prefix and "
                f"their supervisors, then run this again"
            )
        demand_newest(settings, old, start.commit)
        transactor.commit(start.vector)
    finally:
        transactor.abort()
        transactor.close()
    return done


def _demand_nothing_there(client: AdminClient, settings: Settings, target: Settings) -> None:
    """See that no record is visible under the new prefix: what a killed attempt left is not."""
    if target.prefix == settings.prefix:
        raise CannotRepartition("the new topics need a prefix of their own. Next step: give another one by --to-prefix")
    specs = {spec.name: spec.partitions for spec in topic_specs(target.prefix, target.partitions)}
    for name, found in partition_counts(client, list(specs)).items():
        visible = [one for batch in read_to_end(settings.kafka, name, list(range(found))) for one in batch]
        if visible or found != specs[name]:
            raise CannotRepartition(
                f"topic {name} is there already, with {found} partitions and {len(visible)} records. Next step: give "
                f"another prefix by --to-prefix, or delete the topics of that one"
            )


class _Carrier:
    """Writes what is live into the open transaction of the new prefix."""

    def __init__(
        self,
        settings: Settings,
        target: Settings,
        old: Contracts,
        new: Contracts,
        start: Start,
        transactor: Transactor,
    ) -> None:
        self._settings, self._target = settings, target
        self._old, self._new = old, new
        self._start, self._transactor = start, transactor
        self._commit = start.commit + 1
        self._headers = headers(
            settings.flow, self._commit, start.position.frontier, header(start.before or start.versions)
        )
        self._done: Counter[str] = Counter()

    def carry(self, read_by_dispatch: Vector) -> Done:
        """Everything but the commit."""
        offsets: Vector = {}
        for name in TOPICS:
            if name in _LEFT:
                continue
            if name in ("intent", "decision"):
                offsets |= self._read_in_part(name, read_by_dispatch)
                continue
            for number in self._numbers(name):
                for message in self._messages(name, number):
                    self._write(name, self._place(name, number, message), message)
        self._facts()
        topics = [self._new.topic("intent"), self._new.topic("decision")]
        ids = topic_ids(admin(self._settings.kafka), topics)
        if any(read_by_dispatch.values()):
            self._transactor.carry(dispatch.flow_id(self._target), offsets, ids)
        start, flow = self._start, self._settings.flow
        body = progress_body(flow, self._commit, start.position, start.vector, start.before or start.versions)
        progress = self._new.writer("progress")(body)
        self._transactor.produce([(self._new.topic("progress"), 0, flow.encode(), progress)], self._headers)
        return Done(self._commit, self._done)

    def _numbers(self, name: str) -> range:
        return range(1 if name in SINGLE else self._settings.partitions)

    def _messages(self, name: str, number: int, read: int | None = None) -> Iterator[Message]:
        """Of one partition: all of a log, else the newest of each key; tombstones only from the offset `read` on."""
        newest: dict[bytes, Message] = {}
        for batch in read_to_end(self._settings.kafka, self._old.topic(name), [number]):
            for message in batch:
                if name in _LOGS:
                    yield message
                    continue
                key = message.key() or b""
                newest.pop(key, None)  # the order is that of the newest records
                if message.value() is not None or (read is not None and (message.offset() or 0) >= read):
                    newest[key] = message
        yield from newest.values()

    def _read_in_part(self, name: str, read: Vector) -> Vector:
        """What dispatch has read comes first in each new partition; the offsets after it."""
        topic, new = self._old.topic(name), self._new.topic(name)
        count = 1 if name in SINGLE else self._target.partitions
        after = ends(self._settings.kafka, [(new, number) for number in range(count)])
        unread: list[tuple[int, Message]] = []
        for number in self._numbers(name):
            stood = read[topic, number]
            for message in self._messages(name, number, stood):
                place = self._place(name, number, message)
                if (message.offset() or 0) >= stood:
                    unread.append((place, message))
                else:
                    self._write(name, place, message)
                    after[new, place] += 1
        for place, message in unread:
            self._write(name, place, message)
        return after

    def _place(self, name: str, number: int, message: Message) -> int:
        """Where the record belongs under the new number of partitions. Raises CannotRepartition."""
        key, value = message.key() or b"", message.value()
        text = key.decode(errors="replace")
        if name in SINGLE:
            return 0
        if name == "parked":
            return -1  # by its key, as it was written
        if value is None:  # nothing else of this key is written
            return partition_of(text, self._target.partitions)
        if name == "account" or (name == "exception" and key.startswith(SERIAL_EXCEPTIONS)):
            return self._moved(self._old.topic(name), number, text, text)
        body = self._old.read(value)
        decides = body["account_id"] if "account_id" in body else body["account"]
        return self._moved(self._old.topic(name), number, text, decides)

    def _moved(self, topic: str, number: int, key: str, decides: str) -> int:
        """The new partition. The old one must follow from the same rule, or nobody knows how the topic was written."""
        if partition_of(decides, self._settings.partitions) != number:
            raise CannotRepartition(
                f"record {key} of {topic} lies in partition {number}, where {decides} does not belong: the topic was "
                f"changed by somebody else. Next step: start anew under another CONCORD_PREFIX (docs/operations.md)"
            )
        return partition_of(decides, self._target.partitions)

    def _write(self, name: str, place: int, message: Message) -> None:
        said: Headers = self._headers
        if name in _OF_DISPATCH:
            theirs = message.headers() or []
            said = list(theirs.items()) if isinstance(theirs, dict) else theirs
        record: Record = self._new.topic(name), place, message.key() or b"", message.value()
        self._transactor.produce([record], said)
        self._done[TOPICS[name][0]] += 1

    def _facts(self) -> None:
        """The rows and notes themselves: they have no contract, and no headers."""
        for number in range(self._settings.partitions):
            topic = f"{self._settings.prefix}facts"
            live = latest(self._settings.kafka, topic, [number])
            for key, value in live.items():
                place = self._moved(topic, number, key.decode(), home_key(read_fact(key, value)))
                self._transactor.produce([(f"{self._target.prefix}facts", place, key, value)])
            self._done["facts"] += len(live)

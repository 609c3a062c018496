"""The view derived anew from `concord.facts` after a change of mapping or rules: what differs, in one cut.

It runs before the flow does. Each partition's accounts are derived a few at a time and compared with what its topics
hold; what differs waits on disk; then one Kafka transaction publishes it, with the progress record that says which
mapping the view is of. Killed before the commit, nothing of it is visible, and the next start does it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from connectors.capturing.debezium import Peek
from connectors.contracts import Contracts
from connectors.facts import note_record
from connectors.kafka.restore import latest, read_to_end
from connectors.kafka.spool import Spool
from connectors.kafka.transactor import Record, Transactor
from connectors.log import logger
from connectors.mappings.versions import header, places_anew, words
from dataflows import bootstrap
from dataflows.progress import headers, progress_body
from dataflows.published import Published
from dataflows.replaced import Replaced
from dataflows.settings import Settings
from dataflows.start import Start, demand_newest, transactor_config
from dataflows.stored import AsStored, FactRecord
from state.model import Model
from state.rederivation import Opened, derive
from state.step import ticked

#: pause between two lines about how far it is
_REPORT_SECONDS = 5.0


def rederive(settings: Settings, model: Model, contracts: Contracts, start: Start) -> Start:
    """Publish what differs; the start to go on with. Raises StartRace, Fenced, CannotPlace."""
    log = logger(settings.flow)
    transactor = Transactor(transactor_config(settings), start.vector, start.ids)
    try:
        demand_newest(settings, contracts, start.commit)
        with Spool() as spool:
            work = _Work(settings, model, contracts, start, spool)
            log.info("deriving anew", changed=words(start.before, start.versions))
            started = time.monotonic()
            work.take_along()
            for number in range(settings.partitions) if start.position.live else ():
                work.partition(number)
            after = work.finish()
            log.info("publishing what differs", records=len(spool), seconds=round(time.monotonic() - started, 3))
            _publish(settings, contracts, transactor, after, spool)
    finally:
        transactor.close()
    log.info("derived anew", commit=after.commit, records=work.by_topic)
    return after


class _Work:
    """One derivation of everything: what it needs, and how far it is."""

    def __init__(self, settings: Settings, model: Model, contracts: Contracts, start: Start, spool: Spool) -> None:
        self._settings, self._contracts, self._start, self._spool = settings, contracts, start, spool
        self._log = logger(settings.flow)
        known = bootstrap.schemas(settings)
        self._open_shard = bootstrap.shards(settings, model, known)
        self._facts = f"{settings.prefix}facts"
        self._replaced: Replaced | None = None
        if places_anew(start.before, start.versions):
            self._replaced = Replaced(model, Peek(known, model), settings.partitions, self._facts, self._read)
        self._stored = self._replaced or AsStored(model, self._read)
        self.by_topic: dict[str, int] = {}

    def _read(self, partitions: list[int]) -> Iterable[FactRecord]:
        for batch in read_to_end(self._settings.kafka, self._facts, partitions):
            for message in batch:
                yield message.partition() or 0, message.key() or b"", message.value()

    def take_along(self) -> None:
        """Keep what is noted of rows that move: it comes before what the derivation notes of them."""
        if self._replaced is not None:
            self._keep(self._replaced.notes())

    def partition(self, number: int) -> None:
        """Derive the accounts of one partition and keep what differs."""
        started = reported = time.monotonic()
        published = Published(self._settings.kafka, self._contracts, number)
        accounts, notes = self._stored.rows(number)
        opened = Opened(published.intents, published.exceptions(), notes)
        clock_ms, done, differing = ticked(self._start.position.clock_ms), 0, 0
        faults: dict[str, int] = {}
        for derived in derive(self._open_shard, accounts, opened, clock_ms):
            differing += self._keep(published.news(derived.output))
            self._keep((self._facts, number, *note_record(note)) for note in derived.output.notes)
            for _account, fault in derived.faults:
                faults[fault.code] = faults.get(fault.code, 0) + 1
            done += len({account for _, _, account, _ in derived.output.records})
            if time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                self._log.info("deriving", partition=number, accounts=done, of=len(accounts), differing=differing)
        differing += self._keep(published.rest(iter(accounts)))
        seconds = round(time.monotonic() - started, 3)
        self._log.info(
            "partition derived",
            partition=number,
            accounts=len(accounts),
            differing=differing,
            parked=faults,
            seconds=seconds,
        )

    def _keep(self, records: Iterable[Record]) -> int:
        def counted() -> Iterable[Record]:
            for record in records:
                self.by_topic[record[0]] = self.by_topic.get(record[0], 0) + 1
                yield record

        return self._spool.write(counted())

    def finish(self) -> Start:
        """Keep what has to be stored anew; the start that stands behind this cut."""
        counts = dict(self._start.position.counts)
        if self._replaced is not None:
            self._keep(self._replaced.changes(ticked(self._start.position.clock_ms)))
            topic = self._contracts.topic("exception")
            told = latest(self._settings.kafka, topic, list(range(self._settings.partitions)))
            found = (f"waiting:{name}:{key}".encode() for name, key in self._replaced.found())
            self._keep((topic, -1, name, None) for name in found if name in told)
            for name, n in self._replaced.counts().items():
                counts[name] = counts.get(name, 0) + n
        position = replace(self._start.position, counts=counts)
        return replace(self._start, commit=self._start.commit + 1, position=position, before=self._start.versions)


def _publish(settings: Settings, contracts: Contracts, transactor: Transactor, after: Start, spool: Spool) -> None:
    """One transaction: what differs, then the progress record. Input offsets stay where they are."""
    said = headers(settings.flow, after.commit, after.position.frontier, header(after.versions))
    internal = f"{settings.prefix}facts"
    for record in spool.read():
        transactor.produce([record], None if record[0] == internal else said)
    body = progress_body(settings.flow, after.commit, after.position, {}, after.versions)
    progress = contracts.writer("progress")(body)
    transactor.produce([(contracts.topic("progress"), 0, settings.flow.encode(), progress)], said)
    transactor.commit({})

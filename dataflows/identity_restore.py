"""The identity index out of the facts topic, whatever the order in which its partitions are read."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.facts import Fact, is_waiting, read_fact, split_key
from connectors.kafka.restore import read_to_end
from dataflows.settings import Settings
from state.identity import Identity, Waiting
from state.model import Model
from state.parked import unpack

#: (partition, key, value) of one facts record
FactRecord = tuple[int, bytes, bytes | None]


def restore_identity(settings: Settings, model: Model) -> Identity:
    """Rebuild the index, rows without an account included."""
    partitions = list(range(settings.partitions))
    return index_of(
        model,
        (
            (message.partition() or 0, message.key() or b"", message.value())
            for batch in read_to_end(settings.kafka, f"{settings.prefix}facts", partitions)
            for message in batch
        ),
    )


def index_of(model: Model, records: Iterable[FactRecord]) -> Identity:
    """The index of these records: order holds within a partition only.

    A row that moved between accounts lies in two partitions until the older one's tombstone is read: the later position
    counts, and a tombstone ends only what its own partition said. A waiting row has a key of its own and one partition.
    """
    tables = {table.topic: table.index for table in model.tables}
    placed: dict[tuple[int, str], tuple[int, Fact]] = {}
    waiting: dict[tuple[int, str], Fact] = {}
    for partition, key, value in records:
        topic, row = split_key(key)
        if (table := tables.get(topic)) is None:
            continue
        place = table, row
        if is_waiting(key):
            if value is None:
                waiting.pop(place, None)
            else:
                waiting[place] = read_fact(key, value)
            continue
        found = placed.get(place)
        if value is None:
            if found and found[0] == partition:
                del placed[place]
            continue
        fact = read_fact(key, value)
        if found is None or found[0] == partition or found[1].position <= fact.position:
            placed[place] = partition, fact
    return _build(model, placed, waiting)


def _build(
    model: Model, placed: dict[tuple[int, str], tuple[int, Fact]], waiting: dict[tuple[int, str], Fact]
) -> Identity:
    identity = Identity(model.tables)
    for (table, row), (_partition, fact) in placed.items():
        by_ways = (rule := model.tables[table].account) is not None and rule.kind == "ways"
        identity.load(table, row, fact.account, fact.link, _mark(model, table, fact) if by_ways else None)
    for (table, row), fact in waiting.items():
        identity.load(table, row, "", fact.link)
    for (table, _row), fact in waiting.items():
        identity.load_waiting(_mark(model, table, fact))
    return identity


def _mark(model: Model, table: int, fact: Fact) -> Waiting:
    """The row of a fact, as it was peeked."""
    parked = unpack(fact.frame)
    frame = fact.frame if parked is None else parked.frame
    row = (table, "r", fact.key, 0, 0, 0, fact.link, fact.partition, fact.offset, frame, "", fact.time_ms)
    return Waiting(row, model.tables[table].source, fact.position, fact.time_ms)

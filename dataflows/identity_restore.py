"""The identity index out of the facts topic, whatever the order in which its partitions are read."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.facts import Fact, is_waiting, read_fact, read_note, split_key
from connectors.kafka.restore import read_to_end
from dataflows.settings import Settings
from state.folding.notes import MERGED, Note
from state.model import Model
from state.resolving.identity import Identity, Waiting

#: (partition, key, value) of one facts record
FactRecord = tuple[int, bytes, bytes | None]
#: (table index, primary key text)
RowPlace = tuple[int, str]


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

    A row that moved between accounts lies in two partitions until the older one's tombstone is read, and its position may
    be the same in both: a tombstone ends only what its own partition said. A waiting row has a key of its own and one
    partition.
    """
    tables = {table.topic: table.index for table in model.tables}
    placed: dict[RowPlace, tuple[int, Fact]] = {}
    twice: dict[RowPlace, dict[int, Fact]] = {}
    waiting: dict[RowPlace, Fact] = {}
    merges: dict[bytes, Note] = {}
    for partition, key, value in records:
        topic, row = split_key(key)
        if (table := tables.get(topic)) is None:
            _take_note(key, value, merges)
            continue
        place = table, row
        if is_waiting(key):
            if value is None:
                waiting.pop(place, None)
            else:
                waiting[place] = read_fact(key, value)
        elif place in twice:
            _put(twice[place], partition, key, value)
        elif value is None:
            if place in placed and placed[place][0] == partition:
                del placed[place]
        elif place in placed and placed[place][0] != partition:
            twice[place] = {placed[place][0]: placed.pop(place)[1], partition: read_fact(key, value)}
        else:
            placed[place] = partition, read_fact(key, value)
    for place, found in twice.items():
        if found:  # all tombstones are read, so it is one
            placed[place] = max(found.items(), key=lambda item: item[1].position)
    return _build(model, placed, waiting, merges.values())


def _put(found: dict[int, Fact], partition: int, key: bytes, value: bytes | None) -> None:
    if value is None:
        found.pop(partition, None)
    else:
        found[partition] = read_fact(key, value)


def _take_note(key: bytes, value: bytes | None, merges: dict[bytes, Note]) -> None:
    """Keep notes of merges, let others go."""
    if value is None:
        merges.pop(key, None)
    elif (note := read_note(read_fact(key, value))) is not None and note.kind == MERGED:
        merges[key] = note


def _build(
    model: Model,
    placed: dict[RowPlace, tuple[int, Fact]],
    waiting: dict[RowPlace, Fact],
    merges: Iterable[Note],
) -> Identity:
    identity = Identity(model.tables)
    for (table, row), (_partition, fact) in placed.items():
        identity.load(table, row, fact.account, fact.link)
    for (table, row), fact in waiting.items():
        if fact.frame:
            identity.load(table, row, "", fact.link)
        else:
            identity.load_ghost(table, row, fact.link)
    for note in merges:
        identity.load_merge(note.account, note.body["direct"])
    identity.loaded()
    for (table, _row), fact in waiting.items():
        if fact.frame:
            identity.load_waiting(_mark(model, table, fact))
    return identity


def _mark(model: Model, table: int, fact: Fact) -> Waiting:
    """The row of a fact, as it was peeked; of one that moved to no account, what was stored of it."""
    row = (table, "r", fact.key, 0, 0, 0, fact.link, fact.partition, fact.offset, fact.frame, "", fact.time_ms)
    return Waiting(row, model.tables[table].source, fact.position, fact.time_ms)

"""The identity index out of the live records of the facts topic; the shards are filled from the same look at each record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from connectors.facts import Fact, read_fact, read_note, split_fact
from state.folding.notes import MERGED, Note
from state.mapping.parked import unpack
from state.model import Model
from state.resolving.identity import Identity
from state.resolving.resolved import Waiting

#: bytes of a frame that name its schema
HEAD = 5
#: (partition, key, value) of one facts record
FactRecord = tuple[int, bytes, bytes | None]
#: takes the account, table, key, position, time in ms and frame of a live row
TakeRow = Callable[[str, int, str, int, int, bytes], None]
#: takes the table, key, account and link of a live row
EnterRow = Callable[[int, str, str, str], None]
#: takes what is no row with an account: the fact, and what it notes, if it is a note
TakeOther = Callable[[Fact, Note | None], None]


def index_of(model: Model, records: Iterable[FactRecord]) -> Identity:
    """The index of these records: order holds within a partition only.

    A row that moved between accounts lies in two partitions until the older one's tombstone is read, and its position may
    be the same in both: a tombstone ends only what its own partition said.
    """
    live: dict[int, dict[bytes, bytes]] = {}
    for partition, key, value in records:
        if value is None:
            live.get(partition, {}).pop(key, None)
        else:
            live.setdefault(partition, {})[key] = value
    index, tables = Index(model), {table.topic: table.index for table in model.tables}
    for found in live.values():
        hand_out(found, tables, index.row, None, index.other)
    return index.identity()


def hand_out(
    live: Mapping[bytes, bytes],
    tables: Mapping[str, int],
    enter: EnterRow | None,
    take: TakeRow | None,
    other: TakeOther,
) -> set[bytes]:
    """Parse each of the live records once: to the index, if it is restored here, and to the shard, if that is.

    Returns what names the schemas that the rows of the shard were written with.
    """
    heads: set[bytes] = set()
    for key, value in live.items():
        topic, name, account, link, position, time_ms, frame = split_fact(key, value)
        if (table := tables.get(topic)) is None:
            fact = read_fact(key, value)
            other(fact, read_note(fact))
            continue
        if enter is not None:
            enter(table, name, account, link)
        if take is not None and account:
            take(account, table, name, position, time_ms, frame)
            if frame[:HEAD] not in heads:
                heads.add(head_of(frame))
    return heads


def head_of(frame: bytes) -> bytes:
    """What names the schema of a stored row; a parked one is told by another first byte, and holds its frame further on."""
    parked = unpack(frame)
    return (frame if parked is None else parked.frame)[:HEAD]


class Index:
    """The index while it is put together, from the records of every partition."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._tables = {table.topic: table.index for table in model.tables}
        self._identity = Identity(model.tables)
        self._waiting: list[tuple[int, Fact]] = []
        self._merges: list[Note] = []
        self.row: EnterRow = self._identity.load

    def other(self, fact: Fact, note: Note | None) -> None:
        """A row without an account, or a note."""
        if note is not None and note.kind == MERGED:
            self._merges.append(note)
        elif note is None and (table := self._tables.get(fact.topic)) is not None:
            self._waiting.append((table, fact))

    def identity(self) -> Identity:
        """All of it, rows without an account included."""
        identity = self._identity
        for table, fact in self._waiting:
            if fact.frame:
                identity.load(table, fact.key, "", fact.link)
            else:
                identity.load_ghost(table, fact.key, fact.link)
        for note in self._merges:
            identity.load_merge(note.account, note.body["direct"])
        identity.loaded()
        for table, fact in self._waiting:
            if fact.frame:
                identity.load_waiting(_mark(self._model, table, fact))
        return identity


def _mark(model: Model, table: int, fact: Fact) -> Waiting:
    """The row of a fact, as it was peeked; of one that moved to no account, what was stored of it."""
    row = (table, "r", fact.key, 0, 0, 0, fact.link, fact.partition, fact.offset, fact.frame, "", fact.time_ms)
    return Waiting(row, model.tables[table].source, fact.position, fact.time_ms)

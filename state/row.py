"""The shapes that travel: a peeked row (plain tuple), a change with its account, a whole transaction, a release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice, repeat
from typing import Any, Final, NamedTuple

#: a named tuple of values, without its constructor, which is a function of Python: for those that millions are made of
of_values = tuple.__new__

# Indexes of a peeked row. A plain tuple: millions pass, and only alignment and identity look inside.
TABLE: Final = 0
OP: Final = 1
KEY: Final = 2
TXID: Final = 3
LSN: Final = 4
ORDER: Final = 5
LINK: Final = 6
PARTITION: Final = 7
OFFSET: Final = 8
FRAME: Final = 9
SNAPSHOT: Final = 10
TS_MS: Final = 11
FIELDS: Final = 12
#: bits of a slot number that hold the partition: slot = table << PARTITION_BITS | partition
PARTITION_BITS: Final = 12

#: (table, op, key, txid, lsn, order, link, partition, offset, frame, snapshot, ts_ms); see `connectors/capturing/debezium.py`.
Row = tuple[int, str, str, int, int, int, str | None, int, int, bytes, str, int]


class Change(NamedTuple):
    """One row change with its account. `frame` is the captured value (Confluent frame), empty where the row is retired.

    `op`: c, u, r (the row is now what the frame says), m (it is what it was, but came here from another account: the
    frame is what was stored of it) or d (the row is gone). `link`: what identity restores from.
    `partition`, `offset`: where it was captured; -1 where the change was derived (a truncate, a move).
    """

    account: str
    table: int
    op: str
    key: str
    frame: bytes
    link: str = ""
    partition: int = -1
    offset: int = -1


class Transaction(NamedTuple):
    """A whole source transaction (or one snapshot row run): position is the commit's end LSN, time the commit's, ms."""

    source: str
    position: int
    time_ms: int
    changes: list[Change]


class Release(NamedTuple):
    """What one call of the aligner lets go to one shard: whole transactions in commit order.

    `frontier`: {source: position} after them. `clock_ms`: the commit time up to which every source has been seen.
    `live` is False while a first snapshot is incomplete; `went_live` is True in the one release that completes it.
    `merged`: accounts of this shard whose rows belong to another account since then (or no longer do). `whole` is False
    where other accounts' part of the same transaction is still to come: the shard's own clock stands still until then.
    """

    clock_ms: int
    frontier: dict[str, int]
    transactions: list[Transaction]
    live: bool
    went_live: bool
    merged: Sequence[Merged] = ()
    whole: bool = True

    def __reduce__(self) -> tuple[Callable[..., Release], tuple[Any, ...]]:
        """How a release goes to another process: column by column, for half of what a pickle of each change costs."""
        heads = [(source, position, time_ms, len(changes)) for source, position, time_ms, changes in self.transactions]
        columns = list(zip(*chain.from_iterable([one.changes for one in self.transactions]), strict=True))
        return _release, (self.clock_ms, self.frontier, heads, columns, *self[3:])


def _release(
    clock_ms: int,
    frontier: dict[str, int],
    heads: list[tuple[str, int, int, int]],
    columns: list[tuple[Any, ...]],
    *rest: Any,
) -> Release:
    """A release out of its columns."""
    changes = map(of_values, repeat(Change), zip(*columns, strict=True))
    transactions = [
        Transaction(source, position, time_ms, list(islice(changes, count)))
        for source, position, time_ms, count in heads
    ]
    return Release(clock_ms, frontier, transactions, *rest)


class Merged(NamedTuple):
    """Where an account's rows belong since this transaction: `into` another one, or None where it is one of its own again.

    `direct` is the account that its own mark names; `into` the one at the end of the chain.
    """

    account: str
    into: str | None
    direct: str | None


class BadFrame(NamedTuple):
    """A captured record that could not be read: where it lies, its stable error code and the reason.

    `table` is -1 - (number of the source) for a record of the source's transaction or notification topic. `time_ms`:
    when it was written into its topic.
    """

    table: int
    topic: str
    partition: int
    offset: int
    key: bytes
    frame: bytes
    code: str
    reason: str
    time_ms: int = 0


class Notice(NamedTuple):
    """A notification of a source's connector about its initial snapshot; `rows` of a finished table, else 0."""

    kind: str
    table: str
    rows: int


class End(NamedTuple):
    """END of a source transaction: rows per table name, commit end LSN as position, commit time in ms."""

    txid: int
    position: int
    counts: dict[str, int]
    time_ms: int
    offset: int


class Released(NamedTuple):
    """One whole transaction, or rows that belong to none (snapshots); `missing` rows could not be read or never came.

    `has_end` is False for a transaction whose END could not be read: how many rows it had is not known. `lacking`: the
    tables whose rows are missing.
    """

    position: int
    time_ms: int
    rows: list[Row]
    missing: int
    has_end: bool = True
    lacking: tuple[str, ...] = ()


class Stalled(NamedTuple):
    """What the oldest unreleased transaction waits for: rows per table still to come."""

    txid: int
    position: int
    time_ms: int
    missing: dict[str, int]

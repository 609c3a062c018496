"""A tiny source with two tables, as peeked rows and ENDs, that hypothesis interleaves, repeats and splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st

from state.row import LSN, PARTITION, TABLE, End, Row

TABLES = {"public.accounts": 0, "public.entries": 1}
PARTITIONS = 3


@dataclass
class Streams:
    """Partitions of the row topics and the transaction topic, each in its own order, and what was committed."""

    rows: dict[tuple[int, int], list[Row]] = field(default_factory=dict)
    ends: list[End] = field(default_factory=list)
    commits: list[tuple[int, list[tuple[int, str, int]]]] = field(default_factory=list)
    before: dict[bytes, int] = field(default_factory=dict)

    def last_commit(self, frame: bytes) -> int | None:
        """What source.sequence[0] says: the commit before the row's own."""
        return self.before[frame]

    def append(self, row: Row) -> None:
        """Put a row at the end of its partition."""
        rows = self.rows.setdefault((row[TABLE], row[PARTITION]), [])
        rows.append((*row[:8], len(rows), *row[9:]))


def transaction(out: Streams, rng: Random, txid: int, lsn: int, size: int) -> int:
    """Append one transaction of `size` rows; returns the LSN of its commit."""
    before = out.ends[-1].position if out.ends else 0
    counts: dict[str, int] = {}
    written: list[tuple[int, str, int]] = []
    for order in range(1, size + 1):
        table = rng.randrange(2)
        key = str(rng.randrange(6)) + f"-{order}" * (table == 1)
        # rows may share an lsn (COPY), two changes of one row never do
        lsn += 8 if any(w[:2] == (table, key) for w in written) else rng.choice((0, 0, 8))
        frame = f"{txid}/{order}".encode()
        out.before[frame] = before
        name = ("public.accounts", "public.entries")[table]
        counts[name] = counts.get(name, 0) + 1
        partition = sum(key.encode()) % PARTITIONS
        out.append((table, "u", key, txid, lsn, order, key[0], partition, 0, frame, "", txid * 10))
        written.append((table, key, order))
    lsn += 8
    out.ends.append(End(txid, lsn, counts, txid * 10, len(out.ends)))
    out.commits.append((lsn, written))
    return lsn


@st.composite
def streams(draw: st.DrawFn) -> Streams:
    """Some transactions of 0 to 6 rows."""
    out, lsn = Streams(), 100
    rng = Random(draw(st.integers(0, 10_000)))
    for number, size in enumerate(draw(st.lists(st.integers(0, 6), min_size=1, max_size=12))):
        lsn = transaction(out, rng, 700 + number, lsn, size)
    return out


def repeat_tail(out: Streams, rng: Random) -> None:
    """What a killed and restarted connector does: everything of the last transactions is sent again, in order."""
    first = rng.randrange(len(out.ends))
    txids = [end.txid for end in out.ends[first:]]
    repeats = [row for rows in out.rows.values() for row in rows if row[3] in txids]
    for row in sorted(repeats, key=lambda r: (txids.index(r[3]), r[LSN], r[5])):
        out.append(row)
    for end in list(out.ends[first:]):
        out.ends.append(end._replace(offset=len(out.ends)))


def repeat_half(out: Streams, rng: Random) -> None:
    """What a connector does that is killed in the middle of a transaction: its first rows, then all of it again."""
    txid = out.ends[-1].txid
    rows = sorted((row for of in out.rows.values() for row in of if row[3] == txid), key=lambda row: (row[LSN], row[5]))
    for of in out.rows.values():
        of[:] = [row for row in of if row[3] != txid]
    for row in (*rows[: rng.randint(0, len(rows))], *rows):
        out.append(row)


def interleaved(out: Streams, rng: Random) -> list[Row | End]:
    """All partitions merged in a random order that keeps each partition's own."""
    queues: list[list[Row | End]] = [*(list[Row | End](rows) for rows in out.rows.values()), list(out.ends)]
    merged: list[Row | End] = []
    while queues := [q for q in queues if q]:
        merged.append(rng.choice(queues).pop(0))
    return merged

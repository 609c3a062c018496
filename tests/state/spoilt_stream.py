"""One source of two tables whose records are rows, spoilt records and ENDs, in the shortest form."""

from __future__ import annotations

from state.aligning.alignment import Alignment
from state.row import BadFrame, End, Released, Row

TABLES = {"public.accounts": 0, "public.entries": 1}
PARTITIONS = {0: 1, 1: 2}
ENTRIES = 1 << 12


def last_commit(frame: bytes) -> int | None:
    """Frames of these tests are the position of the commit before their own transaction."""
    return int(frame) if frame else None


def alignment(frontier: int = 0) -> Alignment:
    """Accounts with one partition, entries with two."""
    return Alignment(TABLES, frontier, 0, last_commit, PARTITIONS)


def row(txid: int, table: int = 1, partition: int = 0, offset: int = 0) -> Row:
    """A row of the transaction that commits at ten times its id, after the one before it."""
    return (table, "c", f"{txid}", txid, txid * 10 - 5, 1, "1", partition, offset, b"%d" % (txid * 10 - 10), "", txid)


def bad(partition: int = 0, offset: int = 0, time_ms: int = 0) -> BadFrame:
    """A spoilt record of the entries."""
    return BadFrame(1, "s.public.entries", partition, offset, b"", b"", "MALFORMED_FRAME", "short", time_ms)


def end(txid: int, time_ms: int, **counts: int) -> End:
    """END of a transaction."""
    return End(txid, txid * 10, {f"public.{t}": n for t, n in counts.items()}, time_ms, txid)


def brief(released: list[Released]) -> list[tuple[int, int, int]]:
    """Position, rows and missing rows of each."""
    return [(one.position, len(one.rows), one.missing) for one in released]


def bad_end(offset: int) -> BadFrame:
    """A record of the transaction topic that cannot be read."""
    return BadFrame(-1, "s.transaction", 0, offset, b"", b"", "MALFORMED_FRAME", "short")

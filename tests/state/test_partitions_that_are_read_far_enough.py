"""A partition is ahead while it holds rows and none that the next transaction lacks: only then may it wait."""

from __future__ import annotations

from state.aligning.alignment import Alignment
from state.row import BadFrame, End, Row

COMMIT = {b"1": 0, b"2": 10, b"3": 20}


def row(txid: int, partition: int, offset: int) -> Row:
    """A row of a transaction."""
    return (0, "c", str(offset), txid, 10 * txid - 1, 1, None, partition, offset, str(txid).encode(), "", 10 * txid)


def end(txid: int, rows: int) -> End:
    """Its END."""
    return End(txid, 10 * txid, {"invoices": rows}, 10 * txid, txid)


def alignment() -> Alignment:
    """Of one table."""
    return Alignment({"invoices": 0}, 0, 0, COMMIT.get)


def test_in_the_midst_of_the_next_transaction_nothing_waits() -> None:
    """However much it holds, the partition that the next END still lacks rows of is not ahead; others are.

    Planted break, seen to fail: every partition that holds rows counts as ahead.
    """
    one = alignment()
    one.add_rows([row(1, 0, 0), row(1, 0, 1), row(2, 1, 0), row(2, 1, 1)])
    assert one.ahead == {0: 2, 1: 2}, "no END is known yet: there is nothing that is lacked"
    one.add_ends([end(1, 3)])
    assert one.release() == []
    assert one.ahead == {1: 2}
    one.add_rows([row(1, 0, 2)])
    assert len(one.release()) == 1
    assert one.ahead == {1: 2}


def test_while_an_end_could_not_be_read_nothing_waits() -> None:
    """Then rows after it tell what it was the end of. Planted break, seen to fail: waiting all the same."""
    one = alignment()
    one.add_rows([row(1, 0, 0), row(2, 0, 1)])
    one.ends.add_spoilt(BadFrame(-1, "ends", 0, 1, b"", b"", "MALFORMED_FRAME", "empty"))
    assert one.ahead == {}

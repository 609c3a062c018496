"""What the recorded scenarios did to the databases is what peek and decode show, hand-checked against the SQL that ran."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import Any

import pytest

from connectors.capturing.debezium import LastCommit, Peek
from state.mapping.toast import missing_columns
from state.row import FRAME, KEY, LINK, LSN, OP, ORDER, SNAPSHOT, TABLE, TXID, End, Row
from state.step import Batch
from tests.connectors.recording import NAMES, model, recording

pytestmark = pytest.mark.usefixtures("codec")

TABLES = [t.name for t in model().tables]
SOURCES = [0 if t.source == "billing" else 1 for t in model().tables]


def peeked(name: str) -> tuple[Peek, Batch]:
    """A recording through one batch."""
    peek = Peek(recording(name).registry, model())
    return peek, peek.batch(recording(name).messages)


def images(peek: Peek, batch: Batch, table: str) -> list[tuple[Row, dict[str, Any] | None]]:
    """Rows of a table with their images, tombstones left out."""
    return [(r, peek.decoder.row(r[TABLE], r[FRAME])) for r in batch.rows if TABLES[r[TABLE]] == table and r[OP] != "t"]


def in_transaction(batch: Batch, txid: int) -> list[tuple[str, str, str]]:
    """(table, operation, key) of a transaction, in its order."""
    rows = sorted((r for r in batch.rows if r[TXID] == txid and r[ORDER]), key=lambda r: r[ORDER])
    return [(TABLES[r[TABLE]], r[OP], r[KEY]) for r in rows]


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_a_transaction_are_as_many_as_its_end_counts(name: str) -> None:
    """For each END, each recorded table: distinct rows of the transaction equal the count; repeats are byte-identical."""
    _, batch = peeked(name)
    topics = {m.topic_name for m in recording(name).messages}
    rows: dict[tuple[int, int], dict[tuple[object, ...], bytes]] = defaultdict(dict)
    repeats = 0
    for row in batch.rows:
        if row[ORDER]:
            identity = (TABLES[row[TABLE]], row[KEY], row[OP], row[LSN], row[ORDER])
            known = rows[SOURCES[row[TABLE]], row[TXID]]
            repeats += identity in known
            known[identity] = row[FRAME]
    ends = {(source, end.txid): end for source, end in batch.ends if isinstance(end, End)}
    assert set(rows) <= set(ends)
    for key, end in ends.items():
        recorded = {t: n for t, n in end.counts.items() if f"{('billing', 'support')[key[0]]}.{t}" in topics}
        assert Counter(str(i[0]) for i in rows[key]) == recorded
    assert repeats == (760 if name == "kill" else 0)


def test_the_kill_repeats_nine_transactions() -> None:
    """kill -9 of the connector: 760 rows twice in nine transactions, each with BEGIN or END twice; versions all 3.7.0."""
    peek, batch = peeked("kill")
    identities = Counter((r[TXID], r[TABLE], r[KEY], r[OP], r[LSN], r[ORDER]) for r in batch.rows if r[ORDER])
    repeated = {i[0] for i, n in identities.items() if n > 1}
    assert sum(n - 1 for n in identities.values()) == 760
    assert repeated == set(range(2837, 2846))
    ends = Counter(end.txid for _, end in batch.ends if isinstance(end, End))
    # 2845 was cut in the middle: its one END came after the restart; 2846 is a heartbeat's transaction, sent again whole
    assert {txid for txid, n in ends.items() if n > 1} == repeated - {2845} | {2846}
    assert {peek.decoder.source_version(r[FRAME]) for r in batch.rows if r[FRAME]} == {"3.7.0.Final"}


def test_end_positions_rise_strictly() -> None:
    """The LSN of END is the order of commits; the LSN of rows is not."""
    _, batch = peeked("main")
    positions = [end.position for source, end in batch.ends if source == 0 and isinstance(end, End)]
    assert all(a < b for a, b in itertools.pairwise(positions))
    lsns = [r[LSN] for r in batch.rows if r[ORDER]]
    assert any(a > b for a, b in itertools.pairwise(lsns))


def test_the_commit_before_a_row_lies_below_its_end() -> None:
    """source.sequence names a commit before the row's own: what a repeat is recognised by."""
    _, batch = peeked("main")
    last = LastCommit(recording("main").registry)
    ends = {(source, end.txid): end.position for source, end in batch.ends if isinstance(end, End)}
    for row in batch.rows:
        if row[ORDER]:
            before = last(row[FRAME])
            assert before is None or before < ends[SOURCES[row[TABLE]], row[TXID]]


def test_one_transaction_over_six_tables() -> None:
    """Nine rows in the order of the statements."""
    _, batch = peeked("main")
    found = in_transaction(batch, 1956)
    assert len(found) == 9
    assert Counter(t for t, _, _ in found) == {
        "b.refunds": 1, "b.credits": 1, "b.subscriptions": 1, "b.invoice_lines": 3, "b.invoices": 2, "b.payments": 1,
    }  # fmt: skip


def test_a_rollback_and_a_savepoint_leave_nothing() -> None:
    """Rolled back rows appear nowhere; of the savepoint only KEPT-1 and KEPT-2 do."""
    peek, batch = peeked("main")
    memos = [image["memo"] for _, image in images(peek, batch, "b.credits") if image]
    assert not any("ROLLED BACK" in (m or "") for m in memos)
    assert {m for m in memos if m and m.startswith("KEPT")} == {"KEPT-1", "KEPT-2"}


def test_unchanged_large_values_are_marked() -> None:
    """The marker stands in invoices.notes and nowhere else; a rewritten image loses it and nothing but it."""
    peek, batch = peeked("main")
    marked: Counter[str] = Counter()
    for table in TABLES:
        for row, image in images(peek, batch, table):
            for column in missing_columns(image or {}):
                marked[f"{table}.{column}"] += 1
                merged = peek.decoder.reencode(row[FRAME], {**(image or {}), column: "kept"})
                assert peek.decoder.row(row[TABLE], merged) == {**(image or {}), column: "kept"}
                assert peek.peek(row[TABLE], None, merged)[LSN] == row[LSN]
    assert marked == {"b.invoices.notes": 330}


def test_a_key_change_is_a_delete_and_an_insert() -> None:
    """Invoice 19 becomes 1900 in one transaction, and staging 2 becomes 20; tombstones follow (18 by a cascade)"""
    _, batch = peeked("main")
    assert in_transaction(batch, 1977) == [("b.invoices", "d", "19"), ("b.invoices", "c", "1900")]
    assert in_transaction(batch, 1978) == [("b.staging", "d", "2"), ("b.staging", "c", "20")]
    assert [r[KEY] for r in batch.rows if TABLES[r[TABLE]] == "b.invoices" and r[OP] == "t"] == ["19", "18"]


def test_truncates_are_seen() -> None:
    """One statement over one table, then one over two: operation T, an empty key, counted by END."""
    _, batch = peeked("main")
    assert in_transaction(batch, 1998) == [("b.staging", "T", "")]
    assert in_transaction(batch, 1999) == [("b.credits", "T", ""), ("b.refunds", "T", "")]


def test_schema_changes_in_mid_stream() -> None:
    """payments by three writer schemas: a column comes, then the scale grows; each image by its own schema."""
    peek, batch = peeked("main")
    seen: Counter[tuple[int, int]] = Counter()
    for row, image in images(peek, batch, "b.payments"):
        if image:
            seen[len(image), -image["amount"].as_tuple().exponent] += 1
            assert row[LINK] == (None if image["invoice_id"] is None else str(image["invoice_id"]))
    assert seen == {(7, 2): 12, (8, 2): 2, (8, 4): 364}


def test_the_initial_snapshot_is_complete() -> None:
    """Notices give the rows of every table, the empty ones included; as many snapshot rows were peeked."""
    _, batch = peeked("main")
    scans = {n.table: n.rows for _, n, _ in batch.notices if n.kind == "TABLE_SCAN_COMPLETED"}
    assert scans == {
        "b.accounts": 20, "b.credits": 0, "b.dbz_hb": 1, "b.invoice_lines": 60, "b.invoices": 20, "b.payments": 10,
        "b.refunds": 0, "b.staging": 2, "b.subscriptions": 20,
    }  # fmt: skip
    kinds = [n.kind for _, n, _ in batch.notices if n.kind not in ("OTHER", "RESCANNED")]
    assert (kinds[0], kinds[-1]) == ("STARTED", "COMPLETED")
    initial = Counter(TABLES[r[TABLE]] for r in batch.rows if r[SNAPSHOT] not in ("", "incremental"))
    assert {t: n for t, n in initial.items() if t.startswith("b.")} == {t: n for t, n in scans.items() if n}


def test_incremental_rows_have_no_position() -> None:
    """Rows of an incremental snapshot carry neither LSN nor transaction; they keep their place by partition."""
    _, batch = peeked("main")
    incremental = [r for r in batch.rows if r[SNAPSHOT] == "incremental"]
    assert len(incremental) == 34
    assert {(r[OP], r[TXID], r[LSN], r[ORDER]) for r in incremental} == {("r", 0, 0, 0)}


def test_the_bulk_transaction_is_whole() -> None:
    """5,000 rows of one transaction over two tables, orders 1 to 5,000 each once."""
    _, batch = peeked("bulk")
    rows = [r for r in batch.rows if r[TXID] == 2817 and r[ORDER]]
    assert Counter(TABLES[r[TABLE]] for r in rows) == {"b.payments": 2500, "b.credits": 2500}
    assert sorted(r[ORDER] for r in rows) == list(range(1, 5001))

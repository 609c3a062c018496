"""The serial step: sources side by side, first snapshots withheld, counts that balance, waiting rows told in time."""

from __future__ import annotations

from typing import Literal

from state.aside import WAITING_GRACE_MS
from state.model import AccountRule, Model, SourceSpec, TableSpec
from state.resolving.identity import Identity
from state.row import BadFrame, End, Notice, Row
from state.sequencer import Sequencer
from state.step import Batch, Position, Step

BILLING, ERP = 0, 1


def model(snapshot: Literal["initial", "none"] = "none") -> Model:
    """billing.accounts defines accounts, erp.customers refers to them."""
    tables = (
        TableSpec(
            0, "billing", "public.accounts", "billing.public.accounts", ("id",), AccountRule("defines", "number")
        ),
        TableSpec(1, "erp", "public.customers", "erp.public.customers", ("id",), AccountRule("reference", "code")),
    )
    sources = tuple(
        SourceSpec(name, name, snapshot, f"{name}.transaction", f"{name}.notifications", 1)
        for name in ("billing", "erp")
    )
    return Model(sources, tables, {"EUR": 2})


def sequencer(snapshot: Literal["initial", "none"] = "none", start: Position | None = None) -> Sequencer:
    """A new serial step over two partitions."""
    tables = model(snapshot)
    return Sequencer(tables, Identity(tables.tables), 2, start or Position(), lambda frame: 0)


def row(table: int, key: str, link: str, txid: int, offset: int = 0, snapshot: str = "") -> Row:
    """One peeked row."""
    return (table, "r" if snapshot else "c", key, txid, txid * 10, 1, link, 0, offset, b"row", snapshot, txid)


def batch(
    rows: list[Row] | None = None,
    ends: list[tuple[int, End | int]] | None = None,
    notices: list[tuple[int, Notice, int]] | None = None,
    bad: list[BadFrame] | None = None,
) -> Batch:
    """What one poll saw."""
    return Batch(rows or [], ends or [], notices or [], bad or [])


def end(txid: int, time_ms: int, **counts: int) -> End:
    """END of a transaction."""
    return End(txid, txid * 10 + 5, {f"public.{t}": n for t, n in counts.items()}, time_ms, txid)


def balance(step: Step, source: str, waiting: int = 0) -> bool:
    """in = applied + ignored + parked (+ waiting)."""
    counts = {k.split(".")[1]: n for k, n in step.position.counts.items() if k.startswith(source)}
    done = counts.get("applied", 0) + counts.get("ignored", 0) + counts.get("parked", 0)
    return counts["in"] == done + waiting


def test_a_source_that_waits_does_not_hold_the_others() -> None:
    """An incomplete transaction of one source keeps its own frontier and clock only."""
    seq = sequencer()
    step = seq.advance(
        batch(
            [row(0, "1", "A-1", 7), row(1, "9", "A-1", 3)],
            [(BILLING, end(7, 100, accounts=2)), (ERP, end(3, 200, customers=1))],
        )
    )
    assert step is not None
    assert step.position.frontier == {"billing": 0, "erp": 35}
    assert step.offsets == {("erp.public.customers", 0): 1, ("erp.transaction", 0): 4}
    assert seq.stalled()["billing"].missing == {"public.accounts": 1}


def test_nothing_is_live_before_every_snapshot_is_complete() -> None:
    """First snapshot: released and folded as it comes, live only when every announced row is in; once, for all shards."""
    seq = sequencer("initial")
    rows = [row(0, "1", "A-1", 1, 0, "true"), row(0, "2", "A-2", 1, 1, "last")]
    first = seq.advance(batch(rows[:1]))
    assert first is not None and not first.position.live
    assert all(not release.live for release in first.releases.values())
    notices = [
        (BILLING, Notice("TABLE_SCAN_COMPLETED", "public.accounts", 2), 0),
        (BILLING, Notice("COMPLETED", "", 0), 1),
    ]
    notices += [(ERP, Notice("TABLE_SCAN_COMPLETED", "public.customers", 0), 0), (ERP, Notice("COMPLETED", "", 0), 1)]
    second = seq.advance(batch(notices=notices))
    assert second is not None and not second.position.live
    third = seq.advance(batch(rows[1:]))
    assert third is not None and third.position.live
    assert sorted(third.releases) == [0, 1] and all(r.went_live for r in third.releases.values())
    assert not third.position.snapshots


def test_a_restart_in_the_middle_of_a_snapshot_counts_on() -> None:
    """The counts are stored with the cut; rows that a repeated snapshot sends again are not counted twice."""
    seq = sequencer("initial")
    step = seq.advance(
        batch(
            [row(0, "1", "A-1", 1, 0, "true")],
            notices=[(BILLING, Notice("TABLE_SCAN_COMPLETED", "public.accounts", 2), 0)],
        )
    )
    assert step is not None
    tables = model("initial")
    identity = Identity(tables.tables)
    identity.load(0, "1", "A-1", "A-1")
    again = Sequencer(tables, identity, 2, step.position, lambda frame: 0)
    done = [(s, Notice("COMPLETED", "", 0), 5) for s in (BILLING, ERP)]
    repeated = again.advance(batch([row(0, "1", "A-1", 1, 1, "true")], notices=done))
    assert repeated is not None and not repeated.position.live
    last = again.advance(batch([row(0, "2", "A-2", 1, 2, "last")]))
    assert last is not None and last.position.live


def test_counts_balance_with_bad_frames_and_waiting_rows() -> None:
    """Promise 3: in = applied + ignored + parked + waiting, whatever happens to a row.

    Planted break, seen to fail: not counting parked frames as taken in.
    """
    seq = sequencer()
    bad = BadFrame(0, "billing.public.accounts", 0, 5, b"", b"\x00", "MALFORMED_FRAME", "short")
    step = seq.advance(batch([row(1, "9", "A-1", 3)], [(ERP, end(3, 200, customers=1))], bad=[bad]))
    assert step is not None and step.parked == []
    assert balance(step, "erp", waiting=1)
    assert [fact[3] is not None for fact in step.facts] == [True]
    step = seq.advance(batch([row(0, "1", "A-1", 7, offset=6)], [(BILLING, end(7, 300, accounts=1))]))
    assert step is not None and step.parked == [bad] and balance(step, "billing") and balance(step, "erp")
    assert step.position.counts["erp.applied"] == 1
    assert [fact[3] for fact in step.facts] == [None]


def test_a_row_without_account_is_told_after_the_grace_and_taken_back() -> None:
    """UNKNOWN_ACCOUNT names the row and its value; it ends when the account appears."""
    seq = sequencer()
    seq.advance(batch([row(1, "9", "A-1", 3)], [(ERP, end(3, 1_000, customers=1)), (BILLING, end(1, 1_000))]))
    late = seq.advance(batch(ends=[(ERP, end(4, 1_000 + WAITING_GRACE_MS))]))
    assert late is not None
    ((name, body),) = late.exceptions
    assert body is not None and body["kind"] == "UNKNOWN_ACCOUNT" and "'A-1'" in str(body["text"])
    found = seq.advance(batch([row(0, "1", "A-1", 7)], [(BILLING, end(7, 5_000, accounts=1))]))
    assert found is not None and found.exceptions == [(name, None)]

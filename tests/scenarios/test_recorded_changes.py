"""The recorded wire bytes through decode, align and fold; expectations are those of the recording's README, by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.scenarios.replay import Replay

ALL = (
    "b.accounts",
    "b.subscriptions",
    "b.invoices",
    "b.invoice_lines",
    "b.payments",
    "b.refunds",
    "b.credits",
    "b.staging",
)


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """The long recording, all tables."""
    replay = Replay("main", tmp_path_factory.mktemp("main"), ALL)
    replay.run(Random(1))
    return replay


def test_rolled_back_rows_never_appear(main: Replay) -> None:
    """Steps 02 and 03: nothing of the rollback, only KEPT-1 and KEPT-2 around the savepoint."""
    reasons = {body["reason"] for name, _, body in main.log if name == "credit" and body}
    assert {"KEPT-1", "KEPT-2"} <= reasons
    assert not {"ROLLED BACK", "SAVEPOINT ROLLED BACK"} & reasons


def test_the_nine_row_transaction_is_one_version(main: Replay) -> None:
    """Step 01: the invoice was a draft with two lines inside the transaction; readers only see it open with one."""
    seen = [body for name, key, body in main.log if name == "invoice" and key == "INV-100" and body]
    assert (seen[0]["status"], seen[0]["line_count"], seen[0]["line_sum_minor"]) == ("open", 1, 10_000)


def test_an_unchanged_toast_value_is_kept(main: Replay) -> None:
    """Step 04: the update of the balance does not carry the 12,800 characters of notes; what is stored does."""
    table = next(t.index for t in main.model.tables if t.name == "b.invoices")
    row = main.decoder.row(table, main.overrides[table, "1"])
    assert row is not None and len(row["notes"]) == 12_800
    assert main.latest("invoice")["INV-ext-1"]["total_minor"] == 100


def test_a_key_change_is_a_move(main: Replay) -> None:
    """Step 05: invoices 19 -> 1900 keeps its number: no version of it is missing, none is there twice."""
    versions = [body for name, key, body in main.log if name == "invoice" and key == "INV-ext-19"]
    assert None not in versions
    assert versions[-1] is not None and versions[-1]["billing"]["row"] == "1900"


def test_deletes_cascade(main: Replay) -> None:
    """Step 07: account 18 goes with its subscription, invoice and lines."""
    gone = "00000000-0000-4000-8000-000000000018"
    assert gone not in main.latest("account")
    assert not [key for key, body in main.latest("invoice").items() if body["account"] == gone]


def test_truncate_retires_the_rows(main: Replay) -> None:
    """Step 08: no credit from before the truncate is left; those of step 14 are there, A committed after B1 to B3."""
    reasons = [body["reason"] for body in main.latest("credit").values()]
    assert sorted(reasons) == ["A0", "A1", "A2", "B0", "B1", "B2"]


def test_columns_that_come_and_go_do_not_stop_the_stream(main: Replay) -> None:
    """Steps 09 to 12: added, dropped, widened and renamed columns; 19 accounts are left, none lost its rows."""
    assert len(main.latest("account")) == 19
    counts = main.state.sequencer.counts
    assert counts["billing.in"] == counts["billing.applied"] + counts["billing.ignored"]
    assert main.state.sequencer.stalled() == {}


def test_the_order_of_topics_changes_nothing(main: Replay, tmp_path: Path) -> None:
    """Another interleaving and other batches end in the same records."""
    other = Replay("main", tmp_path, ALL)
    other.run(Random(2), batch=37)
    for name in ("account", "subscription", "invoice", "credit", "entitlement"):
        assert other.latest(name) == main.latest(name)


def test_the_five_thousand_row_transaction_is_one_cut(tmp_path: Path) -> None:
    """2,500 credits and 2,500 (ignored) payments in one commit: the account goes to its final sum in one step."""
    replay = Replay("bulk", tmp_path, ("b.accounts", "b.payments", "b.credits"))
    replay.run(Random(3))
    assert 2_500 in replay.released
    account = "00000000-0000-4000-8000-000000000010"
    totals = [body["totals"] for n, key, body in replay.log if n == "account" and key == account and body]
    seen = [total["EUR"]["credited_minor"] if "EUR" in total else 0 for total in totals]
    assert seen[-1] == 100 * sum(range(1, 2_501))
    assert len(set(seen)) == 2


def test_repeats_after_a_kill_change_nothing(tmp_path: Path) -> None:
    """kill -9 of Connect: 760 rows came twice; every row is applied once, nothing waits for rows that never come.

    Planted break, seen to fail: not dropping repeats of released transactions (state/aligning/alignment.py).
    """
    replay = Replay("kill", tmp_path, ("b.accounts", "b.subscriptions", "b.credits"))
    replay.run(Random(4))
    reasons = Counter((body["reason"] or "")[:4] for body in replay.latest("credit").values())
    memos = Counter(body["reason"] or "" for body in replay.latest("credit").values())
    assert memos["KBIG"] == 3_000 and memos["AFTER"] == 10
    assert sum(n for memo, n in memos.items() if memo.startswith("K") and memo != "KBIG") == 3_000
    assert reasons["BULK"] == 2_500
    counts = replay.state.sequencer.counts
    assert counts["billing.ignored"] >= 760
    assert counts["billing.in"] == counts["billing.applied"] + counts["billing.ignored"]
    assert replay.state.sequencer.stalled() == {}
    assert sum(one.held for one in replay.state.sequencer.standings.values()) == 0

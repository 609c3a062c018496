"""Rows that go, that cannot be read, that come without their large values; and what of it is stored."""

from __future__ import annotations

import json

import pytest

from state.mapping.toast import KEPT_FRAME_BYTES_MIN, MARKER
from state.row import Change
from tests.state.company import (
    ACCOUNT,
    DEFAULTS,
    at,
    drop,
    everything,
    image,
    in_step,
    put,
    raw,
    record,
    records,
    release,
    shard,
    transaction,
)
from tests.state.company import table as number_of


def test_a_delete_retires_by_key_alone() -> None:
    """The row's object is tombstoned and its sums go, whatever the event says of the old row; again it means nothing."""
    target = in_step()
    out = at(target, 2000, drop("billing.invoices", 1), drop("billing.invoice_lines", 1))
    assert record(out, "invoice", "INV-1")["status"] is None
    assert record(out, "account")["totals"]["EUR"]["billed_minor"] == 0
    out = at(target, 2001, drop("erp.sales_invoices", 1), drop("erp.sales_invoice_lines", 1))
    assert records(out)["invoice", "INV-1"] is None
    again = at(target, 2002, drop("billing.invoices", 1))
    assert (again.applied, again.ignored) == (0, 1)


def test_an_account_without_rows_is_tombstoned_whole() -> None:
    """Account and entitlement go with the last row, every object before, in whatever order the rows go."""
    for order in (1, -1):
        target = shard()
        at(target, 1000, put("billing.accounts", 1), put("billing.credits", 1))
        gone = [drop("billing.credits", 1), drop("billing.accounts", 1)]
        out = at(target, 1001, *gone[::order])
        assert records(out) == {("credit", "CR-1"): None, ("account", ACCOUNT): None, ("entitlement", ACCOUNT): None}
        assert not everything(target)


def test_retired_rows_leave_nothing_in_memory() -> None:
    """Objects, sums and counts of rows that are gone are gone too: a long life costs no more than what is live."""
    target = shard()
    names = [name for name in DEFAULTS if name not in ("billing.accounts", "erp.customers", "support.organizations")]
    at(target, 1000, put("billing.accounts", 1))
    for order in (names, names[::-1]):
        for number, name in enumerate(order):
            at(target, 1001 + number, put(name, 1))
        for number, name in enumerate(names):
            at(target, 1100 + number, drop(name, 1))
    (account,) = target.accounts()
    assert account.items.keys() == {("account", ACCOUNT)}
    assert not account.tallies
    assert not account.ending
    assert not account.intents


def test_a_key_change_is_a_move() -> None:
    """Delete and insert in one transaction, in either order: one object, one total, in one version."""
    for order in (1, -1):
        target = in_step()
        moved = [
            put("billing.invoices", 9, number="INV-1"),
            put("billing.invoice_lines", 1, invoice_id=9),
            drop("billing.invoices", 1),
        ]
        out = at(target, 2000, *moved[::order])
        assert record(out, "invoice", "INV-1")["billing"]["row"] == "9"
        assert record(out, "invoice", "INV-1")["line_sum_minor"] == 10000
        assert record(out, "account")["totals"]["EUR"]["billed_minor"] == 10000
        assert not out.exceptions


def test_a_truncate_retires_every_row_of_the_table() -> None:
    """Also of accounts that nothing touched since the restart."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1), put("billing.credits", 1))
    for key in (2, 3):
        credit = put("billing.credits", key, account="A-000002")
        target.load("A-000002", credit.table, credit.key, 900, 900, credit.frame)
    out = at(target, 2000, Change("", number_of("billing.credits"), "T", "", b""))
    gone = {key for (kind, key), body in records(out).items() if kind == "credit" and body is None}
    assert gone == {"CR-1", "CR-2", "CR-3"}


def test_unreadable_payload_is_parked_and_the_old_row_holds() -> None:
    """Only this row waits: it says what it said, is flagged, and nothing is corrected from its kind; others go on."""
    target = in_step()
    out = at(target, 2000, raw("erp.sales_invoices", 1, b"\x00broken"), put("billing.credits", 1))
    assert [(p.code, p.change.key) for p in out.parked] == [("UNREADABLE_PAYLOAD", "1")]
    assert (out.applied, out.ignored) == (1, 0)
    invoice = record(out, "invoice", "INV-1")
    assert (invoice["erp"]["total_minor"], invoice["flags"]) == (10000, ["PARKED"])
    at(target, 3000, put("billing.invoices", 1, status="paid"))
    assert [i["object"] for _, i in at(target, 60_000).intents if i] == ["credit"]
    out = at(target, 61_000, put("erp.sales_invoices", 1, version=2))
    assert record(out, "invoice", "INV-1")["flags"] == []
    assert [i["object"] for _, i in at(target, 70_000).intents if i] == ["invoice"]


def test_a_parked_row_survives_a_restart() -> None:
    """What is stored instead of the bad frame brings the old row and the flag back."""
    target = in_step()
    out = at(target, 2000, raw("billing.invoices", 1, b"\x00broken"))
    stored = out.facts_override[number_of("billing.invoices"), "1"]
    restored = shard()
    for change in (put("billing.accounts", 1), put("billing.invoice_lines", 1)):
        restored.load(ACCOUNT, change.table, change.key, 1000, 1000, change.frame)
    restored.load(ACCOUNT, number_of("billing.invoices"), "1", 2000, 2000, stored)
    invoice = everything(restored)["invoice", "INV-1"]
    assert invoice is not None
    assert (invoice["total_minor"], invoice["flags"]) == (10000, ["PARKED"])
    out = at(restored, 3000, put("billing.invoices", 1, total_minor=5))
    assert record(out, "invoice", "INV-1")["total_minor"] == 5
    assert out.exceptions == [(out.exceptions[0][0], None)]


def test_a_row_that_was_never_good_is_parked_without_a_trace_of_values() -> None:
    """Nothing is guessed of it; the kind is blocked for its account until it is good, also after a restart."""
    target = in_step()
    out = at(target, 2000, raw("erp.sales_invoices", 2, b"?"), put("billing.invoices", 2))
    assert not out.facts_override
    assert not [i for _, i in at(target, 60_000).intents if i]
    out = at(target, 61_000, drop("erp.sales_invoices", 2))
    assert [body for _, body in out.exceptions] == [None]
    assert [i["object_id"] for _, i in at(target, 70_000).intents if i] == ["INV-2"]


def test_an_account_row_that_was_never_good_can_be_deleted() -> None:
    """Its end is the end of a parked row, and nothing of an account."""
    target = shard()
    assert [p.code for p in at(target, 1000, raw("billing.accounts", 1, b"?")).parked] == ["UNREADABLE_PAYLOAD"]
    out = at(target, 2000, drop("billing.accounts", 1))
    assert [body for _, body in out.exceptions] == [None]
    assert not out.parked


def test_errors_that_are_not_the_payloads_pass_through() -> None:
    """A registry that does not answer must stop the flow, not park every row."""

    class Unavailable(Exception):
        """Stands for the registry's error."""

    target = in_step()
    rows = target._rows
    rows._mapped = lambda _table, _frame: (_ for _ in ()).throw(Unavailable())
    with pytest.raises(Unavailable):
        at(target, 2000, put("billing.credits", 1))


BIG = "x" * KEPT_FRAME_BYTES_MIN


def test_unchanged_toast_keeps_the_old_value() -> None:
    """The view keeps it, and what is stored is the merged image, also of columns that the mapping does not use."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1, name=BIG, notes=BIG))
    out = at(target, 1001, put("billing.accounts", 1, name=MARKER, notes=MARKER, standing="delinquent"))
    account = record(out, "account")
    assert (account["name"], account["standing"]) == (BIG, "delinquent")
    stored = out.facts_override[number_of("billing.accounts"), "1"]
    assert json.loads(stored) == image("billing.accounts", 1, name=BIG, notes=BIG, standing="delinquent")
    out = at(target, 1002, put("billing.accounts", 1, name=MARKER, notes=MARKER))
    assert record(out, "account")["name"] == BIG


def test_unchanged_toast_over_a_key_change() -> None:
    """The insert under the new key takes the large value from the row that the same transaction retires."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1, name=BIG))
    out = at(target, 1001, put("billing.accounts", 2, name=MARKER), drop("billing.accounts", 1))
    assert record(out, "account")["name"] == BIG


def test_toast_value_that_was_never_seen_is_not_guessed() -> None:
    """A mapped column without a known value parks the row by name; an unmapped one does no harm."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1))
    out = at(target, 1001, put("billing.accounts", 1, name=MARKER))
    assert [p.code for p in out.parked] == ["UNAVAILABLE_VALUE"]
    out = at(target, 1002, put("billing.accounts", 1, notes=MARKER))
    assert not out.parked


def test_a_later_image_of_the_release_supersedes_the_override() -> None:
    """What is stored is the last image: an earlier merged one of the same release must not come back."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1, name=BIG))
    merged = transaction(1001, put("billing.accounts", 1, name=MARKER))
    full = transaction(1002, put("billing.accounts", 1, name="short"))
    out = target.apply(release(1002, merged, full))
    assert not out.facts_override
    assert record(out, "account")["name"] == "short"

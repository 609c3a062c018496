"""What goes out and when: first snapshot, one record per object and release, change events, flags and exceptions."""

from __future__ import annotations

from tests.state.company import (
    ACCOUNT,
    IN_STEP,
    at,
    drop,
    everything,
    in_step,
    put,
    record,
    records,
    release,
    shard,
    transaction,
)


def test_nothing_goes_out_before_the_first_snapshot_is_complete() -> None:
    """Facts are folded meanwhile; then the whole view and what differs come out in one cut."""
    target = shard()
    for number, change in enumerate(IN_STEP):
        out = target.apply(release(1000, transaction(1000 + number, change), live=False))
        assert (out.records, out.intents, out.exceptions, out.applied) == ([], [], [], 1)
    out = target.apply(release(2000, transaction(2000, put("billing.credits", 1)), went_live=True))
    objects = {kind for kind, _ in records(out)}
    assert objects == {"account", "subscription", "invoice", "credit", "entitlement"}
    assert [i["object"] for _, i in out.intents if i] == ["credit"]


def test_a_restart_in_mid_snapshot_publishes_everything_at_its_end() -> None:
    """Rows that were loaded, and rows that came before and after, make the view that no restart would have made."""
    whole, restarted = shard(), shard()
    whole.apply(release(900, transaction(900, *IN_STEP[:4]), live=False))
    for change in IN_STEP[:4]:
        restarted.load(ACCOUNT, change.table, change.key, 900, 900, change.frame)
    views = []
    for target in (whole, restarted):
        target.apply(release(1000, transaction(1000, *IN_STEP[4:7]), live=False))
        views.append(target.apply(release(2000, transaction(2000, IN_STEP[7]), went_live=True)))
    assert records(views[0]) == records(views[1])
    assert {("account", ACCOUNT), ("entitlement", ACCOUNT), ("invoice", "INV-1")} <= records(views[1]).keys()


def test_one_record_per_object_and_release() -> None:
    """Several transactions of one release give the last state once; without coalescing one record each."""
    moves = [transaction(2000 + n, put("billing.invoices", 1, total_minor=n)) for n in range(3)]
    out = in_step().apply(release(2100, *moves))
    assert [body["total_minor"] for kind, _, _, body in out.records if kind == "invoice" and body] == [2]
    target = shard(coalesce=False)
    at(target, 1000, *IN_STEP[:4])
    out = target.apply(release(2100, *moves))
    assert [body["total_minor"] for kind, _, _, body in out.records if kind == "invoice" and body] == [0, 1, 2]


def test_change_events_name_fields_old_and_new() -> None:
    """One event per source transaction and account; an image that changes nothing of the model makes none."""
    target = in_step()
    out = at(target, 2000, put("billing.invoices", 1, status="paid"), put("billing.payments", 1))
    ((_, key, account, event),) = [entry for entry in out.records if entry[0] == "change"]
    assert (key, account) == (ACCOUNT, ACCOUNT)
    assert event == {
        "account": ACCOUNT,
        "source": "billing",
        "position": 2000,
        "time_ms": 2000,
        "cause": "transaction",
        "milestone": None,
        "movement": None,
        "changes": [
            {
                "object": "invoice",
                "id": "INV-1",
                "op": "updated",
                "fields": [{"name": "status", "old": "open", "new": "paid"}],
            },
            {"object": "payment", "id": "PAY-1", "op": "created", "fields": []},
        ],
    }
    out = at(target, 2001, put("billing.payments", 1))
    assert not [entry for entry in out.records if entry[0] == "change"]


def test_a_change_of_an_amount_is_told_as_the_source_writes_it() -> None:
    """Minor units where the source keeps these, plain decimals where it keeps major ones. Seen to fail when the fact's own
    units (10^-9) were shown."""
    out = at(in_step(), 2000, put("erp.sales_invoices", 1, total="99.50"))
    ((_, _, _, event),) = [entry for entry in out.records if entry[0] == "change"]
    assert event is not None
    assert event["changes"][0]["fields"] == [{"name": "total", "old": "100", "new": "99.5"}]


def test_an_unmapped_label_is_shown_flagged_and_derives_nothing() -> None:
    """The label is kept as it came; an exception names row and label; when it is mapped again the exception ends (G05)."""
    target = in_step()
    out = at(target, 2000, put("billing.invoices", 1, status="paused", total_minor=77))
    invoice = record(out, "invoice", "INV-1")
    assert (invoice["status"], invoice["flags"]) == ("paused", ["UNMAPPED_STATUS"])
    ((name, problem),) = out.exceptions
    assert problem is not None
    assert (problem["kind"], problem["account"], problem["object_id"]) == ("UNMAPPED_STATUS", ACCOUNT, "INV-1")
    assert problem["team"] == "finance-operations"
    assert "'paused'" in problem["text"]
    assert not at(target, 60_000).intents
    assert not at(target, 61_000, put("billing.invoices", 1, status="paused", total_minor=78)).exceptions
    out = at(target, 62_000, put("billing.invoices", 1))
    assert out.exceptions == [(name, None)]


def test_an_unmapped_plan_makes_the_tier_unknown() -> None:
    """No tier is guessed from what is left, and support is not corrected."""
    target = in_step()
    out = at(target, 2000, put("billing.subscriptions", 2, plan_code="gold"))
    assert record(out, "entitlement")["tier"] is None
    at(target, 3000, put("support.organizations", 1, service_level="none"))
    assert not [i for _, i in at(target, 60_000).intents if i]
    out = at(target, 61_000, put("billing.subscriptions", 2, status="paused"))
    assert record(out, "entitlement")["tier"] is None
    out = at(target, 62_000, put("billing.subscriptions", 2, status="cancelled"))
    assert record(out, "entitlement")["tier"] == "premium"


def test_two_rows_for_one_object_are_ambiguous() -> None:
    """The smaller key is shown, a person is told, nothing is corrected; with one of them gone all is as before."""
    target = in_step()
    before = everything(target)["invoice", "INV-1"]
    out = at(target, 2000, put("erp.sales_invoices", 2, reference="INV-1", total="1"))
    invoice = record(out, "invoice", "INV-1")
    assert invoice["erp"]["row"] == "1"
    assert invoice["flags"] == ["AMBIGUOUS"]
    ((name, _),) = out.exceptions
    assert not [i for _, i in at(target, 60_000).intents if i]
    out = at(target, 61_000, drop("erp.sales_invoices", 2))
    assert record(out, "invoice", "INV-1") == before
    assert out.exceptions == [(name, None)]


def test_a_quiet_release_publishes_nothing() -> None:
    """Time alone, with nothing due, touches no record."""
    target = in_step()
    out = at(target, 60_000)
    assert (out.records, out.intents, out.exceptions) == ([], [], [])


def test_children_follow_the_id_of_their_parent() -> None:
    """A payment or refund that came before its invoice, or whose invoice is renamed, is published anew with its id."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1), put("billing.refunds", 1))
    out = at(target, 1001, put("billing.payments", 1))
    assert record(out, "refund", "REF-1")["payment"] == "PAY-1"
    out = at(target, 1002, put("billing.invoices", 1))
    assert record(out, "invoice", "INV-1")["refunded_minor"] == 1000
    assert (record(out, "payment", "PAY-1")["invoice"], record(out, "refund", "REF-1")["invoice"]) == ("INV-1", "INV-1")
    out = at(target, 1003, put("billing.invoices", 1, number="INV-9"))
    assert (record(out, "payment", "PAY-1")["invoice"], record(out, "refund", "REF-1")["invoice"]) == ("INV-9", "INV-9")
    assert records(out)["invoice", "INV-1"] is None

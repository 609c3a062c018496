"""Kill Bill: expectations are arithmetic on what the scenario did (tests/recorded/real/README.md), done by hand.

Numbers are transaction ids of the recording. Amounts are cents.
"""

from __future__ import annotations

from itertools import pairwise

from tests.scenarios.real.replay import ACCOUNT, Replay

SUBSCRIPTION = "9b7dd1e4-afb1-404b-9c9a-2f8d39d81e2f"
FIRST = "514ecfbb-2131-4935-b47a-ddff58784cdf"  # 99.99
UPGRADE = "680bd001-381a-45cb-ba29-24e42ae247c2"  # 253.97 - 63.33 + 3.71
CREDIT = "f30053a3-b12a-4d40-874e-0fcebf3a74a3"  # -33.33 + 33.33 account credit
SECOND = "a43355f4-eb4e-40f8-9702-7431a8aee160"  # 401 - 13.33 account credit
CANCEL = "aea4219e-88c0-4eb7-96cc-fd5afcc754a8"  # -388.06 + 388.06 account credit
ONE_OFF = "e113f05f-aef4-4202-a2d9-2c05ba88155b"  # 5.00, drafted, committed, voided
PAID_FIRST = "c839fd10-01d8-4bb8-ae90-32065a8754d7"
PAID_UPGRADE = "60e53f11-6b50-4030-ae6b-3cf0c0a31476"


def test_plan_and_state_follow_the_event_list_and_the_blocks(real: Replay) -> None:
    """Created, billed, upgraded on day 11, billed, paused and resumed in one second, cancelled at once.

    Planted break, seen to fail: taking the first of two blocks of one second (state/derived/effective.py).
    """
    assert real.versions_of("subscription", SUBSCRIPTION, "status", "plan", "tier", "mrr_minor") == [
        (2529, ("active", "pro-monthly", "premium", None)),
        (2538, ("active", "pro-monthly", "premium", 9999)),
        (2559, ("active", "ent-monthly", "enterprise", None)),
        (2562, ("active", "ent-monthly", "enterprise", 40100)),
        (2582, ("paused", "ent-monthly", "enterprise", 40100)),
        (2583, ("active", "ent-monthly", "enterprise", 40100)),
        (2616, ("cancelled", "ent-monthly", "enterprise", 40100)),
    ]
    assert real.live("subscription")[SUBSCRIPTION]["paid_until"] == "2026-10-04T10:00:00Z"


def test_the_account_is_entitled_to_its_plan_while_it_runs(real: Replay) -> None:
    """Nothing before the subscription, premium, enterprise, nothing in the pause, enterprise, nothing once cancelled."""
    assert real.versions_of("account", ACCOUNT, "tier") == [
        (2521, ("none",)),
        (2529, ("premium",)),
        (2559, ("enterprise",)),
        (2582, ("none",)),
        (2583, ("enterprise",)),
        (2616, ("none",)),
    ]


def test_each_tier_begins_when_it_took_effect(real: Replay) -> None:
    """By Kill Bill's own dates, not by the commits that wrote them: the start, the upgrade, the pause, and the cancellation.

    The resume takes effect in the second of the pause, so that enterprise goes on since the upgrade.
    """
    assert real.versions_of("entitlement", ACCOUNT, "tier", "since") == [
        (2521, ("none", "2026-09-03T10:00:00Z")),
        (2529, ("premium", "2026-09-03T10:00:00Z")),
        (2559, ("enterprise", "2026-09-14T10:00:09Z")),
        (2582, ("none", "2026-09-14T10:00:13Z")),
        (2583, ("enterprise", "2026-09-14T10:00:09Z")),
        (2616, ("none", "2026-10-04T10:00:27Z")),
    ]


def test_the_upgrade_is_one_invoice_of_194_35(real: Replay) -> None:
    """25397 - 6333 + 371 = 19435, paid in full; in flight from the attempt to the booking of the payment."""
    assert real.versions_of("invoice", UPGRADE, "status", "total_minor", "balance_minor", "in_flight") == [
        (2562, ("open", 19435, 19435, False)),
        (2566, ("open", 19435, 19435, True)),
        (2569, ("paid", 19435, 0, False)),
    ]
    assert real.live("invoice")[UPGRADE]["line_count"] == 3


def test_a_committed_invoice_changes_later(real: Replay) -> None:
    """99.99 paid; refund 20: balance 20; refund 10 with an adjustment of the item by 10; 20 of account credit used up."""
    assert real.versions_of("invoice", FIRST, "status", "total_minor", "balance_minor", "in_flight") == [
        (2538, ("open", 9999, 9999, False)),
        (2549, ("open", 9999, 9999, True)),
        (2552, ("paid", 9999, 0, False)),
        (2572, ("paid", 9999, 0, True)),
        (2574, ("open", 9999, 2000, False)),
        (2577, ("open", 9999, 2000, True)),
        (2579, ("open", 8999, 2000, False)),
        (2581, ("paid", 6999, 0, False)),
    ]


def test_every_other_invoice(real: Replay) -> None:
    """The credit, the next cycle, the cancellation, and the draft that was committed and voided (and then owes nothing)."""
    fields = ("status", "total_minor", "balance_minor", "open_minor")
    assert real.versions_of("invoice", CREDIT, *fields) == [(2581, ("paid", 0, 0, 0))]
    assert real.versions_of("invoice", SECOND, *fields) == [
        (2585, ("open", 38767, 38767, 38767)),
        (2622, ("paid", 0, 0, 0)),
    ]
    assert real.versions_of("invoice", CANCEL, *fields) == [(2622, ("paid", 0, 0, 0))]
    assert real.versions_of("invoice", ONE_OFF, *fields) == [
        (2631, ("draft", 500, 0, 0)),
        (2632, ("open", 461, 461, 461)),
        (2633, ("void", 461, 0, 0)),
    ]


def test_account_credit_at_each_cut(real: Replay) -> None:
    """+33.33 - 20, - 13.33, + 388.06 - 387.67, - 0.39 on the one-off, back when that is void."""
    found = [
        (txid, totals["USD"]["account_credit_minor"])
        for txid, (totals,) in real.versions_of("account", ACCOUNT, "totals")
        if totals["USD"]
    ]
    steps = [found[0]] + [new for old, new in pairwise(found) if old[1] != new[1]]
    assert steps == [(2521, 0), (2581, 1333), (2585, 0), (2622, 39), (2632, 0), (2633, 39)]


def test_totals_of_the_account_at_the_end(real: Replay) -> None:
    """Billed 69.99 + 194.35 (the void one does not count), paid 99.99 + 194.35, refunded 20 + 10, 0.39 of credit left."""
    account = real.live("account")[ACCOUNT]
    assert account["totals"] == {
        "USD": {
            "billed_minor": 26434,
            "paid_minor": 29434,
            "refunded_minor": 3000,
            "credited_minor": 39,
            "balance_minor": -39,
            "open_minor": 0,
            "account_credit_minor": 39,
            "mrr_minor": 0,
        }
    }
    assert (account["name"], account["standing"], account["usage"]) == (
        "Customer renamed f1",
        "good",
        {"api_calls": "1234.5"},
    )


def test_a_payment_counts_once_all_its_legs_are_done(real: Replay) -> None:
    """Attempt, payment, success and booking are four transactions; a refund three. Each is in flight in between."""
    fields = ("status", "amount_minor", "refunded_minor", "in_flight")
    assert real.versions_of("payment", PAID_FIRST, *fields) == [
        (2550, ("pending", 9999, 0, True)),
        (2552, ("succeeded", 9999, 0, False)),
        (2572, ("succeeded", 9999, 0, True)),
        (2574, ("succeeded", 9999, 2000, False)),
        (2577, ("succeeded", 9999, 2000, True)),
        (2579, ("succeeded", 9999, 3000, False)),
    ]
    assert real.versions_of("payment", PAID_UPGRADE, *fields) == [
        (2567, ("pending", 19435, 0, True)),
        (2569, ("succeeded", 19435, 0, False)),
    ]
    assert {one["payment"]: one["invoice"] for one in real.live("refund").values()} == {PAID_FIRST: FIRST}
    assert sorted(one["amount_minor"] for one in real.live("refund").values()) == [1000, 2000]


def test_account_credit_is_granted_and_used_in_movements(real: Replay) -> None:
    """Five stay; the one on the voided invoice came and went. What a change event says is what changed."""
    ours = [one["amount_minor"] for one in real.live("credit").values() if one["billing"]]
    assert sorted(ours) == [-38767, -2000, -1333, 3333, 38806]
    gone = [one.body for one in real.log if (one.kind, one.key) == ("credit", "70ca9de5-8c81-492e-aada-6447a77e92f7")]
    assert [body and body["amount_minor"] for body in gone] == [-39, None]


def test_change_events_speak_of_objects_not_of_rows(real: Replay) -> None:
    """The pause changes the state of the subscription and since when; the cut before its effect on the account says nothing of blocks."""
    told = [one.body for one in real.cuts["killbill", 2582] if one.kind == "change"]
    (event,) = [body for body in told if body and body["cause"] == "transaction"]
    assert [(c["object"], c["op"], c["fields"]) for c in event["changes"]] == [
        (
            "subscription",
            "updated",
            [
                {"name": "status", "old": "active", "new": "paused"},
                {"name": "effective_at", "old": "2026-09-14T10:00:09Z", "new": "2026-09-14T10:00:13Z"},
            ],
        )
    ]


def test_every_row_is_accounted_for(real: Replay) -> None:
    """65 rows of the captured tables: each applied, none waits, none parked."""
    assert real.counts("killbill") == {"in": 65, "applied": 65, "ignored": 0, "parked": 0}
    assert real.state.sequencer.stalled() == {}

"""Legs of real payments: attempts, captures and what was given back, each with its own time; the past is answered from them.

Times and amounts are those of the recording's legs (`payment_transactions`), read by hand.
"""

from __future__ import annotations

from pathlib import Path

from state.rules import Rules
from state.values import instant_ms
from state.viewing.as_of import as_of
from tests.scenarios.real.replay import TIERS, Replay
from tests.scenarios.real.test_kill_bill import FIRST, PAID_FIRST, PAID_UPGRADE, UPGRADE
from tests.scenarios.real.test_what_the_recordings_lack import UUID, row


def test_a_payment_tells_its_legs(real: Replay) -> None:
    """99.99 captured on 3 September, 20.00 and 10.00 refunded on the 14th: refunds are objects of their own."""
    payment = real.live("payment")[PAID_FIRST]
    assert [(leg["kind"], leg["status"], leg["amount_minor"], leg["paid_minor"]) for leg in payment["legs"]] == [
        ("capture", "done", 9999, 9999), ("refund", "done", 2000, 0), ("refund", "done", 1000, 0),
    ]  # fmt: skip
    assert payment["legs"][0]["effective_at"] == "2026-09-03T10:00:06Z"
    assert payment["allocations"] == [{"invoice": FIRST, "amount_minor": 9999}]


def test_the_past_is_answered_from_the_legs(real: Replay) -> None:
    """On 10 September the first payment was there, its refunds and the upgrade's payment were not; nothing is unknown."""
    objects = {kind: real.live(kind) for kind in ("account", "invoice", "payment", "credit", "refund", "subscription")}
    moment = instant_ms("2026-09-10T00:00:00Z")
    assert moment is not None
    then = as_of(objects, moment)
    assert [(one["id"], one["paid_minor"]) for one in then["payments"]] == [(PAID_FIRST, 9999)]
    assert then["totals"]["USD"]["refunded_minor"] == 0
    (first,) = [one for one in then["invoices"] if one["id"] == FIRST]
    assert (first["paid_minor"], first["open_minor"]) == (9999, 0)
    assert UPGRADE not in {one["id"] for one in then["invoices"]}
    assert (first["status"], first["total_minor"]) == ("paid", 9999)
    assert then["unknown"] == []
    later = as_of(objects, moment + 10 * 86_400_000)
    assert {one["id"] for one in later["payments"]} == {PAID_FIRST, PAID_UPGRADE}
    assert later["totals"]["USD"]["refunded_minor"] == 3000


def test_a_failed_attempt_and_a_second_one_are_two_legs(tmp_path: Path) -> None:
    """What the recording lacks: the first attempt is refused, the second succeeds; only that one is paid."""
    real = Replay(tmp_path, Rules(1, TIERS, "finance", ()))
    account = {"id": UUID, "external_key": "A-1", "currency": "USD", "created_date": 0}
    leg = {"payment_id": "p1", "transaction_type": "PURCHASE", "amount": "10.000000000", "currency": "USD"}
    tries = (("l1", "PAYMENT_FAILURE", 1_767_225_600_000_000), ("l2", "SUCCESS", 1_767_312_000_000_000))
    real.commit(
        row(real, "killbill.public.accounts", record_id=4, **account),
        row(real, "killbill.public.payments", record_id=1, id="p1", account_record_id=4),
        *[
            row(
                real, "killbill.public.payment_transactions", record_id=number, id=name, transaction_status=status,
                transaction_external_key=name, effective_date=at, account_record_id=4, **leg,
            )
            for number, (name, status, at) in enumerate(tries, 1)
        ],
        source="killbill",
    )  # fmt: skip
    payment = real.live("payment")["p1"]
    assert payment["status"] == "succeeded"
    assert [(one["kind"], one["status"], one["paid_minor"], one["effective_at"]) for one in payment["legs"]] == [
        ("capture", "failed", 0, "2026-01-01T00:00:00Z"), ("capture", "done", 1000, "2026-01-02T00:00:00Z"),
    ]  # fmt: skip

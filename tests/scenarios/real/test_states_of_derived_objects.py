"""States of objects that no single row holds: from the dates of their rows where these say it, else as they were seen.

Dates and amounts are those of the recordings' rows, read by hand (tests/recorded/real/README.md); amounts are cents.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from state.rules import Rules
from tests.scenarios.cases.capture import Event
from tests.scenarios.real.recordings import acts
from tests.scenarios.real.replay import ACCOUNT, TIERS, Replay
from tests.scenarios.real.test_kill_bill import (
    CANCEL,
    FIRST,
    ONE_OFF,
    PAID_FIRST,
    PAID_UPGRADE,
    SECOND,
    SUBSCRIPTION,
    UPGRADE,
)
from tests.scenarios.real.test_tryton_and_request_tracker import LATE
from tests.scenarios.real.test_what_the_recordings_lack import UUID, block, happens, micros, row, subscription, ticket


def steps(record: Any) -> list[tuple[Any, ...]]:
    """(state, since) or (state, amount, since) of each."""
    return [tuple(one[name] for name in ("state", "amount_minor", "since") if name in one) for one in record["states"]]


def test_a_subscription_tells_its_states_by_the_dates_of_its_events(real: Replay) -> None:
    """From 3 September at 99.99, from the upgrade at 401.00, cancelled on 4 October: the pause took no time at all."""
    assert steps(real.live("subscription")[SUBSCRIPTION]) == [
        ("active", 9999, "2026-09-03T10:00:00Z"),
        ("active", 40100, "2026-09-14T10:00:09Z"),
        ("cancelled", 40100, "2026-10-04T10:00:27Z"),
    ]


def test_invoices_tell_theirs_by_the_dates_of_items_and_payments(real: Replay) -> None:
    """99.99 open for three seconds, then paid, 69.99 after refunds, adjustment and credit; the others likewise."""
    live = real.live("invoice")
    assert steps(live[FIRST]) == [
        ("open", 9999, "2026-09-03T10:00:03Z"),
        ("paid", 9999, "2026-09-03T10:00:06Z"),
        ("paid", 6999, "2026-09-14T10:00:13Z"),
    ]
    assert steps(live[UPGRADE]) == [("paid", 19435, "2026-09-14T10:00:12Z")]
    assert steps(live[SECOND]) == [("open", 38767, "2026-10-04T10:00:13Z"), ("paid", 0, "2026-10-04T10:00:30Z")]
    assert steps(live[CANCEL]) == [("paid", 0, "2026-10-04T10:00:30Z")]
    assert [step[:2] for step in steps(live[ONE_OFF])] == [("open", 461), ("void", 461)]


def test_payments_tell_theirs_by_their_legs(real: Replay) -> None:
    """Each was paid with its one capture; what was refunded takes nothing off that."""
    assert steps(real.live("payment")[PAID_FIRST]) == [("succeeded", 9999, "2026-09-03T10:00:06Z")]
    assert steps(real.live("payment")[PAID_UPGRADE]) == [("succeeded", 19435, "2026-09-14T10:00:12Z")]


def test_a_case_tells_its_states_out_of_its_history(real: Replay) -> None:
    """Opened 04:06:42, resolved and deleted 04:07:06: new and open are one state, and so one step."""
    assert steps(real.live("case")["CASE-3"]) == [
        ("open", "2026-11-25T04:06:42Z"),
        ("resolved", "2026-11-25T04:07:06Z"),
        ("deleted", "2026-11-25T04:07:06Z"),
    ]


@pytest.mark.parametrize("restarts", [False, True])
def test_documents_of_the_erp_tell_what_was_seen(tmp_path: Path, restarts: bool) -> None:
    """Its rows keep no dates of their states: invoice and credit note were drafted and posted when that was committed.

    Planted breaks, seen to fail: derived objects without notes (Deriver._changed gives no output); with restarts, notes
    that are not given to the object that their row stands for (States.adopt).
    """
    known = [act for act in acts("killbill") if act.txid == LATE]
    real = Replay(tmp_path)
    for act in (*known, *acts("tryton")):
        real.run([act])
        if restarts:
            real.restart()
    invoice, credit = real.live("invoice")["canon:b1:1"]["erp"], real.live("credit")["ERP-4"]["erp"]
    assert steps(invoice)[-2:] == [
        ("draft", 144_000, "2026-11-25T03:41:42.792Z"),
        ("posted", 144_000, "2026-11-25T03:41:43.863Z"),
    ]
    assert [step[:2] for step in steps(credit)] == [("draft", 144_000), ("posted", 144_000)]


@pytest.fixture
def books(tmp_path: Path) -> Replay:
    """Kill Bill knows the account, Tryton its party."""
    replay = Replay(tmp_path, Rules(1, TIERS, "finance", ()))
    account = {"id": UUID, "external_key": ACCOUNT, "currency": "USD", "created_date": micros("2026-01-01T00:00:00")}
    replay.commit(row(replay, "killbill.public.accounts", record_id=4, **account), source="killbill")
    party = row(replay, "tryton.public.party_party", id=1, code=ACCOUNT, name="Ada", active=True)
    replay.commit(party, source="tryton")
    return replay


def told(real: Replay) -> list[tuple[str, list[str]]]:
    """(object, the two states) of the steps that must not be."""
    found = [one for name, one in real.live("exception").items() if name.startswith("ILLEGAL_TRANSITION")]
    return [(one["object"], [fact["state"] for fact in one["facts"]]) for one in found]


def document(books: Replay, state: str, **columns: Any) -> Event:
    """The only row of account_invoice."""
    base = {"party": 1, "type": "out", "currency": 1, "reference": "R-1", "total_amount_cache": "10.00"}
    return row(books, "tryton.public.account_invoice", id=1, state=state, **(base | columns))


def charge(books: Replay, status: str) -> list[Event]:
    """The one leg of a payment."""
    leg = {"id": "l1", "payment_id": "p1", "transaction_external_key": "k1", "transaction_type": "PURCHASE"}
    of = {"amount": "10.00", "currency": "USD", "account_record_id": 4, "effective_date": micros("2026-01-01T00:00:00")}
    return [
        row(books, "killbill.public.payments", record_id=1, id="p1", account_record_id=4),
        row(books, "killbill.public.payment_transactions", record_id=1, transaction_status=status, **leg, **of),
    ]


def bill(books: Replay, status: str) -> list[Event]:
    """An invoice of Kill Bill."""
    columns = {"id": "i1", "invoice_date": 20454, "currency": "USD", "account_record_id": 4}
    return [row(books, "killbill.public.invoices", record_id=1, status=status, **columns)]


#: source, object, a state, one that may not follow it, and the states as they are told
ILLEGAL = {
    "an invoice of billing": ("killbill", "invoice", "VOID", "COMMITTED", ["void", "paid"]),
    "a payment": ("killbill", "payment", "SUCCESS", "PENDING", ["succeeded", "pending"]),
    "an invoice of the ERP": ("tryton", "invoice", "cancelled", "posted", ["cancelled", "posted"]),
    "a credit note of the ERP": ("tryton", "credit", "cancelled", "draft", ["cancelled", "draft"]),
    "a case": ("request_tracker", "case", "deleted", "open", ["deleted", "open"]),
}


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("name", ILLEGAL)
def test_a_step_that_must_not_be_is_told_of_derived_objects_too(books: Replay, name: str, restarts: bool) -> None:
    """Both states, once, also over a restart, and no more once the object is what it may be."""
    source, kind, first, second, states = ILLEGAL[name]

    def become(state: str) -> None:
        if kind == "case":
            made = ticket(books, 7, status=state)
        elif kind == "payment":
            made = charge(books, state)
        elif source == "killbill":
            made = bill(books, state)
        else:
            negative = {"total_amount_cache": "-10.00", "sequence_type_cache": "credit_note", "reference": None}
            made = [document(books, state, **(negative if kind == "credit" else {}))]
        books.commit(*made, source=source)
        if restarts:
            books.restart()

    become(first)
    assert told(books) == []
    become(second)
    assert told(books) == [(kind, states)]
    become(first)
    assert told(books) == []


@pytest.mark.parametrize("restarts", [False, True])
def test_documents_keep_their_states_when_their_party_is_merged_and_comes_back(books: Replay, restarts: bool) -> None:
    """Drafted and posted under another party, which is merged into ours and then is not: two states, each with its own time.

    Planted break, seen to fail: what came with a row is not given to the object that it stands for (States.made).
    """
    party = {"name": "n", "active": True}
    account = {"id": UUID[:-1] + "5", "external_key": "acct_2", "currency": "USD", "created_date": 0}
    books.commit(row(books, "killbill.public.accounts", record_id=5, **account), source="killbill")
    books.commit(row(books, "tryton.public.party_party", id=2, code="acct_2", **party), source="tryton")
    for state in ("draft", "posted"):
        books.commit(document(books, state, party=2), source="tryton")
    before = books.live("invoice")["R-1"]
    assert [step[:2] for step in steps(before["erp"])] == [("draft", 1000), ("posted", 1000)]
    for merged, owner in (("1", ACCOUNT), (None, "acct_2")):
        if restarts:
            books.restart()
        gone = row(books, "tryton.public.party_party", id=2, code="acct_2", replaced_by=merged, **party)
        books.commit(gone, source="tryton")
        found = books.live("invoice")["R-1"]
        assert (found["account"], steps(found["erp"])) == (owner, steps(before["erp"]))
    books.commit(document(books, "paid", party=1), source="tryton")
    assert [step[0] for step in steps(books.live("invoice")["R-1"]["erp"])] == ["draft", "posted", "paid"]


def test_a_plan_that_takes_effect_later_is_a_step_then(books: Replay) -> None:
    """Paused from the 2nd to the 3rd, both written on the 1st: each is a step once the clock is there, with its own date."""
    start = {"user_type": "CREATE", "plan_name": "pro-monthly", "effective_date": micros("2026-01-01T00:00:00")}
    books.commit(*subscription(books, **start), source="killbill")
    bundle = {"type": "SUBSCRIPTION_BUNDLE", "blockable_id": "b1"}
    later = [
        block(books, 1, "ENT_BLOCKED", **bundle, effective_date=micros("2026-01-02T00:00:00")),
        block(
            books, 2, "ENT_CLEAR", **bundle, block_entitlement=False, block_billing=False,
            effective_date=micros("2026-01-03T00:00:00"),
        ),
    ]  # fmt: skip
    books.commit(*later, source="killbill")
    expected = [
        ("active", "2026-01-01T00:00:00Z"),
        ("paused", "2026-01-02T00:00:00Z"),
        ("active", "2026-01-03T00:00:00Z"),
    ]
    for day in range(3):
        shown = [(state, since) for state, _, since in steps(books.live("subscription")["s1"])]
        assert shown == expected[: day + 1]
        for source in ("killbill", "tryton", "request_tracker"):
            books.commit(source=source, after_ms=86_400_000 if source == "killbill" else 1)
    books.commit(
        happens(books, 2, user_type="CHANGE", plan_name="ent-monthly", effective_date=micros("2026-01-01T12:00:00")),
        source="killbill",
    )
    assert len(steps(books.live("subscription")["s1"])) == 3  # no price of either plan is known, so only states count

"""Billing prorates, a plan changes in mid-cycle, and no line prorates it: told with the invoice of the next cycle, not before.

Planted breaks, seen to fail: telling it of a draft; not looking at an open one again when a line comes on another invoice;
looking for the proration on the one invoice only; a cycle that lines divide, or a credit, that counts for nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.output import Output
from state.row import Change
from state.rules import Proration, Rules
from state.shard import Shard
from state.viewing.proration import cycle_of, share
from tests.state.beside import Beside
from tests.state.company import ACCOUNT, at, drop, put, rules, shard

EPOCH = date(1970, 1, 1)
#: the first cycle, and the day of the change: 18 of 30 days are left
BEGIN, END, NEXT, CHANGED = date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31), date(2026, 4, 12)
OLD, NEW = 2900, 9900


def ms(day: date) -> int:
    """Noon of a day in UTC."""
    return int(datetime.combine(day, time(12), UTC).timestamp() * 1000)


def plan(amount: int, key: int = 1, **columns: Any) -> Change:
    """A subscription that begins with the first cycle."""
    return put("billing.subscriptions", key, mrr_minor=amount, started_on=(BEGIN - EPOCH).days, **columns)


def line(number: int, invoice: int, begins: date | None, ends: date | None, **columns: Any) -> Change:
    """An invoice line of the subscription, not prorated unless said."""
    first, last = (None if day is None else (day - EPOCH).days for day in (begins, ends))
    said: Any = {"subscription_id": 1, "prorated": False, "period_from": first, "period_until": last} | columns
    return put("billing.invoice_lines", number, invoice_id=invoice, **said)


def invoice(number: int, day: date, **columns: Any) -> Change:
    """An invoice of a day."""
    said: Any = {"issued_on": (day - EPOCH).days, "status": "open"} | columns
    return put("billing.invoices", number, **said)


def told(out: Output) -> list[Any]:
    """What was published of missing prorations: a record, or None where one is over."""
    return [body for name, body in out.exceptions if name.startswith("PRORATION_MISSING")]


def changed(*before: Change, new: int = NEW, by: Rules | None = None) -> Shard:
    """A month is billed in advance, and the plan changes in its midst."""
    target = shard(by=by)
    billed = before or (invoice(1, BEGIN), line(1, 1, BEGIN, END))
    at(target, ms(BEGIN), put("billing.accounts", 1), plan(OLD), *billed)
    assert told(at(target, ms(CHANGED), plan(new))) == []
    return target


NEXT_BILL = (invoice(2, END), line(2, 2, END, NEXT))


def test_told_with_customer_invoice_and_amount_once_the_next_cycle_is_billed() -> None:
    """59.40 less 17.40, as the proration would have been; billing's own amounts stay as they are."""
    target = changed()
    assert told(at(target, ms(CHANGED) + 1000, put("billing.accounts", 1, standing="delinquent"))) == []
    (found,) = told(at(target, ms(END), *NEXT_BILL))
    assert (found["kind"], found["account"], found["object_id"]) == ("PRORATION_MISSING", ACCOUNT, "INV-2")
    assert (found["invoice"], found["risk_minor"], found["risk_currency"]) == ("INV-2", 4200, "EUR")
    assert (found["since_ms"], found["team"]) == (ms(END), "finance-operations")
    for said in ("SUB-1", "42.00 EUR", "29.00 EUR to 99.00 EUR", "2026-04-12", "18 of 30 days", "Next step"):
        assert said in found["text"]
    assert told(at(target, ms(NEXT), invoice(3, NEXT), line(3, 3, NEXT, date(2026, 6, 30)))) == []


def test_a_draft_is_waited_for() -> None:
    """As long as the next invoice is not issued the lines may still come."""
    target = changed()
    assert told(at(target, ms(END), invoice(2, END, status="draft"), line(2, 2, END, NEXT))) == []
    assert len(told(at(target, ms(END) + 1000, invoice(2, END)))) == 1


@pytest.mark.parametrize(
    "more",
    [
        (line(9, 2, CHANGED, END, prorated=True, amount_minor=4200),),
        (invoice(3, END), line(9, 3, CHANGED, END, prorated=True, amount_minor=4200)),
        (line(9, 1, CHANGED, END, prorated=True, amount_minor=4200),),
    ],
)
def test_over_as_soon_as_a_line_prorates_it(more: tuple[Change, ...]) -> None:
    """On the same invoice, a later or an earlier one; before and after a restart, and told again by neither."""
    target, beside = changed(), Beside()
    rows: tuple[Change, ...] = (put("billing.accounts", 1), plan(NEW), invoice(1, BEGIN), line(1, 1, BEGIN, END))
    for out in (at(fresh := shard(), ms(BEGIN), rows[0], plan(OLD), *rows[2:]), at(fresh, ms(CHANGED), plan(NEW))):
        beside.take(out)
    beside.take(at(fresh, ms(END), *NEXT_BILL))
    assert len(told(at(target, ms(END), *NEXT_BILL))) == 1
    again = shard()
    for row, day in zip((*rows, *NEXT_BILL), (BEGIN, CHANGED, BEGIN, BEGIN, END, END), strict=True):
        again.load(ACCOUNT, row.table, row.key, ms(day), ms(day), row.frame)
    again.load_clock(ms(END))
    beside.load(again)
    for one in (target, again):
        assert told(at(one, ms(END) + 1000, put("billing.accounts", 1, standing="delinquent"))) == []
        assert told(at(one, ms(END) + 2000, *more)) == [None]


QUIET: dict[str, tuple[Shard, tuple[Change, ...]]] = {
    "a prorated line, whatever its amount": (changed(), (*NEXT_BILL, line(9, 2, CHANGED, END, prorated=True))),
    "a prorated line without dates": (changed(), (*NEXT_BILL, line(9, 2, None, None, prorated=True))),
    "a prorated line that does not say of what": (
        changed(),
        (*NEXT_BILL, line(9, 2, CHANGED, END, prorated=True, subscription_id=None)),
    ),
    "two lines that divide the cycle": (changed(), (*NEXT_BILL, line(9, 2, CHANGED, END))),
    "a line without dates": (changed(), (*NEXT_BILL, line(9, 2, None, None))),
    "the cycle was never billed": (changed(put("support.organizations", 1)), NEXT_BILL),
    "billed afterwards": (
        changed(put("support.organizations", 1)),
        (*NEXT_BILL, invoice(1, END), line(1, 1, BEGIN, END)),
    ),
    "the invoice of the cycle is void": (changed(invoice(1, BEGIN, status="void"), line(1, 1, BEGIN, END)), NEXT_BILL),
    "billed for another period": (changed(invoice(1, BEGIN), line(1, 1, BEGIN, NEXT)), NEXT_BILL),
    "the next invoice is void": (changed(), (invoice(2, END, status="void"), line(2, 2, END, NEXT))),
    "only a much later cycle is billed": (changed(), (invoice(2, END), line(2, 2, date(2026, 7, 31), None))),
    "a lower price and a credit": (changed(new=900), (*NEXT_BILL, put("billing.credits", 1))),
    "billing does not prorate everything": (
        changed(by=replace(rules(), proration=Proration("day", "half_up", always=False))),
        NEXT_BILL,
    ),
    "no rule": (changed(by=replace(rules(), proration=None)), NEXT_BILL),
}


@pytest.mark.parametrize("why", QUIET)
def test_what_may_be_right_is_not_told(why: str) -> None:
    """Whatever may stand for the proration, and what is not known, keeps it from being told."""
    target, bill = QUIET[why]
    assert told(at(target, ms(END), *bill)) == []


def test_a_lower_price_without_a_credit_is_told() -> None:
    """What was not given back."""
    (found,) = told(at(changed(new=900), ms(END), *NEXT_BILL))
    assert found["risk_minor"] == 1200 and "-12.00 EUR" in found["text"]


def test_a_cycle_that_was_billed_before_the_change_says_nothing_the_one_after_it_does() -> None:
    """Billing runs some days ahead: the next bill was written before the plan changed."""
    target = shard()
    at(target, ms(BEGIN), put("billing.accounts", 1), plan(OLD), invoice(1, BEGIN), line(1, 1, BEGIN, END))
    at(target, ms(CHANGED) - 1000, invoice(2, CHANGED), line(2, 2, END, NEXT))
    assert told(at(target, ms(CHANGED), plan(NEW))) == []
    (found,) = told(at(target, ms(CHANGED) + 1000, invoice(3, CHANGED), line(3, 3, NEXT, date(2026, 6, 30))))
    assert found["object_id"] == "INV-3"


def test_there_and_back_and_ends_are_no_change_of_plan() -> None:
    """Back on the same day nothing is owed; what is paused, or begins, within the cycle is not judged."""
    back = changed()
    at(back, ms(CHANGED) + 1000, plan(OLD))
    assert told(at(back, ms(END), *NEXT_BILL)) == []
    paused = changed()
    at(paused, ms(CHANGED) + 1000, plan(NEW, status="cancelled"))
    at(paused, ms(CHANGED) + 2000, plan(NEW, status="active"))
    assert told(at(paused, ms(END), *NEXT_BILL)) == []


def test_two_subscriptions_of_one_invoice_are_told_together() -> None:
    """Both are named, and the amounts add up."""
    target = changed(invoice(1, BEGIN), line(1, 1, BEGIN, END), plan(OLD, 2), line(2, 1, BEGIN, END, subscription_id=2))
    at(target, ms(CHANGED) + 1000, plan(NEW, 2))
    bill = (invoice(2, END), line(3, 2, END, NEXT), line(4, 2, END, NEXT, subscription_id=2))
    (found,) = told(at(target, ms(END), *bill))
    assert "SUB-1" in found["text"] and "SUB-2" in found["text"] and found["risk_minor"] == 8400
    assert told(at(target, ms(END) + 1000, drop("billing.invoices", 2))) == [None]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 29), st.integers(1, 10**6), st.integers(1, 10**6), st.booleans())
def test_billing_that_prorates_is_never_accused(days: int, old: int, new: int, prorates: bool) -> None:
    """Any day and price: told if and only if something is owed and no line is there; a right line is never wrong."""
    target, day = shard(), BEGIN + timedelta(days)
    start, end = cycle_of(BEGIN, 1, day)
    at(target, ms(BEGIN) - 1000, put("billing.accounts", 1), plan(old), invoice(1, BEGIN), line(1, 1, BEGIN, END))
    bill = [plan(new)]
    owed = [
        sign * share(price, (end - day).days, (end - start).days, "half_up") for price, sign in ((new, 1), (old, -1))
    ]
    if prorates and day > start:
        charge, unused = owed
        bill += [
            invoice(3, day),
            line(8, 3, day, END, prorated=True, amount_minor=charge),
            line(9, 3, day, END, prorated=True, amount_minor=unused),
        ]
    out = [*at(target, ms(day), *bill).exceptions, *at(target, ms(END), *NEXT_BILL).exceptions]
    found = [body["risk_minor"] for name, body in out if name.startswith("PRORATION") and body]
    net = share(new - old, (end - day).days, (end - start).days, "half_up")
    missing = not prorates and day > start and sum(owed) != 0 != net
    assert found == ([abs(sum(owed))] if missing else [])

"""What billing prorates is recomputed to the minor unit from the change of plan; a wrong amount names everything it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.output import Output
from state.rules import Proration, Rounding, Rules
from state.shard import Shard
from state.viewing.proration import cycle_of, share
from tests.state.beside import Beside
from tests.state.company import ACCOUNT, at, put, release, rules, shard

MODES: dict[Rounding, str] = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN}
EPOCH = date(1970, 1, 1)
ANCHOR, CHANGED = date(2026, 3, 31), date(2026, 4, 12)  # the cycle is 31 March to 30 April: 18 of 30 days are left
NOON_MS = int(datetime(2026, 4, 12, 12, tzinfo=UTC).timestamp() * 1000)


def days(day: date) -> int:
    """As Debezium gives dates."""
    return (day - EPOCH).days


def line(number: int, amount_minor: int, begins: date | None = CHANGED, prorated: bool = True) -> Any:
    """A line of invoice 2 about the subscription."""
    begun = None if begins is None else days(begins)
    columns: Any = {
        "subscription_id": 1,
        "prorated": prorated,
        "period_from": begun,
        "period_until": days(date(2026, 4, 30)),
    }
    return put("billing.invoice_lines", number, invoice_id=2, amount_minor=amount_minor, **columns)


def subscription(plan: str, mrr_minor: int) -> Any:
    """The one subscription."""
    return put("billing.subscriptions", 1, plan_code=plan, mrr_minor=mrr_minor, started_on=days(ANCHOR))


def upgraded(*lines: Any, by: Rules | None = None) -> tuple[Shard, Output]:
    """From 29.00 to 99.00 at noon on 12 April, invoiced by these lines, while a severity-one case is open."""
    target = shard(by=by)
    at(target, NOON_MS - 2000, put("billing.accounts", 1), subscription("basic", 2900))
    at(target, NOON_MS - 1000, put("support.organizations", 1), put("support.cases", 1, severity=1))
    return target, at(target, NOON_MS, subscription("pro", 9900), put("billing.invoices", 2), *lines)


def wrong(out: Output) -> list[Any]:
    """What was published of prorations: a record, or None where one is over."""
    return [body for name, body in out.exceptions if name.startswith("PRORATION_MISMATCH")]


def test_right_to_the_minor_unit() -> None:
    """18 of 30 days: 59.40 for the new price and 17.40 back for the old one, in two lines, in one net line, in any split."""
    for lines in ([5940, -1740], [4200], [5000, 940, -1740]):
        assert wrong(upgraded(*(line(number, amount) for number, amount in enumerate(lines)))[1]) == [], lines


@pytest.mark.parametrize("lines", [[5940, -1739], [5941, -1740], [5939, -1739], [5940], [-1740], [4201], [9900, -2900]])
def test_a_wrong_amount_names_customer_invoice_case_and_amount(lines: list[int]) -> None:
    """One minor unit is enough, also where the sum happens to be right; billing's amounts stay as they are."""
    _, out = upgraded(*(line(number, amount) for number, amount in enumerate(lines)))
    (told,) = wrong(out)
    assert (told["account"], told["invoice"], told["case"], told["object_id"]) == (ACCOUNT, "INV-2", "CASE-1", "INV-2")
    assert (told["since_ms"], told["team"], told["risk_currency"]) == (NOON_MS, "finance-operations", "EUR")
    net = len(lines) == 1
    expected = abs(sum(lines) - 4200) if net else abs(sum(x for x in lines if x > 0) - 5940) + abs(lines[-1] + 1740)
    assert told["risk_minor"] == expected
    assert "42.00 EUR" in told["text"] and "18 of 30 days" in told["text"] and "Next step: correct" in told["text"]
    assert not [body for _, body in out.intents if body and body["target"] == "billing"]


def test_it_is_over_when_billing_corrects_the_invoice() -> None:
    """And told again by nobody, also not over a restart before or after."""
    target, out = upgraded(line(1, 5940), line(2, -1700))
    beside = Beside()
    beside.take(out)
    rows = [
        put("billing.accounts", 1),
        subscription("pro", 9900),
        put("billing.invoices", 2),
        line(1, 5940),
        line(2, -1700),
    ]
    again = shard()
    for row in rows:
        again.load(ACCOUNT, row.table, row.key, NOON_MS, NOON_MS, row.frame)
    again.load_clock(NOON_MS)
    beside.load(again)
    for one in (target, again):
        assert wrong(at(one, NOON_MS + 1000, put("billing.accounts", 1, standing="delinquent"))) == []
        assert wrong(at(one, NOON_MS + 2000, line(2, -1740))) == [None]


def test_an_invoice_of_an_earlier_transaction_is_looked_at_when_the_plan_changes() -> None:
    """Billing writes the invoice first; what is wrong with it is knowable when the change of plan is."""
    target = shard()
    at(target, NOON_MS - 2000, put("billing.accounts", 1), subscription("basic", 2900))
    assert wrong(at(target, NOON_MS - 1000, put("billing.invoices", 2), line(1, 5940), line(2, -1))) == []
    assert len(wrong(at(target, NOON_MS, subscription("pro", 9900)))) == 1


def test_what_is_not_known_is_not_judged() -> None:
    """Lines that are not prorated, another cycle, a price from before the first snapshot, no rule."""
    assert wrong(upgraded(line(1, 1, prorated=False))[1]) == []
    assert wrong(upgraded(line(1, 1, begins=date(2026, 3, 30)))[1]) == []
    assert wrong(upgraded(line(1, 1), by=replace(rules(), proration=None))[1]) == []
    target = shard()
    rows = (put("billing.accounts", 1), subscription("pro", 9900), put("billing.invoices", 2), line(1, 1))
    assert wrong(at(target, NOON_MS, *rows)) == []
    assert wrong(target.apply(release(NOON_MS, went_live=True))) == []


def test_a_state_that_nobody_knows_says_nothing_of_the_price() -> None:
    """While it lasts nothing is judged; afterwards the price changed when it came, and not twice."""
    for amounts, found in (([5940, -1740], 0), ([5940, -1700], 1)):
        target = shard()
        at(target, NOON_MS - 2000, put("billing.accounts", 1), subscription("basic", 2900))
        strange = put(
            "billing.subscriptions", 1, plan_code="pro", mrr_minor=9900, started_on=days(ANCHOR), status="new"
        )
        lines = [line(number, amount) for number, amount in enumerate(amounts)]
        assert wrong(at(target, NOON_MS, strange, put("billing.invoices", 2), *lines)) == []
        later_ms = NOON_MS + 5 * 86_400_000
        assert len(wrong(at(target, later_ms, subscription("pro", 9900)))) == found


def test_by_the_second() -> None:
    """At noon 17.5 of 30 days are left: 57.75 and 16.92 (16.916...)."""
    by = replace(rules(), proration=Proration("second", "half_up"))
    assert wrong(upgraded(line(1, 5775), line(2, -1692), by=by)[1]) == []
    assert len(wrong(upgraded(line(1, 5940), line(2, -1740), by=by)[1])) == 1


@given(st.integers(-(10**12), 10**12), st.integers(0, 31), st.integers(1, 31), st.sampled_from(sorted(MODES)))
def test_shares_round_as_decimals_do(price: int, part: int, whole: int, rounding: Rounding) -> None:
    """Against the decimal module, for every rounding and sign."""
    exact = Decimal(price * part) / Decimal(whole)
    assert share(price, part, whole, rounding) == int(exact.quantize(Decimal(1), MODES[rounding]))


@given(st.dates(date(1950, 1, 1), date(2050, 12, 31)), st.integers(1, 12), st.integers(-9000, 9000))
def test_every_day_lies_in_one_cycle(anchor: date, months: int, later: int) -> None:
    """Cycles follow one another without gap or overlap, and one of them begins on the anchor."""
    day = anchor + timedelta(later)
    start, end = cycle_of(anchor, months, day)
    assert start <= day < end
    assert cycle_of(anchor, months, end)[0] == end
    assert cycle_of(anchor, months, start) == (start, end)
    assert cycle_of(anchor, months, anchor)[0] == anchor

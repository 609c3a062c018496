"""The CRM shows service level, recurring revenue and the urgent case of the customers that it has; without a CRM nothing is wanted."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from connectors.mappings.loading import load_model
from state.model import Model
from state.output import Output
from state.row import Change, Transaction
from state.shard import Shard
from tests.state.company import ACCOUNT, IN_STEP, SETTLE_MS, SOURCES, Image, in_step, put, record, release, shard
from tests.state.company import at as at_company

LATER = SETTLE_MS + 60_000


@cache
def with_crm() -> Model:
    """The demo's sources and its CRM."""
    return load_model(SOURCES, ("billing", "erp", "support", "crm"))


def customer(key: int = 1, **columns: Any) -> Change:
    """A row of the CRM that agrees with `IN_STEP`."""
    row: Image = {"account_number": ACCOUNT, "name": "Nord", "plan": "premium", "currency": "EUR"}
    row |= {"recurring_revenue": "99.000", "urgent_case": "", "version": 1, "id": key}
    index = next(t.index for t in with_crm().tables if t.topic == "crm.public.customers")
    return Change(ACCOUNT, index, "u", str(key), json.dumps(row | columns).encode())


def at(target: Shard, clock_ms: int, *changes: Change) -> Output:
    """Apply one transaction whose position and time are the clock, of whichever of the four."""
    if not changes:
        return target.apply(release(clock_ms))
    source = with_crm().tables[changes[0].table].source
    return target.apply(release(clock_ms, Transaction(source, clock_ms, clock_ms, list(changes))))


def begun() -> Shard:
    """An account on which all four systems agree."""
    target = shard(of=with_crm())
    at(target, 900, *IN_STEP)
    assert not at(target, 1000, customer()).intents
    assert not at(target, LATER).intents
    return target


def wanted(target: Shard, clock_ms: int) -> dict[str, Image]:
    """What is wanted of the CRM when everything has settled."""
    return {body["object"]: body for _, body in at(target, clock_ms).intents if body and body["state"] == "wanted"}


def test_an_upgrade_is_wanted_of_the_crm() -> None:
    """Level and revenue, exact; seen when the CRM's own row shows both."""
    target = begun()
    at(target, LATER + 1000, put("billing.subscriptions", 1, plan_code="enterprise", mrr_minor=49900))
    one = wanted(target, 2 * LATER)["customer"]
    assert one["desired"] == {"tier": "enterprise", "recurring_revenue": "499.00", "currency": "EUR"}
    assert one["current"] == {"tier": "premium", "recurring_revenue": "99.00", "currency": "EUR"}
    assert (one["target"], one["risk_minor"], one["invoice"], one["team"]) == (
        "crm",
        40000,
        "INV-1",
        "sales-operations",
    )
    assert one["positions"] == {"billing": LATER + 1000, "crm": 1000}
    half = at(target, 3 * LATER, customer(plan="enterprise"))
    assert [body and body["state"] for _, body in half.intents if body and body["object"] == "customer"] == [
        "withdrawn",
        "wanted",
    ]
    seen = at(target, 4 * LATER, customer(plan="enterprise", recurring_revenue="499"))
    assert [body and body["state"] for _, body in seen.intents if body and body["object"] == "customer"] == ["seen"]


def test_a_price_alone_is_wanted_too() -> None:
    """The level stays; what the account is entitled to has no news, its revenue has."""
    target = begun()
    at(target, LATER + 1000, put("billing.subscriptions", 1, mrr_minor=9901))
    assert wanted(target, 2 * LATER)["customer"]["desired"]["recurring_revenue"] == "99.01"


@pytest.mark.parametrize(
    ("cases", "urgent"),
    [
        ([{"severity": 1}], "CASE-1"),
        ([{"severity": 2}], ""),
        ([{"severity": 1, "status": "resolved"}], ""),
        ([{"severity": 1, "opened_at": "2026-01-02T00:00:00Z"}, {"severity": 1, "status": "pending"}], "CASE-2"),
    ],
)
def test_the_urgent_case_is_the_oldest_open_one_of_severity_one(cases: list[Image], urgent: str) -> None:
    """Support owns it; when it is resolved the CRM is to show none."""
    target = begun()
    at(target, LATER + 1000, *(put("support.cases", number, **columns) for number, columns in enumerate(cases, 1)))
    found = wanted(target, 2 * LATER).get("escalation")
    assert (found["desired"]["urgent_case"] if found else "") == urgent
    if found:
        assert (found["case"], found["positions"]) == (urgent, {"support": LATER + 1000, "crm": 1000})
        at(target, 2 * LATER + 1, customer(urgent_case=urgent))
        at(
            target,
            2 * LATER + 2,
            *(put("support.cases", n, severity=1, status="resolved") for n in range(1, len(cases) + 1)),
        )
        assert wanted(target, 3 * LATER)["escalation"]["desired"] == {"urgent_case": ""}


def test_what_the_crm_does_not_have_or_cannot_be_read_wants_nothing() -> None:
    """No row, two rows, an unknown plan, a row that cannot be used: nothing is derived, and the ERP is corrected all the same."""
    upgrade = put("billing.subscriptions", 1, plan_code="enterprise", mrr_minor=49900)
    for rows in ((), (customer(), customer(2)), (customer(plan="vip"),), (customer(recurring_revenue="0.001"),)):
        target = shard(of=with_crm())
        at(target, 900, *IN_STEP)
        for number, row in enumerate(rows):
            at(target, 1000 + number, row)
        at(target, 2000, upgrade, put("billing.invoices", 1, status="paid"))
        at(target, 2001, put("support.cases", 1, severity=1))
        assert not {"customer", "escalation"} & wanted(target, 2 * LATER).keys(), rows
        assert "invoice" in wanted(shard_of(rows), 2 * LATER), rows


def shard_of(rows: tuple[Change, ...]) -> Shard:
    """The same company with an unpaid ERP invoice."""
    target = shard(of=with_crm())
    at(target, 900, *IN_STEP)
    for number, row in enumerate(rows):
        at(target, 1000 + number, row)
    at(target, 2000, put("billing.invoices", 1, status="paid"))
    return target


def test_the_record_shows_what_the_crm_believes() -> None:
    """A facet of the account; the revenue in minor units of its currency. Without a CRM it is null."""
    target = begun()
    shown = record(at(target, 2 * LATER, customer(urgent_case="CASE-9", version=2)), "account")["crm"]
    assert shown == {
        "row": "1", "position": 2 * LATER, "currency": "EUR", "tier": "premium", "recurring_revenue_minor": 9900,
        "urgent_case": "CASE-9", "name": "Nord", "version": 2,
    }  # fmt: skip
    assert (
        record(at_company(in_step(), 2000, put("billing.accounts", 1, standing="delinquent")), "account")["crm"] is None
    )

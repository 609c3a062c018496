"""What revenue is recognised over is in the ERP as in billing: per invoice line its amount and its period of service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.state.company import SETTLE_MS, Image, at, in_step, put

FROM, UNTIL = 20_500, 20_530  # 2026-02-16 to 2026-03-18
LATER = 10 * SETTLE_MS


def ours(amount: int = 10000, **columns: Any) -> Any:
    """Billing's line with its period."""
    return put(
        "billing.invoice_lines", 1, amount_minor=amount, **{"period_from": FROM, "period_until": UNTIL} | columns
    )


def theirs(**columns: Any) -> Any:
    """The ERP's line."""
    return put("erp.sales_invoice_lines", 1, **columns)


def wanted(*changes: Any) -> list[Image]:
    """What is wanted after these changes, each a transaction of its own, have settled."""
    target = in_step()
    for number, change in enumerate(changes):
        at(target, 2000 + number, change)
    return [body for _, body in at(target, LATER).intents if body and body["state"] == "wanted"]


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"period_from": FROM},
        {"period_from": FROM + 1, "period_until": UNTIL},
        {"period_from": FROM, "period_until": FROM},
    ],
)
def test_a_missing_or_another_period_is_wanted(shown: Image) -> None:
    """By a rule of its own, with the amount that would be recognised wrong; lines travel whole."""
    (one,) = wanted(ours(), theirs(**shown))
    assert (one["rule"], one["object"], one["object_id"]) == ("revenue-schedule", "schedule", "INV-1")
    assert (one["invoice"], one["risk_minor"], one["risk_currency"]) == ("INV-1", 10000, "EUR")
    line = {"description": "plan", "amount": "100.00", "period_from": "2026-02-16", "period_until": "2026-03-18"}
    assert {**one["desired"], "lines": json.loads(one["desired"]["lines"])} == {"reference": "INV-1", "lines": [line]}
    assert one["current"].keys() == one["desired"].keys()


def test_equal_periods_want_nothing() -> None:
    """And what billing gives no period to needs none in the ERP."""
    assert wanted(ours(), theirs(period_from=FROM, period_until=UNTIL)) == []
    assert wanted(ours(period_from=None, period_until=None), theirs(period_from=FROM, period_until=UNTIL)) == []


def test_a_wrong_invoice_is_told_first_and_brings_its_periods() -> None:
    """One difference at a time about one document: the amounts, and with them the periods."""
    (one,) = wanted(put("billing.invoices", 1, total_minor=12000), ours(12000), theirs())
    assert one["object"] == "invoice"
    assert json.loads(one["desired"]["lines"])[0]["period_until"] == "2026-03-18"


def test_seen_when_the_erp_shows_the_period() -> None:
    """The ERP's own row ends it."""
    target = in_step()
    at(target, 2000, ours())
    at(target, LATER)
    out = at(target, LATER + 1, theirs(period_from=FROM, period_until=UNTIL))
    assert [(body["object"], body["state"]) for _, body in out.intents if body] == [("schedule", "seen")]

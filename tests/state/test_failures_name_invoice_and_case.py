"""Every failure names customer, invoice, case and amount: exceptions and intents alike, whatever they are about."""

from __future__ import annotations

from typing import Any

from tests.state.company import ACCOUNT, SETTLE_MS, at, in_step, put


def named(record: Any) -> tuple[Any, ...]:
    """Customer, invoice, case, and amount with its currency."""
    customer = record.get("account") or record.get("account_id")
    return customer, record["invoice"], record["case"], record["risk_minor"], record["risk_currency"]


def test_a_difference_names_the_newest_invoice_and_the_most_severe_case() -> None:
    """A service level that is too low: the invoice of the same change of plan, and the severity-one case, not an older one."""
    target = in_step()
    at(target, 2000, put("support.cases", 1, severity=3), put("support.cases", 2, severity=1, status="pending"))
    at(target, 2100, put("support.cases", 3, severity=1, status="resolved"), put("support.cases", 4, severity=None))
    upgrade = put("billing.subscriptions", 1, plan_code="enterprise", mrr_minor=49900)
    lines = put("billing.invoice_lines", 2, invoice_id=2, amount_minor=500)
    out = at(target, 3000, upgrade, put("billing.invoices", 2, total_minor=500), lines)
    told = {body["object"]: body for _, body in out.intents if body}
    assert named(told["entitlement"]) == (ACCOUNT, "INV-2", "CASE-2", 49900, "EUR")
    assert named(told["invoice"]) == (ACCOUNT, "INV-2", "CASE-2", 500, "EUR")


def test_a_difference_that_settles_names_the_case_of_now() -> None:
    """The case was opened after the difference was found: it is said again with the case, and nothing else of the account is."""
    target = in_step()
    ((key, first),) = at(target, 2000, put("billing.accounts", 1, standing="delinquent")).intents
    assert first is not None and first["case"] is None
    assert not at(target, 2500, put("support.organizations", 1, name="Other", version=2)).intents
    ((again, settling),) = at(target, 3000, put("support.cases", 7, severity=1)).intents
    assert settling is not None and (again, settling["state"]) == (key, "settling")
    ((_, wanted),) = at(target, 2000 + SETTLE_MS).intents
    assert wanted is not None and named(settling) == named(wanted) == (ACCOUNT, "INV-1", "CASE-7", 10000, "EUR")
    assert not at(target, 9000, put("support.cases", 7, severity=1, status="resolved")).intents


def test_exceptions_name_them_too() -> None:
    """A plan that the mapping does not know, and a row that cannot be used: drafts and void invoices do not count."""
    target = in_step()
    at(target, 2000, put("support.cases", 1), put("support.cases", 2, severity=1))
    at(target, 2100, put("billing.invoices", 2, status="void"), put("billing.invoices", 3, status="draft"))
    ((_, unmapped),) = at(target, 3000, put("billing.subscriptions", 1, plan_code="gold")).exceptions
    assert unmapped is not None and named(unmapped) == (ACCOUNT, "INV-1", "CASE-2", 10000, "EUR")
    told = at(target, 4000, put("billing.payments", 1, amount_minor="much")).exceptions
    ((_, parked),) = [one for one in told if one[1] and one[1]["object"] == "payment"]
    assert parked is not None and named(parked)[:3] == (ACCOUNT, "INV-1", "CASE-2")


def test_without_invoice_or_case_they_are_empty() -> None:
    """Nothing is made up."""
    target = in_step()
    out = at(
        target, 2000, put("billing.accounts", 2, number="A-000002", standing="delinquent")._replace(account="A-000002")
    )
    ((_, intent),) = out.intents
    assert intent is not None and named(intent)[:3] == ("A-000002", None, None)

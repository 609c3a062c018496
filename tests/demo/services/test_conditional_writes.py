"""A write is carried out only on the version that was read, once per idempotency key, and never by halves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.demo.services.company import Company

INVOICE = {
    "customer": "A-000001",
    "currency": "EUR",
    "state": "posted",
    "total": "119.000",
    "lines": [{"description": "Pro", "amount": "100.00"}, {"description": "Usage", "amount": "19.00"}],
}
PATH = "/sales_invoices/INV-1"


def create(company: Company, key: str = "k1", **body: Any) -> int:
    """Create INV-1; the HTTP status."""
    return company.erp.put(PATH, {**INVOICE, **body}, If_None_Match="*", Idempotency_Key=key).status_code


def test_create_then_read_shows_exact_text_and_version(company: Company) -> None:
    """What was written is read back, money as exact text."""
    assert create(company) == 201
    row = company.erp.http.get(PATH).json()
    assert (row["total"], row["version"], row["state"]) == ("119.000", 1, "posted")
    assert row["lines"] == [{"description": "Pro", "amount": "100.000"}, {"description": "Usage", "amount": "19.000"}]


def test_same_key_is_carried_out_once(company: Company) -> None:
    """The second request with a key gets the first one's answer and leaves no second effect."""
    assert create(company) == 201
    again = company.erp.put(PATH, INVOICE, If_None_Match="*", Idempotency_Key="k1")
    assert again.headers["Idempotent-Replay"] == "true"
    assert company.erp.effects() == {"k1": 1}


def test_same_key_at_the_same_time_is_carried_out_once(company: Company) -> None:
    """Eight requests with one key at once: one effect, and all are told the same row."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: company.erp.put(PATH, INVOICE, If_None_Match="*", Idempotency_Key="k"), range(8))
        )
    assert company.erp.effects() == {"k": 1}
    assert {answer.json()["version"] for answer in answers} == {1}


def test_key_used_for_another_request_is_refused(company: Company) -> None:
    """A key names one request, not a licence."""
    create(company)
    other = company.erp.put(PATH, {**INVOICE, "state": "paid"}, If_Match='"1"', Idempotency_Key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "KEY_REUSED")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 428),
        ({"If_Match": '"7"'}, 412),
        ({"If_None_Match": "*"}, 412),
        ({"If_Match": '"1"'}, 200),
        ({"If_Match": "x"}, 400),
    ],
)
def test_precondition_decides(company: Company, headers: dict[str, str], status: int) -> None:
    """Without a precondition 428, on another version 412, on the row's own version the write happens."""
    create(company)
    assert company.erp.put(PATH, {"state": "paid"}, **headers).status_code == status
    assert company.erp.http.get(PATH).json()["state"] == ("paid" if status == 200 else "posted")


def test_version_zero_is_a_version(company: Company) -> None:
    """G34 A: the first revision's token 0 is sent and taken like any other."""
    create(company)
    company.erp.sql("UPDATE sales_invoices SET version = 0")
    assert company.erp.put(PATH, {"state": "paid"}, If_Match='"0"').json()["version"] == 1


def test_only_named_fields_change(company: Company) -> None:
    """A person's change to another field is kept."""
    organization = "/organizations/A-000001"
    company.support.sql("UPDATE organizations SET name = 'Ada SE', version = 5")
    answer = company.support.put(organization, {"service_level": "premium"}, If_Match='"5"')
    assert answer.json() | {"version": 6, "name": "Ada SE", "service_level": "premium"} == answer.json()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total": 119.0}, "INVALID_FIELD"),
        ({"total": "119.0001"}, "INVALID_FIELD"),
        ({"total": "NaN"}, "INVALID_FIELD"),
        ({"total": "120.00"}, "LINES_DO_NOT_ADD_UP"),
        ({"customer": "A-9"}, "CUSTOMER_UNKNOWN"),
        ({"currency": "USD"}, "CURRENCY_MISMATCH"),
        ({"state": "sent"}, "INVALID_FIELD"),
        ({"colour": "red"}, "INVALID_FIELD"),
    ],
)
def test_refused_body_leaves_nothing(company: Company, change: dict[str, Any], code: str) -> None:
    """A refusal names its reason, writes nothing, and does not use the key up."""
    answer = company.erp.put(PATH, {**INVOICE, **change}, If_None_Match="*", Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert company.erp.effects() == {}
    assert create(company) == 201


def test_closed_period_is_a_business_error_with_the_first_open_day(company: Company) -> None:
    """G29: the ERP says which period is closed and what day is open."""
    company.erp.http.post("/control/period", json={"first_open_day": "2026-03-01"})
    answer = company.erp.put(PATH, {**INVOICE, "posted_on": "2026-02-27"}, If_None_Match="*")
    assert (answer.status_code, answer.json()["code"], answer.json()["first_open_day"]) == (
        422,
        "PERIOD_CLOSED",
        "2026-03-01",
    )
    assert create(company, posted_on="2026-03-01") == 201


def test_credit_note_round_trip(company: Company) -> None:
    """Credit notes are created, read and changed like invoices."""
    path, note = "/credit_notes/CR-1", {"customer": "A-000001", "currency": "EUR", "amount": "5.5"}
    assert company.erp.put(path, note, If_None_Match="*").json()["amount"] == "5.500"
    assert company.erp.put(path, {"amount": "6"}, If_Match='"1"').json()["amount"] == "6.000"


def test_organization_is_found_by_its_free_text_reference(company: Company) -> None:
    """' a-000001 ' and A-000001 are one organization; an unknown one is 404."""
    assert company.support.http.get("/organizations/A-000001").json()["delinquent"] is False
    assert (
        company.support.put("/organizations/A-000001", {"delinquent": True}, If_Match='"1"').json()["delinquent"]
        is True
    )
    assert company.support.http.get("/organizations/A-000002").json()["code"] == "NOT_FOUND"

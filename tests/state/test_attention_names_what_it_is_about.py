"""What people must look at says in words of the business what it is about, as long as it is so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from state.correcting import correction as c
from state.correcting.attention import attention_record
from state.correcting.correction import Correction, Event, Intent
from state.correcting.lifecycle import advance
from tests.test_contracts import AVRO

INTENT = Intent(
    id="3f1c", state="wanted", rule="invoice-posted", target="erp", object="invoice", object_id="INV-7", account_id="A-1",
    desired={"total": "119.00"}, current=None, target_ref=None, positions={"billing": 9}, since_ms=77, risk_minor=11900,
    risk_currency="EUR", mode="auto", team="finance-operations", invoice="INV-7", case="CASE-4",
)  # fmt: skip
REFUSED = c.Refused("PERIOD_CLOSED", "the period of 2026-01-31 is closed", {"first_open_day": "2026-02-01"})


def after(*events: Event, intent: Intent = INTENT) -> Correction:
    """A correction to which all this happened."""
    one = Correction(intent, tier="A")
    for event in events:
        one = advance(one, event, 5)
    return one


def test_a_refusal_names_customer_invoice_case_and_amount() -> None:
    """As fields, and in its text, with what the target said and the next step.

    Planted break, seen to fail: the text is the target's reason alone.
    """
    told = attention_record(after(c.Send("A"), REFUSED))
    assert told is not None
    named = (told["account"], told["invoice"], told["case"], told["risk_minor"], told["risk_currency"])
    assert named == ("A-1", "INV-7", "CASE-4", 11900, "EUR")
    assert (told["kind"], told["state"], told["team"]) == ("PERIOD_CLOSED", "REFUSED", "finance-operations")
    for words in ("A-1", "INV-7", "CASE-4", "EUR 11900 minor", "is closed", "Next step:"):
        assert words in told["text"]


def test_the_record_is_that_of_the_contract() -> None:
    """No field more, none less."""
    fields = [field["name"] for field in json.loads((AVRO / "attention.avsc").read_text())["fields"]]
    told = attention_record(after(c.Send("A"), REFUSED))
    assert told is not None and list(told) == fields


def test_an_object_that_hangs_on_an_invoice_names_it_too() -> None:
    """A service level of a customer: the invoice that billing wrote last, and the case."""
    told = attention_record(after(c.Send("A"), REFUSED, intent=replace(INTENT, object="entitlement", object_id="A-1")))
    assert told is not None and "invoice INV-7, case CASE-4, EUR 11900 minor" in told["text"]


@pytest.mark.parametrize(
    "events",
    [(), (c.Send("A"),), (c.Send("A"), REFUSED, c.Withdrawn()), (c.Send("A"), c.Acknowledged(), c.Shown())],
    ids=["planned", "under way", "no longer wanted", "verified"],
)
def test_what_needs_nobody_is_not_told(events: tuple[Event, ...]) -> None:
    """Before anything is wrong, and when it is over."""
    assert attention_record(after(*events)) is None

"""Differences between billing and the targets: when they are wanted, and how each ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.state.company import (
    ACCOUNT,
    SETTLE_MS,
    Image,
    at,
    drop,
    in_step,
    put,
    shard,
    states,
)


def wanted(out: Any) -> list[Image]:
    """The intents that are wanted now."""
    return [i for _, i in out.intents if i is not None and i["state"] == "wanted"]


def test_agreement_wants_nothing() -> None:
    """Equal amounts in minor and major units, lines in another order and trailing zeros are no difference."""
    target = in_step()
    out = at(
        target,
        2000,
        put("billing.invoice_lines", 1, amount_minor=4000),
        put("billing.invoice_lines", 2, amount_minor=6000),
    )
    at(target, 2100, put("erp.sales_invoice_lines", 1, amount="60"), put("erp.sales_invoice_lines", 2, amount="40.0"))
    assert [state for _, _, state in states(out)] == ["settling"]
    assert not wanted(at(target, 60_000))


def test_a_missing_invoice_is_settling_then_wanted() -> None:
    """A difference waits for the rule's settle time by the sources' clock, then is wanted with exact desired values."""
    target = in_step()
    out = at(
        target,
        2000,
        put("billing.invoices", 2, total_minor=1234),
        put("billing.invoice_lines", 2, invoice_id=2, amount_minor=1234),
    )
    assert states(out) == [("invoice", "INV-2", "settling")]
    assert not at(target, 2000 + SETTLE_MS - 1).intents
    (intent,) = wanted(at(target, 2000 + SETTLE_MS))
    assert intent["id"] == out.intents[0][0]
    assert intent["current"] is None
    assert intent["desired"] == {
        "reference": "INV-2",
        "customer": ACCOUNT,
        "currency": "EUR",
        "state": "posted",
        "total": "12.34",
        "lines": json.dumps([{"description": "plan", "amount": "12.34"}]),
    }
    assert intent["positions"] == {"billing": 2000, "erp": 0}
    assert (intent["since_ms"], intent["risk_minor"], intent["risk_currency"]) == (2000, 1234, "EUR")
    assert not at(target, 99_000).intents


def test_healed_while_settling_leaves_a_tombstone() -> None:
    """What the old integration brings in time never becomes wanted."""
    target = in_step()
    first = at(target, 2000, put("billing.invoices", 2), put("billing.invoice_lines", 2, invoice_id=2))
    second = at(target, 2500, put("erp.sales_invoices", 2), put("erp.sales_invoice_lines", 2, sales_invoice_id=2))
    assert second.intents == [(first.intents[0][0], None)]
    assert not at(target, 60_000).intents


def test_seen_when_the_targets_row_shows_it() -> None:
    """Only the target's own changed row, with the desired values, ends a want as seen."""
    target = in_step()
    at(target, 2000, put("billing.invoices", 1, status="paid"))
    (intent,) = wanted(at(target, 7000))
    assert intent["target_ref"] == "1"
    out = at(target, 8000, put("erp.sales_invoices", 1, state="paid", version=2))
    assert out.intents == [(intent["id"], {**intent, "state": "seen"})]


def test_withdrawn_when_the_owner_changes_its_mind() -> None:
    """Back to what the target shows: withdrawn. To something else: withdrawn, and a new want with its own settle time."""
    target = in_step()
    at(target, 2000, put("billing.invoices", 1, status="paid"))
    (intent,) = wanted(at(target, 7000))
    other = at(target, 8000, put("billing.invoices", 1, status="void"))
    assert states(other) == [("invoice", "INV-1", "withdrawn"), ("invoice", "INV-1", "settling")]
    assert other.intents[1][0] != intent["id"]
    back = at(target, 9000, put("billing.invoices", 1, status="open"))
    assert back.intents == [(other.intents[1][0], None)]


def test_an_open_want_is_stable() -> None:
    """Changes that leave the difference as it is neither renew nor repeat it, whatever rows they touch."""
    target = in_step()
    at(target, 2000, put("billing.accounts", 1, standing="delinquent"))
    (intent,) = wanted(at(target, 7000))
    assert intent["desired"] == {"delinquent": "true"}
    assert not at(target, 8000, put("billing.accounts", 1, standing="delinquent", balance_minor=5)).intents
    assert not at(target, 9000, put("support.organizations", 1, name="Other", version=2)).intents
    out = at(target, 9500, put("support.organizations", 1, delinquent=True, version=3))
    assert states(out) == [("standing", ACCOUNT, "seen")]


def test_a_wrong_write_of_the_target_is_another_difference() -> None:
    """The target moved, still wrong: a new correction with a new id, as old as the difference itself."""
    target = in_step()
    at(target, 2000, put("billing.invoices", 1, status="paid"))
    (old,) = wanted(at(target, 7000))
    out = at(target, 8000, put("erp.sales_invoices", 1, state="draft", version=2))
    (new,) = wanted(out)
    assert states(out)[0] == ("invoice", "INV-1", "withdrawn")
    assert new["id"] != old["id"]
    assert new["since_ms"] == old["since_ms"]


@pytest.mark.parametrize(
    ("billing", "erp", "differs"),
    [
        ({"status": "draft"}, None, False),
        ({"status": "draft"}, {"state": "posted"}, False),
        ({"status": "void"}, {"state": "cancelled"}, False),
        ({"status": "void"}, {"state": "cancelled", "total": "0.00"}, False),
        ({"status": "void"}, {"state": "posted"}, True),
        ({"status": "paid"}, {"state": "posted"}, True),
        ({"status": "open", "total_minor": 9999}, {"state": "posted"}, True),
        ({"status": "open"}, {"state": "posted", "total": "100"}, False),
    ],
)
def test_invoice_states_that_must_agree(billing: Image, erp: Image | None, differs: bool) -> None:
    """Draft needs no booking, void is cancelled (whatever its emptied amounts), open is posted, paid is paid."""
    target = in_step()
    changes = [put("billing.invoices", 1, **billing)]
    changes.append(drop("erp.sales_invoices", 1) if erp is None else put("erp.sales_invoices", 1, **erp))
    at(target, 2000, changes[0])
    at(target, 2001, changes[1])
    assert bool(wanted(at(target, 60_000))) == differs


def test_credit_entitlement_and_standing() -> None:
    """A credit without note, a service level that is too high, a missing organization: each is wanted of its target."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1, standing="delinquent"), put("billing.credits", 1))
    by_object = {i["object"]: i for i in wanted(at(target, 9000))}
    assert by_object.keys() == {"credit", "standing"}
    assert by_object["credit"]["desired"]["amount"] == "5.00"
    assert by_object["standing"]["current"] is None
    at(target, 10_000, put("support.organizations", 1, service_level="enterprise", delinquent=True))
    (level,) = wanted(at(target, 20_000))
    assert (level["desired"], level["current"]) == ({"service_level": "none"}, {"service_level": "enterprise"})


def test_the_id_knows_no_clock() -> None:
    """The same rows give the same correction id, whenever they are compared and however they were released."""
    ids = set()
    for times in ((2000, 3000), (2000, 50_000)):
        target = in_step()
        at(target, times[0], put("billing.invoices", 1, status="paid"))
        ids |= {i["id"] for i in wanted(at(target, times[0] + times[1]))}
    assert len(ids) == 1


def test_retired_account_withdraws_its_wants() -> None:
    """Nothing is wanted for an account that billing no longer has."""
    target = in_step()
    at(target, 2000, put("billing.invoices", 1, status="paid"))
    at(target, 9000)
    out = at(target, 10_000, drop("billing.accounts", 1))
    assert states(out) == [("invoice", "INV-1", "withdrawn")]

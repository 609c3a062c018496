"""A plan of several steps is seen half done: the want stays the same one until the end, and a person's edit still ends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.comparing.bookings import on_the_way
from state.comparing.intents import satisfied
from state.shard import Shard
from tests.state.company import SETTLE_MS, at, drop, in_step, put, shard, states

POSTED = put("erp.sales_invoices", 2, state="posted")
LINE = put("erp.sales_invoice_lines", 2, sales_invoice_id=2)
KEPT: list[tuple[str, str, str | None]] = []


def missing() -> tuple[Shard, str]:
    """An invoice that the ERP lacks is wanted; its id."""
    target = in_step()
    at(target, 2000, put("billing.invoices", 2), put("billing.invoice_lines", 2, invoice_id=2))
    ((name, intent),) = at(target, 2000 + SETTLE_MS).intents
    assert intent is not None
    assert intent["state"] == "wanted"
    return target, name


def test_a_draft_of_what_is_wanted_is_a_step() -> None:
    """Missing, drafted, posted: one correction from beginning to end, seen in the ERP's own row.

    Planted break, seen to fail: every other `current` is another difference (withdrawn at the draft, and found anew).
    """
    target, name = missing()
    assert states(at(target, 7000, put("erp.sales_invoices", 2, state="draft"), LINE)) == KEPT
    assert states(at(target, 90_000)) == KEPT
    out = at(target, 91_000, POSTED)
    assert [(one, intent and intent["state"]) for one, intent in out.intents] == [(name, "seen")]


def test_a_step_that_is_taken_back_is_no_news() -> None:
    """The target refuses the last step and our draft is deleted: the same correction stands, it is not planned again."""
    target, _ = missing()
    at(target, 7000, put("erp.sales_invoices", 2, state="draft"), LINE)
    assert states(at(target, 8000, drop("erp.sales_invoice_lines", 2), drop("erp.sales_invoices", 2))) == KEPT


def test_an_amended_invoice_is_drafted_and_posted() -> None:
    """Another document with the new content takes the place of the old one: first as a draft, then posted."""
    target = in_step()
    at(
        target,
        2000,
        put("billing.invoices", 1, total_minor=12_900),
        put("billing.invoice_lines", 1, amount_minor=12_900),
    )
    ((name, _),) = at(target, 2000 + SETTLE_MS).intents
    new = put("erp.sales_invoice_lines", 1, amount="129.000")
    assert states(at(target, 7000, put("erp.sales_invoices", 1, state="draft", total="129.000"), new)) == KEPT
    out = at(target, 8000, put("erp.sales_invoices", 1, state="posted", total="129.000"))
    assert [(one, intent and intent["state"]) for one, intent in out.intents] == [(name, "seen")]


def test_paid_is_reached_over_draft_and_posted() -> None:
    """Two steps before the last, one correction."""
    target = in_step()
    at(target, 2000, put("billing.invoices", 2, status="paid"), put("billing.invoice_lines", 2, invoice_id=2))
    at(target, 2000 + SETTLE_MS)
    for clock_ms, state in ((7000, "draft"), (8000, "posted")):
        assert states(at(target, clock_ms, put("erp.sales_invoices", 2, state=state), LINE)) == KEPT
    assert states(at(target, 9500, put("erp.sales_invoices", 2, state="paid"))) == [("invoice", "INV-2", "seen")]


@pytest.mark.parametrize("edit", [{"state": "draft", "total": "98.000"}, {"state": "cancelled"}, {"state": "paid"}])
def test_a_persons_edit_in_between_is_seen(edit: dict[str, str]) -> None:
    """Other amounts, or a state that is no step: the want that we began is over, and another one begins.

    Planted break, seen to fail: a want stays whatever the target shows.
    """
    target, name = missing()
    at(target, 7000, put("erp.sales_invoices", 2, state="draft"), LINE)
    line = put("erp.sales_invoice_lines", 2, sales_invoice_id=2, amount=edit.get("total", "100.000"))
    out = at(target, 8000, put("erp.sales_invoices", 2, **edit), line)
    assert states(out) == [("invoice", "INV-2", "withdrawn"), ("invoice", "INV-2", "wanted")]
    (ended, _), (begun, _) = out.intents
    assert (ended, begun != name) == (name, True)


def test_nothing_is_under_way_while_settling() -> None:
    """Before anything is wanted, a draft is somebody else's, and is shown as what it is."""
    target = in_step()
    at(target, 2000, put("billing.invoices", 2), put("billing.invoice_lines", 2, invoice_id=2))
    at(target, 2500, put("erp.sales_invoices", 2, state="draft"), LINE)
    ((_, intent),) = at(target, 2000 + SETTLE_MS).intents
    assert intent is not None
    assert intent["current"]["state"] == "draft"


def test_a_row_that_says_nothing_of_it_is_as_good_as_none() -> None:
    """The target makes the account's row for another correction, our field is empty in it: the want stays the same.

    Planted break, seen to fail: an empty field is another value than none.
    """
    target = shard()
    at(target, 1000, put("billing.accounts", 1, standing="delinquent"))
    ((name, _),) = at(target, 1000 + SETTLE_MS).intents
    assert states(at(target, 7000, put("support.organizations", 1, delinquent=None, service_level="none"))) == KEPT
    out = at(target, 8000, put("support.organizations", 1, delinquent=True, service_level="none"))
    assert [(one, intent and intent["state"]) for one, intent in out.intents] == [(name, "seen")]


STATES = st.sampled_from(["draft", "validated", "posted", "paid", "cancelled", "odd", ""])
VALUES = st.builds(lambda state, total: {"state": state, "total": total}, STATES, st.sampled_from(["1", "2"]))


@given(desired=VALUES, before=st.none() | VALUES, now=VALUES)
def test_steps_lead_forward_and_never_to_the_end(
    desired: dict[str, str], before: dict[str, str] | None, now: dict[str, str]
) -> None:
    """A step has the wanted content, is not the end itself, not where it was, and its way back is no step."""
    if on_the_way(desired, before, now, satisfied):
        assert now["total"] == desired["total"]
        assert not satisfied(desired, now)
        assert now != before
        assert before is None or not on_the_way(desired, now, before, satisfied)

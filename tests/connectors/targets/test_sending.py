"""What one job does at a real target, and which event it reports: G24, G29 and G34 as far as they send."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from connectors.targets import guard
from connectors.targets.description import load
from connectors.targets.protocol import Snapshot
from connectors.targets.rest import RestTarget
from connectors.targets.sender import CONFLICTS_MAX, moved, work
from state.correcting import correction as c
from tests.connectors.targets.jobs import correction, invoice, level, read_back, write
from tests.demo.services.company import Company

ORGANIZATION = "/organizations/A-000001"


def kinds(events: list[c.Event]) -> list[type[c.Event]]:
    """The events' types."""
    return [type(event) for event in events]


def test_missing_row_is_created_and_shown(erp: RestTarget, company: Company) -> None:
    """Create: one effect, and the read-back shows it, whatever the order of lines and trailing zeros."""
    assert kinds(work(erp, write(invoice()))) == [c.Acknowledged, c.Shown]
    assert company.erp.effects() == {"c1": 1}


def test_different_row_is_updated(erp: RestTarget, company: Company) -> None:
    """Update on the version that was read; only the desired fields change."""
    first = invoice()
    work(erp, write(first))
    company.erp.sql("UPDATE sales_invoices SET posted_on = '2025-01-31'")
    paid = invoice("c2", current=first.intent.desired, state="paid")
    assert kinds(work(erp, write(paid))) == [c.Acknowledged, c.Shown]
    row = company.erp.http.get("/sales_invoices/INV-1").json()
    assert (row["state"], row["posted_on"]) == ("paid", "2025-01-31")


def test_credit_and_standing_are_written(erp: RestTarget, support: RestTarget) -> None:
    """The other two objects of the demo targets."""
    credit = correction(
        "erp", "credit", {"reference": "CR-1", "customer": "A-000001", "currency": "EUR", "amount": "5"}
    )
    assert kinds(work(erp, write(credit))) == [c.Acknowledged, c.Shown]
    standing = correction("support", "standing", {"delinquent": "true"}, current={"delinquent": "false"})
    assert kinds(work(support, write(standing))) == [c.Acknowledged, c.Shown]


def test_equal_row_is_not_written(erp: RestTarget, company: Company) -> None:
    """No-op on equal: 119 and 119.000 are the same amount."""
    work(erp, write(invoice()))
    assert kinds(work(erp, write(invoice("c2", total="119")))) == [c.AlreadyEqual]
    assert company.erp.effects() == {"c1": 1}


def test_token_zero_is_sent(support: RestTarget, company: Company) -> None:
    """G34 A: the first revision's token 0 is a token, not a missing row."""
    company.support.sql("UPDATE organizations SET version = 0")
    assert kinds(work(support, write(level("premium")))) == [c.Acknowledged, c.Shown]


class _EditedBetween(RestTarget):
    """The real adapter with a person who edits the row between our read and our write."""

    edits: list[str]
    company: Company

    def write(self, write: Any) -> None:
        """Let the person be faster, as often as there are edits."""
        if self.edits:
            self.company.support.sql(self.edits.pop(0).encode().decode())
        super().write(write)


@pytest.fixture
def edited(support: RestTarget, company: Company) -> _EditedBetween:
    """The support adapter with a person in between."""
    support.__class__ = _EditedBetween
    assert isinstance(support, _EditedBetween)
    support.company, support.edits = company, []
    return support


def test_conflict_that_solved_itself_writes_nothing(edited: _EditedBetween, company: Company) -> None:
    """G34 B: stale token, and the fresh read shows our value: no write, superseded."""
    edited.edits = ["UPDATE organizations SET service_level = 'premium', version = 5"]
    assert kinds(work(edited, write(level("premium")))) == [c.AlreadyEqual]
    assert company.support.effects() == {}


def test_conflict_keeps_the_persons_field(edited: _EditedBetween, company: Company) -> None:
    """G34 C: stale token, still wrong, a person changed another field: one write on token 5, the person's field kept."""
    edited.edits = ["UPDATE organizations SET delinquent = true, version = 5"]
    assert kinds(work(edited, write(level("premium")))) == [c.Acknowledged, c.Shown]
    row = company.support.http.get(ORGANIZATION).json()
    assert (row["service_level"], row["delinquent"], row["version"]) == ("premium", True, 6)


@pytest.mark.parametrize("change", ["service_level = 'standard'", "account_ref = 'A-000009'"])
def test_what_the_view_did_not_see_is_not_overwritten(support: RestTarget, company: Company, change: str) -> None:
    """Our field has another value than the one the difference came from, or the row is gone: the view decides anew."""
    company.support.sql("UPDATE organizations SET " + change)
    (event,) = work(support, write(level("premium")))
    assert isinstance(event, c.NotApplied)
    assert (event.code, company.support.effects()) == ("MOVED", {})


def test_a_row_that_appeared_meanwhile_is_not_overwritten(erp: RestTarget, company: Company) -> None:
    """The old integration was only late: its invoice is there now, so ours is not written over it."""
    work(erp, write(invoice("theirs", state="paid")))
    (event,) = work(erp, write(invoice("ours")))
    assert isinstance(event, c.NotApplied)
    assert (event.code, company.erp.effects()) == ("MOVED", {"theirs": 1})


@pytest.mark.parametrize("current", [None, {"service_level": ""}])
def test_a_row_without_our_fields_is_as_good_as_none(current: dict[str, str] | None) -> None:
    """The target has made the row meanwhile, and says nothing in our field: the view takes that for no change, and so do we.

    Planted break, seen to fail: any row is something that the view did not see.
    """
    target = RestTarget(load("support"), "http://support")
    one = correction("support", "entitlement", {"service_level": "premium"}, current=current)
    assert not moved(target, one, Snapshot({"service_level": ""}, "1"))
    assert not moved(target, one, None)
    assert moved(target, one, Snapshot({"service_level": "standard"}, "1"))
    target.close()


def test_three_conflicts_in_a_row_ask_a_person(edited: _EditedBetween, company: Company) -> None:
    """G34: somebody else keeps changing the row: exception CONFLICT, nothing written."""
    edited.edits = ["UPDATE organizations SET version = version + 1"] * CONFLICTS_MAX
    (event,) = work(edited, write(level("premium")))
    assert isinstance(event, c.Refused)
    assert (event.code, company.support.effects()) == ("CONFLICT", {})


def test_closed_period_is_one_attempt_and_names_the_open_day(erp: RestTarget, company: Company) -> None:
    """G29: a business refusal, not repeated, with what a proposal needs; the breaker is not touched."""
    company.erp.http.post("/control/period", json={"first_open_day": "2999-03-01"})
    for number in range(10):
        (event,) = work(erp, write(invoice(f"c{number}", reference=f"INV-{number}")))
        assert isinstance(event, c.Refused)
        assert (event.code, event.details["first_open_day"]) == ("PERIOD_CLOSED", "2999-03-01")
    company.erp.http.post("/control/period", json={})
    assert kinds(work(erp, write(invoice("after")))) == [c.Acknowledged, c.Shown]


def test_missing_customer_is_waited_for(erp: RestTarget, company: Company) -> None:
    """The ERP's own integration may bring the customer later: not applied, to be tried again."""
    company.erp.sql("DELETE FROM customers")
    (event,) = work(erp, write(invoice()))
    assert isinstance(event, c.NotApplied)
    assert event.code == "CUSTOMER_UNKNOWN"


def test_throttled_is_not_applied_until_retry_after(support: RestTarget, company: Company) -> None:
    """429: nothing was written, and the target's own time is passed on."""
    company.support.fault("throttle", count=1, retry_after_s=7)
    (event,) = work(support, write(level("premium")))
    assert isinstance(event, c.NotApplied)
    assert event.retry_after_ms == 7000


@pytest.mark.parametrize(
    ("kind", "look"), [("drop_after_commit", c.Shown), ("drop_before_commit", c.NotShown), ("error", c.NotShown)]
)
def test_lost_answers_and_5xx_are_doubt(support: RestTarget, company: Company, kind: str, look: type[c.Event]) -> None:
    """A broken connection and a 500 say nothing about the effect; the read-back does."""
    company.support.fault(kind, count=1)
    one = level("premium")
    assert kinds(work(support, write(one))) == [c.InDoubt]
    assert kinds(work(support, read_back(one))) == [look]


def test_resending_after_doubt_is_one_effect(support: RestTarget, company: Company) -> None:
    """G24: both sends carry the same key; corrections of other values have keys of their own: three effects."""
    company.support.fault("drop_before_commit", count=1)
    x, y = level("premium", "x"), level("enterprise", "y", "premium")
    z = level("standard", "z", "enterprise")
    for one in (x, x, y, z):
        work(support, write(one))
    assert company.support.effects() == {"x": 1, "y": 1, "z": 1}


def test_slow_answer_is_doubt_not_patience(support: RestTarget, company: Company) -> None:
    """A write that takes longer than the description allows is in doubt; it is there when it is looked for."""
    described = load("support")
    company.support.fault("delay_after_commit", count=1, delay_ms=2 * described.timeouts.answer_ms)
    one = level("premium")
    with closing(RestTarget(described, company.support.url)) as target:
        assert kinds(work(target, write(one))) == [c.InDoubt]
    assert kinds(work(support, read_back(one))) == [c.Shown]


def test_overloaded_reads_are_retried(support: RestTarget, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read has no effect, so a short failure of reads is bridged in the adapter."""
    monkeypatch.setattr(guard, "READ_S_MAX", 60.0)
    company.support.fault("error", count=2, methods=["GET"])
    assert kinds(work(support, read_back(level("none")))) == [c.Shown]

"""A slow or refusing target holds up nothing but itself; what is no longer wanted is not sent; people decide the rest."""

from __future__ import annotations

from typing import Any

from tests.scenarios.dispatch_lab import DispatchLab, intent, invoice, wait_for


def level(text: str, **changes: Any) -> dict[str, Any]:
    """An intent for the service level of the organization."""
    return intent("support", "entitlement", {"service_level": text}, **changes)


def test_slow_target_does_not_delay_another(lab: DispatchLab) -> None:
    """With every ERP sender busy for seconds, a support correction is verified before any of theirs is."""
    lab.company.erp.fault("delay", delay_ms=8000)
    slow = [invoice(f"INV-{number}") for number in range(20)]
    lab.publish(*slow)
    wait_for("the first one to be sent", lambda: "SENDING" in lab.states(slow[0]))
    quick = level("premium")
    lab.publish(quick)
    lab.wait_state("VERIFIED", quick)
    history = lab.history()
    assert not [one for one in slow if history[one["id"]][-1]["state"] == "VERIFIED"]


def test_closed_period_waits_for_a_person_and_nobody_behind_it(lab: DispatchLab) -> None:
    """G29: one attempt, PERIOD_CLOSED with the first open day, and the corrections behind it go out.

    People are told with customer, invoice, case and amount, until it is over, also over a kill. Planted break, seen to fail:
    a new process knows nothing of what was told.
    """
    lab.company.erp.http.post("/control/period", json={"first_open_day": "2999-03-01"})
    refused = invoice("INV-1", invoice="INV-1", case="CASE-4", risk_minor=11900, risk_currency="EUR")
    behind = level("premium")
    lab.publish(refused, behind)
    lab.wait_state("PROPOSED", refused)
    lab.wait_state("VERIFIED", behind)
    newest = lab.history()[refused["id"]][-1]
    assert (newest["code"], newest["amendment"], newest["attempt"]) == (
        "PERIOD_CLOSED",
        {"posted_on": "2999-03-01"},
        1,
    )
    assert lab.states(refused) == ["PLANNED", "SENDING", "REFUSED", "PROPOSED"]
    told = lab.exceptions()[refused["id"]]
    assert (told["kind"], told["account"], told["invoice"], told["case"], told["risk_minor"], told["risk_currency"]) == (
        "PERIOD_CLOSED", "A-000001", "INV-1", "CASE-4", 11900, "EUR",
    )  # fmt: skip
    assert told["text"].startswith("invoice INV-1 of A-000001 in erp (case CASE-4, EUR 11900 minor): ")
    lab.company.erp.http.post("/control/period", json={})
    lab.end()
    lab.start()
    lab.publish({**refused, "state": "withdrawn"})
    wait_for("nobody to be told any more", lambda: lab.exceptions() == {})
    following = invoice("INV-2")
    lab.publish(following)
    lab.wait_state("VERIFIED", following)


def test_throttled_target_is_asked_again_after_its_own_time(lab: DispatchLab) -> None:
    """429 with Retry-After: the correction waits that long at least, and then arrives."""
    lab.company.erp.fault("throttle", count=1, retry_after_s=2)
    wanted = invoice("INV-1")
    lab.publish(wanted)
    lab.wait_state("VERIFIED", wanted)
    sent = [one["updated_ms"] for one in lab.history()[wanted["id"]] if one["state"] == "SENDING"]
    assert len(sent) == 2
    assert sent[1] - sent[0] >= 2000


def test_withdrawn_while_the_target_is_busy_is_superseded(lab: DispatchLab) -> None:
    """What the view no longer wants is not sent, whether its intent says so or is removed."""
    lab.company.support.fault("throttle", retry_after_s=2)
    first, second = level("premium"), level("standard", object_id="A-000002", account_id="A-000002")
    lab.publish(first, second)
    lab.wait_state("PLANNED", first)
    wait_for("both planned", lambda: bool(lab.states(second)))
    lab.publish({**first, "state": "withdrawn"})
    lab.withdraw(second)
    lab.wait_state("SUPERSEDED", first, second)
    assert lab.company.support.effects() == {}


def test_stale_correction_waits_for_the_view(lab: DispatchLab) -> None:
    """The target moved while the correction was on its way: nothing is written over it until the view has seen that."""
    lab.company.support.sql("UPDATE organizations SET service_level = 'standard'")
    stale = level("premium")
    lab.publish(stale)
    wait_for("the first attempt", lambda: "SENDING" in lab.states(stale))
    lab.publish({**stale, "state": "withdrawn"}, fresh := level("premium", current={"service_level": "standard"}))
    lab.wait_state("VERIFIED", fresh)
    lab.wait_state("SUPERSEDED", stale)
    assert lab.company.support.effects() == {fresh["id"]: 1}


def test_seen_by_capture_is_the_proof(lab: DispatchLab) -> None:
    """The read-back verifies; when capture shows the value the record says so."""
    wanted = level("premium")
    lab.publish(wanted)
    lab.wait_state("VERIFIED", wanted)
    lab.publish({**wanted, "state": "seen"})
    wait_for("proof by capture", lambda: lab.history()[wanted["id"]][-1]["proof"] == "capture")


def test_observe_and_propose_write_nothing(lab: DispatchLab) -> None:
    """Only rules in mode auto send by themselves."""
    watched, proposed = invoice("INV-1", mode="observe"), invoice("INV-2", mode="propose")
    sent = invoice("INV-3")
    lab.publish(watched, proposed, sent)
    lab.wait_state("VERIFIED", sent)
    lab.wait_state("PLANNED", watched)
    lab.wait_state("PROPOSED", proposed)
    assert lab.company.erp.effects() == {sent["id"]: 1}


def test_two_fields_of_one_organization_both_arrive(lab: DispatchLab) -> None:
    """Entitlement and standing are one row at the target: sent one after the other, no conflict, both kept."""
    both = [level("premium"), intent("support", "standing", {"delinquent": "true"})]
    lab.publish(*both)
    lab.wait_state("VERIFIED", *both)
    row = lab.company.support.http.get("/organizations/A-000001").json()
    assert (row["service_level"], row["delinquent"], row["version"]) == ("premium", True, 3)

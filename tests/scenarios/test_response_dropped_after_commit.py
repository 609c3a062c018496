"""The target carries the write out and the answer is lost: exactly one effect at the target."""

from __future__ import annotations

from tests.scenarios.dispatch_lab import DispatchLab, intent, invoice


def test_one_effect_and_the_doubt_is_read_back(lab: DispatchLab) -> None:
    """UNKNOWN is settled by looking: the value is there, so nothing is sent again."""
    lab.company.erp.fault("drop_after_commit", count=1)
    wanted = invoice("INV-1")
    lab.publish(wanted)
    lab.wait_state("VERIFIED", wanted)
    assert lab.states(wanted) == ["PLANNED", "SENDING", "UNKNOWN", "VERIFIED"]
    assert lab.company.erp.effects() == {wanted["id"]: 1}


def test_answer_dropped_before_commit_is_sent_again_once(lab: DispatchLab) -> None:
    """The same broken connection, but nothing was written: the read-back shows it, and the same key is sent again."""
    lab.company.support.fault("drop_before_commit", count=1)
    wanted = intent("support", "entitlement", {"service_level": "premium"})
    lab.publish(wanted)
    lab.wait_state("VERIFIED", wanted)
    expected = ["PLANNED", "SENDING", "UNKNOWN", "PLANNED", "SENDING", "ACKNOWLEDGED", "VERIFIED"]
    assert lab.states(wanted) == expected
    assert lab.company.support.effects() == {wanted["id"]: 1}


def test_hundred_dropped_answers_leave_hundred_effects(lab: DispatchLab) -> None:
    """Under many lost answers of both kinds every correction arrives, none twice."""
    lab.company.erp.fault("drop_after_commit", probability=0.3)
    lab.company.erp.fault("drop_before_commit", probability=0.3)
    wanted = [invoice(f"INV-{number}") for number in range(100)]
    lab.publish(*wanted)
    lab.wait_state("VERIFIED", *wanted)
    assert lab.company.erp.effects() == {one["id"]: 1 for one in wanted}

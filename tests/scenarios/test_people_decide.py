"""What people decide through the console is what dispatch does: approve, reject, stop; on the real broker and services.

Planted breaks that were seen to fail here: a console that writes no bindings; `DispatchWriter` that publishes no holds;
`sender._write` without the amendment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from dataflows.settings import ROOT
from tests.demo.services.company import Company
from tests.running_stack import RunningStack
from tests.scenarios.dispatch_lab import DispatchLab, invoice, wait_for

Output = pytest.CaptureFixture[str]
RULE = "    author: rita\n    guard: {number: 3, percent: 1}\n"


@pytest.fixture
def office(
    stack: RunningStack, running_company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DispatchLab]:
    """Dispatch under rules that rita wrote, with a guard of three; the console speaks to the same topics."""
    running_company.reset()
    lab = DispatchLab(stack, running_company, tmp_path / "dispatch.log")
    rules = tmp_path / "ownership.yaml"
    shipped = (ROOT / "debezium" / "ownership.yaml").read_text()
    rules.write_text(shipped.replace("    guard: {number: 400, percent: 10}", RULE.rstrip("\n"), 1))
    lab.environment["CONCORD_OWNERSHIP"] = str(rules)
    for name, value in lab.environment.items():
        if name.startswith("CONCORD_"):
            monkeypatch.setenv(name, value)
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


def concord(capsys: Output, *words: str) -> tuple[int, dict[str, Any], str]:
    """Run `concord corrections ... --json`: exit code, the object, what was said on standard error."""
    capsys.readouterr()
    patient = ("--wait-s", "60") if "--as" in words and "--wait-s" not in words else ()
    code = main(["corrections", *words, *patient, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


def test_a_proposal_is_shown_and_approved_by_somebody_else(office: DispatchLab, capsys: Output) -> None:
    """The list has it with its risk; its author may not approve it, ada may; one effect, and her name in the record."""
    wanted = invoice("INV-1", mode="propose", risk_minor=11900, risk_currency="EUR")
    office.publish(wanted)
    office.wait_state("PROPOSED", wanted)
    _, listed, _ = concord(capsys, "list")
    [shown] = listed["corrections"]
    assert (shown["id"], shown["risk_minor"], shown["proposed_by"]) == (wanted["id"], 11900, "rita")
    code, _, said = concord(capsys, "approve", wanted["id"], "--as", "rita")
    assert (code, "SAME_PERSON" in said) == (3, True)
    code, answer, _ = concord(capsys, "approve", wanted["id"][:8], "--as", "ada", "--reason", "checked")
    assert (code, answer["done"], answer["void"], answer["pending"]) == (0, [wanted["id"]], [], False)
    office.wait_state("VERIFIED", wanted)
    assert office.history()[wanted["id"]][-1]["approved_by"] == "ada"
    assert office.company.erp.effects() == {wanted["id"]: 1}
    assert concord(capsys, "list")[1]["corrections"] == []
    office.end()
    office.start()
    assert concord(capsys, "stop", "--as", "bob")[1]["obeyed"] is True
    told = concord(capsys, "audit", "--subject", wanted["id"])[1]
    assert (told["broken_at"], told["total"] > len(told["entries"])) == (None, True)
    assert [(one["kind"], one["by"]) for one in told["entries"]] == [
        ("decision:approve", "ada"),
        ("correction:sending", "ada"),
        ("correction:verified", "ada"),
    ]


def test_rejected_and_asked_for_again(office: DispatchLab, capsys: Output) -> None:
    """A no sends nothing; the same person may ask again but not approve that."""
    wanted = invoice("INV-1", mode="propose")
    office.publish(wanted)
    office.wait_state("PROPOSED", wanted)
    assert concord(capsys, "reject", wanted["id"], "--as", "ada", "--reason", "wrong year")[0] == 0
    assert "wrong year" in office.history()[wanted["id"]][-1]["reason"]
    assert concord(capsys, "propose", wanted["id"], "--as", "ada")[0] == 0
    assert concord(capsys, "approve", wanted["id"], "--as", "ada")[0] == 3
    assert office.company.erp.effects() == {}


def test_closed_period_is_booked_on_the_first_open_day(office: DispatchLab, capsys: Output) -> None:
    """G29: after approval it is booked on the day that the ERP named, once, under a key of its own."""
    office.company.erp.http.post("/control/period", json={"first_open_day": "2999-03-01"})
    wanted = invoice("INV-1")
    office.publish(wanted)
    office.wait_state("PROPOSED", wanted)
    [shown] = concord(capsys, "show", wanted["id"])[1]["corrections"]
    assert (shown["code"], shown["amendment"]) == ("PERIOD_CLOSED", {"posted_on": "2999-03-01"})
    assert concord(capsys, "approve", wanted["id"], "--as", "ada")[0] == 0
    office.wait_state("VERIFIED", wanted)
    assert office.company.erp.http.get("/sales_invoices/INV-1").json()["posted_on"] == "2999-03-01"
    assert office.company.erp.effects() == {shown["idempotency_key"]: 1}
    assert shown["idempotency_key"] != wanted["id"]


def test_a_mass_change_is_approved_as_it_was_seen(office: DispatchLab, capsys: Output) -> None:
    """Five at once wait as a group. What was seen before one healed is refused; then four of the rest are approved."""
    wanted = [invoice(f"INV-{number}", risk_minor=100, risk_currency="EUR") for number in range(5)]
    office.publish(*wanted)
    office.wait_state("PROPOSED", *wanted)
    before = concord(capsys, "show", "mass:invoice-posted")[1]
    assert (before["hold"]["corrections"], before["hold"]["risk_minor"]) == (5, {"EUR": 500})
    assert concord(capsys, "approve", "mass:invoice-posted", "--as", "ada")[0] == 3
    office.withdraw(wanted[0])
    office.wait_state("SUPERSEDED", wanted[0])
    code, _, said = concord(capsys, "approve", "mass:invoice-posted", "--as", "ada", "--seen", before["seen"])
    assert (code, "state moved since" in said) == (3, True)
    seen = concord(capsys, "show", "mass:invoice-posted")[1]["seen"]
    code, answer, _ = concord(capsys, "approve", "mass:invoice-posted", "--as", "ada", "--seen", seen)
    assert (code, len(answer["done"])) == (0, 4)
    office.wait_state("VERIFIED", *wanted[1:])
    assert office.company.erp.effects() == {one["id"]: 1 for one in wanted[1:]}
    wait_for("the end of the hold", lambda: concord(capsys, "list")[1]["holds"] == [])


def test_stopped_stays_stopped_over_a_kill_and_shows_in_status(office: DispatchLab, capsys: Output) -> None:
    """Nothing is sent until somebody resumes, whoever restarts dispatch meanwhile."""
    code, answer, _ = concord(capsys, "stop", "--as", "ada", "--reason", "audit")
    assert (code, answer["obeyed"]) == (0, True)
    office.end()
    office.start()
    wanted = invoice("INV-1")
    office.publish(wanted)
    office.wait_state("PLANNED", wanted)
    capsys.readouterr()
    main(["status", "--json"])
    [hold] = json.loads(capsys.readouterr().out)["holds"]
    assert (hold["kind"], hold["by"], "audit" in hold["text"]) == ("STOPPED", "ada", True)
    assert office.states(wanted) == ["PLANNED"]
    assert concord(capsys, "resume", "--as", "bob")[1]["obeyed"] is True
    office.wait_state("VERIFIED", wanted)


def test_a_decision_that_dispatch_has_not_read_is_kept(office: DispatchLab, capsys: Output) -> None:
    """Dispatch is down: the decision is written, says that nobody has answered, and is obeyed at the next start."""
    wanted = invoice("INV-1", mode="propose")
    office.publish(wanted)
    office.wait_state("PROPOSED", wanted)
    office.end()
    code, answer, said = concord(capsys, "approve", wanted["id"], "--as", "ada", "--wait-s", "0.1")
    assert (code, answer["pending"], "as soon as it runs" in said) == (0, True, True)
    office.start()
    office.wait_state("VERIFIED", wanted)


def test_wrong_words_are_refused_by_name(office: DispatchLab, capsys: Output) -> None:
    """No operator, an unknown id, and a correction that waits for nothing: a code and a next step each."""
    assert concord(capsys, "approve", "0123456789")[0] == 2
    code, _, said = concord(capsys, "approve", "0123456789", "--as", "ada")
    assert (code, "concord corrections list" in said) == (3, True)
    sent = invoice("INV-1")
    office.publish(sent)
    office.wait_state("VERIFIED", sent)
    code, _, said = concord(capsys, "approve", sent["id"], "--as", "ada")
    assert (code, "is VERIFIED and waits for no decision" in said) == (3, True)

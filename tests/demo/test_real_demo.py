"""The demo on real systems, as far as it needs none: its acts keep billing's invariants, its mistakes are known, its verdict holds."""

from __future__ import annotations

import json
import time

import pytest

from connectors.targets.protocol import InDoubt
from console.cli import main
from demo.acts.words import CREDIT_RULE, INVOICE_RULE, STANDING_RULE
from demo.company import Company
from demo.money import major
from demo.real import report
from demo.real.business import Asked, Business, Done
from demo.real.old_integration import OldIntegration
from stack import supervisor
from stack.real import request_tracker

INVARIANTS = """
SELECT count(*) FROM accounts a WHERE a.balance_minor <> coalesce((SELECT sum(i.total_minor) FROM invoices i
  WHERE i.account_id = a.id AND i.status IN ('open', 'paid')), 0)
  - coalesce((SELECT sum(c.amount_minor) FROM credits c WHERE c.account_id = a.id), 0)
UNION ALL
SELECT count(*) FROM invoices i WHERE i.total_minor <> (SELECT sum(l.amount_minor) FROM invoice_lines l WHERE l.invoice_id = i.id)
"""


class Desk:
    """Remembers what was written to it; `away`: nobody knows what became of it."""

    def __init__(self) -> None:
        self.booked: dict[str, tuple[list[tuple[str, str]], bool]] = {}
        self.fields: dict[tuple[str, str], str] = {}
        self.away = False

    def book(self, code: str, reference: str, lines: list[tuple[str, str]], post: bool = True) -> None:
        """A document."""
        self._ask()
        self.booked[reference] = (lines, post)

    def set_group(self, code: str, field: str, value: str) -> None:
        """A field."""
        self._ask()
        self.fields[code, field] = value

    def _ask(self) -> None:
        if self.away:
            raise InDoubt("NO_ANSWER", "it is away")


def acts(seed: int) -> list[Done]:
    """An opening and a hundred acts."""
    business = Business("TEST", seed, 10)
    return [*business.opening(), *(business.next() for _ in range(100))]


def test_acts_keep_billings_invariants(company: Company) -> None:
    """After each of them an invoice is the sum of its lines, and the reported balance what its rows say."""
    assert acts(3) == acts(3)
    kinds = set()
    with company.connect("billing") as billing:
        for done in acts(3):
            kinds.add(done.kind)
            for statement in done.statements:
                billing.execute(statement.sql.encode(), statement.parameters)
            billing.commit()
            assert billing.execute(INVARIANTS.encode()).fetchall() == [(0,), (0,)], done
    assert kinds == {"sign_up", "issue", "upgrade", "credit", "dun", "amend", "void"}


def test_what_it_gets_wrong_is_known() -> None:
    """What the systems show is right, or the object is among those that Concord must or may find.

    Planted break, seen to fail: a falsified carry is not remembered.
    """
    desk = Desk()
    old = OldIntegration(desk, 1, 0.3, patience_s=60)
    asked = [one for done in acts(1) for one in done.asked]
    for one in asked:
        old.carry(one, time.time())
    assert {"dropped", "falsified", "never carried"} == set(old.wrong.values())
    for rule, name, _, _, lines, _ in asked:
        if rule in (INVOICE_RULE, CREDIT_RULE) and (rule, name) not in old.wrong:
            assert desk.booked[name] == ([(text, str(major(amount, "USD"))) for text, amount in lines], True)


def test_what_is_late_or_in_doubt_is_left_to_concord() -> None:
    """Too late: not written. Broken off: nobody knows, so finding it is neither demanded nor wrong."""
    desk = Desk()
    old = OldIntegration(desk, 1, 0.0, patience_s=1)
    old.carry(Asked(STANDING_RULE, "A", "A", "true"), time.time() - 5)
    assert (old.must, desk.fields) == ({(STANDING_RULE, "A")}, {})
    desk.away = True
    old.carry(Asked(STANDING_RULE, "B", "B", "true"), time.time())
    assert old.may == {(STANDING_RULE, "B")}


def test_every_count_of_the_verdict_fails_the_run() -> None:
    """Each of them alone."""
    clean = dict.fromkeys(report.MUST_BE_ZERO, 0)
    assert not report.failures(clean)
    for name, words in report.MUST_BE_ZERO.items():
        assert report.failures({**clean, name: 2}) == [f"2 {words}"]


def test_without_request_tracker_it_says_so_and_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No apt, or not root: the reason, the next step, exit code 1."""

    def started(*_: object, **__: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr(request_tracker, "obstacle", lambda: "Request Tracker is not installed and only root may do it")
    monkeypatch.setattr(supervisor, "up", started)
    monkeypatch.setattr(supervisor, "down", list)
    assert main(["demo", "--targets", "real", "--json"]) == 1
    told = capsys.readouterr()
    assert "only root may do it" in told.err
    assert "Next step: install it by hand" in told.err
    assert not told.out or json.loads(told.out)

"""A credit note and the refund that pays it out are one act: each is taken off once, whatever comes first."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.cases.company import company, row, topic
from tests.scenarios.cases.wire import Wire

#: total, paid, credited, refunded -> net billed, net cash, open, account credit
CASES = {
    "refunded": ((23990, 23990, 22018, 22018), (1972, 1972, 0, 0)),
    "partly kept": ((10000, 10000, 3000, 1000), (7000, 9000, 0, 2000)),
}


def net(account: Any) -> tuple[int, int, int, int]:
    """What a version of the account says."""
    totals = account["totals"]["EUR"]
    return (
        totals["billed_minor"] - totals["credited_minor"],
        totals["paid_minor"] - totals["refunded_minor"],
        totals["open_minor"],
        totals["account_credit_minor"],
    )


def account(number: int) -> str:
    """Each order of arrival has an account of its own."""
    return f"A-{number}"


def events(wire: Wire, number: int, total: int, paid: int, credited: int, refunded: int) -> list[Any]:
    """The account, committed, and the four rows of a case."""
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", number, number=account(number))))
    own = {"account_id": number}
    return [
        wire.put(topic("billing.invoices"), **row("billing.invoices", number, total_minor=total, status="paid", **own)),
        wire.put(topic("billing.payments"), **row("billing.payments", number, amount_minor=paid, invoice_id=number)),
        wire.put(topic("billing.credits"), **row("billing.credits", number, amount_minor=credited, **own)),
        wire.put(topic("billing.refunds"), **row("billing.refunds", number, amount_minor=refunded, payment_id=number)),
    ]


@pytest.mark.parametrize("case", CASES)
def test_any_order_of_arrival(tmp_path: Path, case: str) -> None:
    """G26: the rows of one commit arrive in every order of their topics; one version, and it is right."""
    amounts, expected = CASES[case]
    wire = company(tmp_path)
    for number, order in enumerate(permutations(range(4)), 1):
        messages = wire.transaction(*events(wire, number, *amounts))
        for index in order:
            wire.feed([messages[index]])
        wire.feed([messages[4]])
        assert [net(body) for body in wire.versions("account", account(number))[1:]] == [expected]


@pytest.mark.parametrize("case", CASES)
def test_commits_of_their_own_in_every_order(tmp_path: Path, case: str) -> None:
    """G26: as four transactions in any order it ends the same; no negative open amount, no deduction twice on the way."""
    amounts, expected = CASES[case]
    wire = company(tmp_path)
    for number, order in enumerate(permutations(range(4)), 1):
        rows = events(wire, number, *amounts)
        for index in order:
            wire.commit(rows[index])
        assert net(wire.live("account")[account(number)]) == expected
        for body in wire.versions("account", account(number)):
            totals = body["totals"]["EUR"]
            assert totals["open_minor"] >= 0
            assert totals["credited_minor"] <= amounts[2] and totals["refunded_minor"] <= amounts[3]

"""G30: two accounts are merged in the support system; what they have is together from one version on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.cases.company import TEXT, company, row, topic
from tests.scenarios.cases.wire import Published, Wire

ACCOUNTS, INVOICES, ORGANIZATIONS = "billing.accounts", "billing.invoices", "support.organizations"
CASES, SUBSCRIPTIONS = "support.cases", "billing.subscriptions"
#: the mark: support names the account that is gone on the organisation that stays
MERGED = {ORGANIZATIONS: {"merged": {"from": "merged_from", "by": "account_ref"}}}


def two_accounts(folder: Path) -> Wire:
    """A1 with 50.00 open and A2 with 30.00, each with an organisation, a case and a subscription."""
    columns = {ORGANIZATIONS: {"merged_from": TEXT}}
    wire = company(folder, ("billing", "support"), mapping=MERGED, columns=columns)
    for number, cents in ((1, 5000), (2, 3000)):
        wire.commit(
            wire.put(topic(ACCOUNTS), "c", **row(ACCOUNTS, number, number=f"A{number}")),
            wire.put(topic(INVOICES), "c", **row(INVOICES, number, account_id=number, total_minor=cents)),
            wire.put(topic(SUBSCRIPTIONS), "c", **row(SUBSCRIPTIONS, number, account_id=number)),
        )
        wire.commit(
            organization(wire, number, "c"),
            wire.put(topic(CASES), "c", **row(CASES, number, organization_id=number)),
            source="support",
        )
    return wire


def organization(wire: Wire, number: int, op: str = "u", merged_from: str | None = None) -> Any:
    """Support's organisation of an account, as it is now."""
    given = row(ORGANIZATIONS, number, account_ref=f"A{number}", merged_from=merged_from)
    return wire.put(topic(ORGANIZATIONS), op, **given)


def merge(wire: Wire, first: str = "mark") -> list[Published]:
    """One transaction: A1 marked as merged from A2, A2 deleted."""
    events = [organization(wire, 1, merged_from="A2"), wire.drop(topic(ORGANIZATIONS), id=2)]
    return wire.commit(*(events if first == "mark" else reversed(events)), source="support")


def totals(wire: Wire) -> list[int]:
    """Open amount of all accounts together after each published account record."""
    live: dict[str, int] = {}
    seen = []
    for one in wire.log:
        if one.kind == "account":
            live[one.key] = sum(t["open_minor"] for t in one.body["totals"].values()) if one.body else 0
            seen.append(sum(live.values()))
    return seen


def open_minor(wire: Wire, account: str) -> int:
    """Open amount of an account."""
    return int(wire.live("account")[account]["totals"]["EUR"]["open_minor"])


@pytest.mark.parametrize("first", ["mark", "delete"])
@pytest.mark.parametrize("restart", [False, True])
def test_everything_moves_in_one_version(tmp_path: Path, first: str, restart: bool) -> None:
    """G30: 50.00 becomes 80.00 in one version and 90.00 with an invoice that still names A2, over restarts, too.

    A look-up of A2 answers 'merged into A1', and nothing about A2 is said to any target. Planted breaks, seen to fail:
    moving only the marking source's rows; forgetting the note of the merge at a restart; deriving intents of A2.
    """
    wire = two_accounts(tmp_path)
    if restart:
        wire.restart()
    log = merge(wire, first)
    assert [one.body["totals"]["EUR"]["open_minor"] for one in log if (one.kind, one.key) == ("account", "A1")] == [
        8000
    ]
    merged = [one.body for one in log if (one.kind, one.key) == ("account", "A2")]
    assert [(body["merged_into"], body["totals"], body["invoices"], body["cases"]) for body in merged] == [
        ("A1", {"EUR": {**merged[0]["totals"]["EUR"], "open_minor": 0, "balance_minor": 0, "mrr_minor": 0}}, 0, 0)
    ]
    first_one = wire.live("account")["A1"]
    assert (first_one["invoices"], first_one["cases"], first_one["subscriptions"]) == (2, 2, 2)
    assert {wire.live(kind)[key]["account"] for kind, key in (("invoice", "INV-2"), ("case", "CASE-2"))} == {"A1"}
    if restart:
        wire.restart()
    wire.commit(wire.put(topic(INVOICES), "c", **row(INVOICES, 3, account_id=2, total_minor=1000)))
    assert open_minor(wire, "A1") == 9000
    wire.commit(wire.put(topic(ACCOUNTS), **row(ACCOUNTS, 2, number="A2", name="Again", standing="delinquent")))
    assert [wire.live("account")["A2"][name] for name in ("merged_into", "name")] == ["A1", "Again"]
    assert wire.live("invoice")["INV-3"]["account"] == "A1"
    assert not [intent for intent in wire.live("intent").values() if intent["account_id"] == "A2"]
    assert not wire.live("exception")

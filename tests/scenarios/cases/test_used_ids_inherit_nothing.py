"""An id of a row or an account that is deleted and used again stands for something new, whichever kind of id it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.cases.company import TEXT, company, row, topic
from tests.scenarios.cases.wire import Wire

ACCOUNTS, INVOICES, CUSTOMERS = "billing.accounts", "billing.invoices", "erp.customers"
SUBSCRIPTIONS, USAGE = "billing.subscriptions", "billing.usage"


def put(wire: Wire, table: str, key: int, /, **columns: object) -> None:
    """One row in a transaction of its own."""
    wire.commit(wire.put(topic(table), "c", **row(table, key, **columns)), source=table.partition(".")[0])


def billed(wire: Wire, account: str) -> int:
    """What an account was billed."""
    return int(wire.live("account")[account]["totals"]["EUR"]["billed_minor"])


@pytest.mark.parametrize("restart", [False, True])
def test_an_account_id(tmp_path: Path, restart: bool) -> None:
    """A1 and all of it is deleted; a customer of the ERP that still names it waits; the new A1 begins with nothing.

    Planted break, seen to fail: an account that is known for ever.
    """
    wire = company(tmp_path, ("billing", "erp"))
    put(wire, ACCOUNTS, 1, number="A1")
    put(wire, INVOICES, 5, account_id=1)
    wire.commit(wire.drop(topic(INVOICES), id=5), wire.drop(topic(ACCOUNTS), id=1))
    if restart:
        wire.restart()
    put(wire, CUSTOMERS, 3, code="A1")
    assert "A1" not in wire.live("account")
    put(wire, ACCOUNTS, 2, number="A1", name="Other")
    assert (billed(wire, "A1"), wire.live("account")["A1"]["name"]) == (0, "Other")
    assert wire.live("account")["A1"]["erp"]["row"] == "3"


@pytest.mark.parametrize("restart", [False, True])
def test_a_key_that_others_go_through(tmp_path: Path, restart: bool) -> None:
    """Key 1 of accounts was A1's and is A2's now: an invoice that names it is A2's."""
    wire = company(tmp_path)
    put(wire, ACCOUNTS, 1, number="A1")
    put(wire, INVOICES, 5, account_id=1)
    wire.commit(wire.drop(topic(INVOICES), id=5), wire.drop(topic(ACCOUNTS), id=1))
    if restart:
        wire.restart()
    put(wire, ACCOUNTS, 1, number="A2")
    put(wire, INVOICES, 5, account_id=1, total_minor=700)
    assert billed(wire, "A2") == 700
    assert "A1" not in wire.live("account")


@pytest.mark.parametrize("restart", [False, True])
def test_a_reference_after_a_merge(tmp_path: Path, restart: bool) -> None:
    """A2 was merged into A1 and is created anew: what names A2 is A2's again, and A1 keeps what names its own.

    Planted break, seen to fail: a mark that counts although the id it names is there again.
    """
    mapping = {ACCOUNTS: {"merged": {"from": "merged_from", "by": "number"}}}
    wire = company(tmp_path, ("billing", "erp"), mapping=mapping, columns={ACCOUNTS: {"merged_from": TEXT}})
    put(wire, ACCOUNTS, 1, number="A1", merged_from=None)
    put(wire, ACCOUNTS, 2, number="A2", merged_from=None)
    put(wire, INVOICES, 5, account_id=1)
    image = row(ACCOUNTS, 1, number="A1", merged_from="A2")
    wire.commit(wire.put(topic(ACCOUNTS), **image), wire.drop(topic(ACCOUNTS), id=2))
    assert wire.live("account")["A2"]["merged_into"] == "A1"
    if restart:
        wire.restart()
    put(wire, ACCOUNTS, 7, number="A2", merged_from=None, name="New")
    put(wire, INVOICES, 6, account_id=7, total_minor=900)
    assert (billed(wire, "A1"), billed(wire, "A2")) == (10000, 900)
    assert (wire.live("account")["A2"]["merged_into"], wire.live("account")["A2"]["name"]) == (None, "New")


def test_a_loop_of_parents_leads_nowhere_until_it_is_opened(tmp_path: Path) -> None:
    """Subscriptions that name one another as parent: all wait and are told; opening the loop places all of them."""
    way = {"through": "account_id", "table": "public.subscriptions"}
    usage = {"through": "subscription_id", "table": "public.accounts"}
    wire = company(tmp_path, mapping={SUBSCRIPTIONS: {"account": way}, USAGE: {"account": usage}})
    put(wire, ACCOUNTS, 1, number="A1")
    put(wire, SUBSCRIPTIONS, 1, account_id=2)
    put(wire, SUBSCRIPTIONS, 2, account_id=3)
    put(wire, SUBSCRIPTIONS, 3, account_id=1)
    wire.commit(wire.put(topic(ACCOUNTS), **row(ACCOUNTS, 1, number="A1")), after_ms=5000)
    assert len([one for one in wire.live("exception").values() if one["kind"] == "UNKNOWN_ACCOUNT"]) == 3
    assert not wire.live("subscription")
    counts = wire.counts()
    assert counts["in"] - counts["applied"] - counts["ignored"] - counts["parked"] == 3

"""A row that moves between the partitions of a table is one row that changed: never gone, never there twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.cases.company import ACCOUNT, TABLES, mapping_of, row, topic
from tests.scenarios.cases.wire import Wire

OPEN, CLOSED = "billing.public.invoices_open", "billing.public.invoices_closed"
PARTITIONS: dict[str, dict[str, Any]] = {
    "billing.invoices": {"partitions": ["public.invoices_open", "public.invoices_closed"]}
}


def partitioned(folder: Path, account: dict[str, Any] | None = None) -> Wire:
    """Billing with invoices in two partitions by status, and I-4 open; the primary key holds the status, too."""
    invoices = PARTITIONS["billing.invoices"] | ({"account": account} if account else {})
    columns = {"id": "long", **TABLES["billing.invoices"]}
    tables: dict[str, Any] = dict.fromkeys((OPEN, CLOSED), (("id", "status"), columns))
    for name in ("billing.accounts", "billing.invoice_lines", "billing.payments"):
        tables[topic(name)] = (("id",), {"id": "long", **TABLES[name]})
    wire = Wire(folder, {"billing": mapping_of("billing", {"billing.invoices": invoices})}, tables)
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1)),
        wire.put(OPEN, **invoice("open")),
        wire.put(topic("billing.invoice_lines"), **row("billing.invoice_lines", 1, invoice_id=4, amount_minor=7000)),
    )
    return wire


def invoice(status: str) -> dict[str, Any]:
    """I-4 of 70.00."""
    return row("billing.invoices", 4, number="I-4", status=status, total_minor=7000)


@pytest.mark.parametrize("first", ["delete", "insert"])
@pytest.mark.parametrize("at_once", [True, False])
def test_one_invoice_in_every_version(tmp_path: Path, first: str, at_once: bool) -> None:
    """G08: in both orders of arrival the account has one I-4 and 70.00 billed in every version; it ends as closed (paid)."""
    wire = partitioned(tmp_path)
    delete, tombstone, insert, end = wire.transaction(
        wire.drop(OPEN, id=4, status="open"), wire.put(CLOSED, "c", **invoice("paid"))
    )
    messages = [delete, tombstone, insert, end] if first == "delete" else [insert, delete, end, tombstone]
    if at_once:
        wire.feed(messages)
    else:
        for message in messages:
            wire.feed([message])
    assert [body and body["status"] for body in wire.versions("invoice", "I-4")] == ["open", "paid"]
    assert {body["totals"]["EUR"]["billed_minor"] for body in wire.versions("account", ACCOUNT)} == {7000}
    assert {body["invoices"] for body in wire.versions("account", ACCOUNT)} == {1}
    assert wire.live("invoice")["I-4"]["line_sum_minor"] == 7000
    assert not wire.live("exception")
    counts = wire.counts()
    assert counts["in"] == counts["applied"] + counts["ignored"] + counts["parked"]


def test_it_lives_on_over_a_restart(tmp_path: Path) -> None:
    """The kind: the stored row is the table's, whichever partition it came from; deleting it there ends it."""
    wire = partitioned(tmp_path)
    wire.commit(wire.drop(OPEN, id=4, status="open"), wire.put(CLOSED, "c", **invoice("paid")))
    wire.restart()
    wire.commit(wire.put(topic("billing.payments"), **row("billing.payments", 1, invoice_id=4, amount_minor=7000)))
    assert wire.live("payment")["PAY-1"]["invoice"] == "I-4"
    wire.commit(wire.drop(CLOSED, id=4, status="paid"))
    assert "I-4" not in wire.live("invoice")


def test_truncating_one_partition_is_told(tmp_path: Path) -> None:
    """The kind: TRUNCATE of one partition is parked as PARTITION_TRUNCATED; it never retires the rows of the others."""
    wire = partitioned(tmp_path)
    event = wire.put(CLOSED, "t", **invoice("paid"))._replace(key=None, after=None)
    wire.commit(event)
    (bad,) = wire.parked()
    assert (bad.code, bad.topic) == ("PARTITION_TRUNCATED", CLOSED)
    assert wire.live("invoice")["I-4"]["status"] == "open"


def test_a_source_with_ways_may_have_partitions_too(tmp_path: Path) -> None:
    """Invoices in two partitions whose way is told by ways: a move between them is one change, and lines stay with them.

    Over a restart, too; and when the invoice is given to another account, it goes there with its line.
    """
    ways = {"ways": [{"through": "account_id", "table": "public.accounts"}]}
    wire = partitioned(tmp_path, ways)
    wire.commit(wire.put(topic("billing.accounts"), "c", **row("billing.accounts", 2, number="A-000002")))
    wire.commit(wire.drop(OPEN, id=4, status="open"), wire.put(CLOSED, "c", **invoice("paid")))
    assert [body and body["status"] for body in wire.versions("invoice", "I-4")] == ["open", "paid"]
    wire.restart()
    wire.commit(wire.put(CLOSED, **invoice("paid") | {"account_id": 2}))
    found = wire.live("invoice")["I-4"]
    assert (found["account"], found["line_sum_minor"]) == ("A-000002", 7000)
    assert wire.live("account")[ACCOUNT]["invoices"] == 0
    wire.commit(wire.drop(CLOSED, id=4, status="paid"), wire.put(OPEN, "c", **invoice("open") | {"account_id": 2}))
    assert {body["invoices"] for body in wire.versions("account", "A-000002")} == {0, 1}
    assert wire.live("invoice")["I-4"]["status"] == "open"
    assert not wire.parked()

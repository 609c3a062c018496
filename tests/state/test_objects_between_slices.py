"""An object that one account loses and another gets, under another row, in one large transaction: it is live in the end."""

from __future__ import annotations

from typing import Any

import pytest

from state.row import Change, Release
from state.shard import Shard
from tests.state.company import drop, put, shard, transaction

OTHER = "A-000002"
NUMBER = "INV-7"


def applied(target: Shard, clock_ms: int, *changes: Change, whole: bool) -> list[tuple[str, str, str, Any]]:
    """The records of one slice, or of the last one; the transaction is always the same."""
    parts = [transaction(20, *changes)] if changes else []
    return target.apply(Release(clock_ms, {}, parts, True, False, whole=whole)).records


@pytest.mark.parametrize("lost_first", [True, False])
def test_it_is_where_it_went_whichever_slice_came_first(lost_first: bool) -> None:
    """Promise 1: the newest record of the object is that of its new account; only what was ended is written again.

    Planted break, seen to fail: `Ended.show_again` that shows nothing.
    """
    target = shard()
    opening = (put("billing.accounts", 1), put("billing.invoices", 1, number=NUMBER))
    applied(target, 10, *opening, put("billing.accounts", 2, account=OTHER, number=OTHER), whole=True)
    lost = (drop("billing.invoices", 1),)
    got = (
        put("billing.invoices", 9, account=OTHER, account_id=2, number=NUMBER),
        put("billing.invoices", 8, account=OTHER, account_id=2),
    )
    written: list[tuple[str, str, str, Any]] = []
    for part in (lost, got) if lost_first else (got, lost):
        written += applied(target, 20, *part, whole=False)
    last = applied(target, 20, whole=True)
    assert [(kind, identity) for kind, identity, _, _ in last if kind == "invoice"] == [("invoice", NUMBER)]
    newest = {(kind, identity): body for kind, identity, _, body in written + last}
    assert newest["invoice", NUMBER]["account"] == OTHER
    assert applied(target, 20, whole=True) == []

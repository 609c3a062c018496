"""An object that came and went within one release was never shown, so its end is none: also when everything is derived anew."""

from __future__ import annotations

from tests.state.company import ACCOUNT, drop, put, record, records, release, shard, transaction


def test_a_new_currency_in_the_same_release_tells_nothing() -> None:
    """A draft is made and deleted, and the ERP's customer row brings its currency: no tombstone of what nobody knows.

    Planted break, seen to fail: every object from before marked as touched (refold in state/folding/fold.py).
    """
    target = shard()
    target.apply(release(1000, transaction(1000, put("billing.accounts", 1), put("billing.invoices", 1))))
    made = transaction(1001, put("billing.invoices", 2, status="draft"))
    gone = transaction(1002, drop("billing.invoices", 2))
    out = target.apply(release(1003, made, gone, transaction(1003, put("erp.customers", 1))))
    assert ("invoice", "INV-2") not in records(out)
    assert record(out, "account", ACCOUNT)["invoices"] == 1
    out = target.apply(
        release(1005, transaction(1004, drop("billing.invoices", 1)), transaction(1005, drop("erp.customers", 1)))
    )
    assert records(out)["invoice", "INV-1"] is None  # what was shown has an end

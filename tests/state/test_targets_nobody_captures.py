"""What a system holds that is not captured nobody knows: nothing is wanted of it, and what was wanted is taken back."""

from __future__ import annotations

from connectors.mappings.loading import load_model
from tests.state.company import SETTLE_MS, SOURCES, at, put, shard


def test_billing_alone_wants_nothing() -> None:
    """No ERP and no support system among the sources: an invoice that "is missing" there is no difference.

    Planted break, seen to fail: rules that are not held against the captured systems want the invoice and the level.
    """
    target = shard(of=load_model(SOURCES, ("billing",)))
    rows = (
        put("billing.accounts", 1),
        put("billing.subscriptions", 1, account_id=1),
        put("billing.invoices", 2, total_minor=1234),
        put("billing.invoice_lines", 2, invoice_id=2, amount_minor=1234),
    )
    assert not at(target, 2000, *rows).intents
    assert not at(target, 3000 + SETTLE_MS).intents


def test_a_system_that_is_captured_no_more_is_asked_for_nothing() -> None:
    """An open want of the ERP is withdrawn when the ERP leaves the sources."""
    before = shard()
    rows = put("billing.accounts", 1), put("billing.invoices", 2, total_minor=1234)
    out = at(before, 2000, *rows)
    wants = [intent for _, intent in [*out.intents, *at(before, 3000 + SETTLE_MS).intents] if intent]
    assert {"erp"} <= {intent["target"] for intent in wants}
    after = shard(of=load_model(SOURCES, ("billing",)))
    for row in rows:
        after.load(row.account, row.table, row.key, 1, 2000, row.frame)
    for intent in wants:
        after.load_intent(intent)
    out = at(after, 4000 + SETTLE_MS, rows[0])
    assert all(intent is None or intent["state"] == "withdrawn" for _, intent in out.intents)
    assert out.intents

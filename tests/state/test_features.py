"""An entitlement says what its tier lets the customer use, by the ownership rules."""

from __future__ import annotations

from dataclasses import replace

from tests.state.company import at, put, record, rules, shard


def test_features_follow_the_tier() -> None:
    """Premium has two; without a live subscription none are left; rules without `features` name none."""
    by = replace(rules(), features={"premium": ("priority-support", "sso")})
    target = shard(by=by)
    out = at(target, 1000, put("billing.accounts", 1), put("billing.subscriptions", 1, plan_code="pro"))
    assert record(out, "entitlement")["features"] == ["priority-support", "sso"]
    out = at(target, 2000, put("billing.subscriptions", 1, plan_code="pro", status="cancelled"))
    assert (record(out, "entitlement")["tier"], record(out, "entitlement")["features"]) == ("none", [])
    out = at(shard(), 1000, put("billing.accounts", 1), put("billing.subscriptions", 1, plan_code="pro"))
    assert record(out, "entitlement")["features"] == []

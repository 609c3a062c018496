"""A rule that changed while differences were open reaches them at the next start, without any row of theirs changing.

Planted break that was seen to fail here: `Intents.load` that sets no timer for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from state.rules import Rules
from state.shard import Shard
from tests.state.company import at, in_step, put, rules, shard

CHANGED = put("billing.invoices", 1, status="paid")
ROWS = [
    put("billing.accounts", 1),
    CHANGED,
    put("billing.invoice_lines", 1),
    put("erp.customers", 1),
    put("erp.sales_invoices", 1),
    put("erp.sales_invoice_lines", 1),
    put("support.organizations", 1),
    put("billing.subscriptions", 1),
]


def found() -> tuple[str, dict[str, Any]]:
    """The wanted intent of an invoice that is paid in billing and not in the ERP."""
    before = in_step()
    at(before, 2000, CHANGED)
    ((name, intent),) = at(before, 9000).intents
    assert intent is not None
    return name, intent


def restarted(by: Rules, intent: dict[str, Any]) -> Shard:
    """A shard that has its rows and its open intent back, under these rules."""
    after = shard(by=by)
    after.load_clock(9000)
    for change in ROWS:
        after.load(change.account, change.table, change.key, 1000, 1000, change.frame)
    after.load_intent(intent)
    return after


def with_rule(**changes: Any) -> Rules:
    """The company's rules, the one about invoices changed; a version higher."""
    of = rules()
    changed = tuple(replace(rule, **changes) if rule.object == "invoice" else rule for rule in of.rules)
    return replace(of, version=of.version + 1, rules=changed)


@pytest.mark.parametrize("changes", [{"mode": "propose"}, {"mode": "observe"}, {"team": "controllers"}])
def test_the_open_intent_is_said_again_as_the_rule_is_now(changes: dict[str, str]) -> None:
    """Published once, in the first cut after the start, still wanted, with the rules' new version."""
    name, intent = found()
    by = with_rule(**changes)
    after = restarted(by, intent)
    assert at(after, 9500).intents == [(name, {**intent, **changes, "rule_version": by.version})]
    assert at(after, 9600).intents == []


def test_a_rule_that_is_gone_withdraws_what_it_wanted() -> None:
    """Nobody says any more that the two must agree."""
    name, intent = found()
    of = rules()
    without = replace(of, rules=tuple(rule for rule in of.rules if rule.object != "invoice"))
    assert at(restarted(without, intent), 9500).intents == [(name, {**intent, "state": "withdrawn"})]


def test_an_intent_from_before_versions_were_kept_goes_on() -> None:
    """An upgrade finds records without `rule_version`: they stay open, as of version 0."""
    name, intent = found()
    old = {field: value for field, value in intent.items() if field != "rule_version"}
    after = restarted(rules(), old)
    assert at(after, 9500).intents == []
    healed = at(after, 9700, put("erp.sales_invoices", 1, state="paid")).intents
    assert healed == [(name, {**intent, "rule_version": 0, "state": "seen"})]

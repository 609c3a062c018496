"""Where a correction goes is data: the first route that fits; a system that has routes has no default target.

Planted breaks that were seen to fail here: a route that fits whatever segment; the system itself where none fits; a
restart that leaves what was refused as NO_ROUTE.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from state.correcting.correction import Correction
from state.correcting.correction_record import intent_from
from state.correcting.decision import PROPOSE, Decision, binding
from state.correcting.dispatcher import Dispatcher
from state.correcting.policy import Policy
from state.rules import Route, Rule, Rules
from tests.state.company import at, in_step, put
from tests.state.dispatch_world import PROMISES, wanted

ROUTES = (
    Route("erp", "erp-de", legal_entity="GmbH"),
    Route("erp", "erp-us", region="us", product_line="cloud"),
    Route("erp", "erp-credits", object="credit"),
)
PROMISE = PROMISES["A"]._replace(resources={"invoice": "invoices", "credit": "notes"})


def planner(*routes: Route) -> Dispatcher:
    """A planner for four targets, with these routes."""
    rule = Rule("rule", "invoice", "billing", "erp", 0, "auto", 100, "finance")
    names = ("erp", "erp-de", "erp-us", "erp-credits")
    policy = Policy(Rules(1, ("none", "standard"), "finance", (rule,), routes=routes))
    return Dispatcher(dict.fromkeys(names, PROMISE), policy)


def sent(dispatcher: Dispatcher, **changes: Any) -> tuple[list[str], Correction]:
    """Where one correction goes, and its last record."""
    dispatcher.intent(wanted(1, **changes), 0)
    dispatcher.start(0)
    changed, jobs = dispatcher.drain()
    return [job.correction.intent.target for job in jobs], changed[-1]


def segment(**names: str) -> dict[str, str | None]:
    """An object's segment."""
    return {"legal_entity": None, "region": None, "product_line": None, "tenant": None, **names}


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"segment": segment(legal_entity="GmbH")}, "erp-de"),
        ({"segment": segment(legal_entity="GmbH", region="us", product_line="cloud")}, "erp-de"),
        ({"segment": segment(region="us", product_line="cloud")}, "erp-us"),
        ({"object": "credit"}, "erp-credits"),
        ({"object": "credit", "segment": segment(region="us", product_line="cloud")}, "erp-us"),
    ],
)
def test_the_first_that_fits_in_everything_it_names(changes: dict[str, Any], target: str) -> None:
    """Order decides where two fit; what a route does not name is any."""
    assert sent(planner(*ROUTES), **changes)[0] == [target]


@pytest.mark.parametrize(
    "changes", [{}, {"segment": segment(region="us")}, {"segment": segment(legal_entity="Inc", product_line="cloud")}]
)
def test_none_that_fits_is_an_exception(changes: dict[str, Any]) -> None:
    """Refused as NO_ROUTE, with what the object is; nothing is sent to the system of the rule."""
    targets, record = sent(planner(*ROUTES), **changes)
    assert (targets, record.code) == ([], "NO_ROUTE")
    assert all(value in (record.reason or "") for value in changes.get("segment", {}).values() if value)


def test_without_routes_the_rule_names_the_target() -> None:
    """A system that no route is told for is its own target."""
    assert sent(planner())[0] == ["erp"]
    assert sent(planner(Route("support", "desk")))[0] == ["erp"]


def test_a_new_route_is_taken_at_the_next_start() -> None:
    """What was refused for lack of one is planned again by itself; a person cannot send it anywhere."""
    refused = sent(planner(*ROUTES), segment=segment(region="eu"))[1]
    stubborn = planner(*ROUTES)
    stubborn.restore([refused], 1)
    decision = Decision("d", refused.id, PROPOSE, "ada", 1, frozenset({binding(refused)}))
    stubborn.decide(decision, 1)
    stubborn.start(1)
    assert (stubborn.drain()[1], stubborn.counts["REFUSED", "erp"]) == ([], 1)
    better = planner(*ROUTES, Route("erp", "erp-us", region="eu"))
    better.restore([refused], 2)
    better.start(2)
    assert [job.correction.intent.target for job in better.drain()[1]] == ["erp-us"]
    assert better.counts["REFUSED", "erp"] == 0


def test_what_is_under_way_stays_where_it_is() -> None:
    """Routes that change meanwhile move nothing that was planned: its object is held at its target."""
    planned = sent(planner(Route("erp", "erp-de")))[1]
    after = planner(Route("erp", "erp-us"))
    after.restore([replace(planned)], 1)
    after.intent(wanted(1), 2)
    after.start(2)
    changed, jobs = after.drain()
    assert {one.intent.target for one in changed} | {job.correction.intent.target for job in jobs} == {"erp-de"}


def test_the_view_says_where_an_object_belongs() -> None:
    """The intent carries the segment of its object: the account's region here, as the demo maps it."""
    view = in_step()
    ((_, intent), *_) = at(view, 2000, put("billing.invoices", 1, status="paid")).intents
    assert intent is not None
    assert intent["segment"] == segment(region="eu")
    assert intent_from(intent).segment == segment(region="eu")

"""A correction goes to the target that a route names for its tenant; a tenant that no route names is an exception.

Planted breaks, seen to fail: a route that names no tenant fits every tenant; what belongs to no tenant goes to the system of
its rule; routes that are chosen once although the account's tenant changes before anything is sent.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest

from connectors.mappings.loading import load_model
from state.correcting.correction_record import correction_from, correction_record, intent_from
from state.correcting.decision import PROPOSE, Decision, binding
from state.correcting.dispatcher import Dispatcher
from state.correcting.policy import Policy
from state.model import Model
from state.output import Output
from state.row import Change
from state.rules import Route, Rule, Rules
from state.shard import Shard
from tests.state.company import IN_STEP, SOURCES, at, put, record, shard
from tests.state.dispatch_world import PROMISES

COLUMN, CONSTANT = "tenant: tenant", "tenant: {constant: north}"
BOTH = (Route("erp", "erp-north", tenant="north"), Route("erp", "erp-south", tenant="south"))
TARGETS = ("erp", "erp-north", "erp-south")


@cache
def tenants_model(mapped: str = COLUMN) -> Model:
    """The demo's mapping, where accounts say their tenant."""
    with TemporaryDirectory() as folder:
        copytree(SOURCES, folder, dirs_exist_ok=True)
        path = Path(folder) / "billing" / "mapping.yaml"
        text = path.read_text()
        assert text.count("region: region\n") == 1
        path.write_text(text.replace("region: region\n", f"region: region\n      {mapped}\n"))
        return load_model(Path(folder), ("billing", "erp", "support"))


def account(name: str, tenant: str | None) -> Change:
    """An account's row; its number in billing is that of its name."""
    return put("billing.accounts", int(name[2:]), account=name, number=name, tenant=tenant, balance_minor=10_000)


def differing(target: Shard, name: str, tenant: str | None) -> Output:
    """An account with an invoice that is paid in billing and open in the ERP, after its time to settle."""
    number = int(name[2:])
    start_ms = number * 100_000
    ids = {"account": name, "number": f"INV-{number}"}
    at(
        target,
        start_ms,
        account(name, tenant),
        put("billing.invoices", number, **ids),
        put("billing.invoice_lines", number, account=name, invoice_id=number),
    )
    erp = {"account": name, "reference": f"INV-{number}", "state": "posted"}
    line = put("erp.sales_invoice_lines", number, account=name, sales_invoice_id=number)
    at(target, start_ms + 1, put("erp.sales_invoices", number, **erp), line)
    at(target, start_ms + 2, put("billing.invoices", number, status="paid", **ids))
    return at(target, start_ms + 50_000)


def planner(*routes: Route) -> Dispatcher:
    """A planner with a rule for invoices and these routes."""
    rule = Rule("invoice-posted", "invoice", "billing", "erp", 0, "auto", 100, "finance")
    promise = PROMISES["A"]
    return Dispatcher(dict.fromkeys(TARGETS, promise), Policy(Rules(1, ("none",), "finance", (rule,), routes=routes)))


def told(dispatcher: Dispatcher, *outs: Output) -> dict[str, str]:
    """Object -> the target that it is sent to, or the code for which it is not."""
    for out in outs:
        for _, intent in out.intents:
            if intent is not None and intent["object"] == "invoice":
                dispatcher.intent(intent_from(intent), 1)
    dispatcher.start(1)
    changed, jobs = dispatcher.drain()
    sent = {job.correction.intent.object_id: job.correction.intent.target for job in jobs}
    return {one.intent.object_id: one.code for one in changed if one.code} | sent


@pytest.fixture
def view() -> Shard:
    """A shard whose accounts say their tenant."""
    return shard(of=tenants_model())


def test_one_route_a_tenant_leads_each_to_its_own_target(view: Shard) -> None:
    """The tenant rides on account, objects and corrections; who has none, or one that no route names, is an exception."""
    named = [("A-000001", "north"), ("A-000002", "south"), ("A-000003", "west"), ("A-000004", None)]
    outs = [differing(view, *one) for one in named]
    assert told(planner(*BOTH), *outs) == {
        "INV-1": "erp-north",
        "INV-2": "erp-south",
        "INV-3": "NO_ROUTE",
        "INV-4": "NO_ROUTE",
    }
    fresh = shard(of=tenants_model())
    out = at(fresh, 1000, account("A-000002", "south"), put("billing.invoices", 2, account="A-000002"))
    assert record(out, "account", "A-000002")["segment"]["tenant"] == "south"
    assert record(out, "invoice", "INV-2")["segment"]["tenant"] == "south"


@pytest.mark.parametrize(
    "routes", [(), (Route("support", "desk", tenant="north"),), (Route("erp", "erp-north", "invoice"),)]
)
def test_a_tenant_has_no_default(view: Shard, routes: tuple[Route, ...]) -> None:
    """No route for the system, one for another system, one that names no tenant: all of them are none for this tenant."""
    assert told(planner(*routes), differing(view, "A-000001", "north")) == {"INV-1": "NO_ROUTE"}


def test_who_has_no_tenant_goes_nowhere_once_routes_name_tenants(view: Shard) -> None:
    """Also to a system for which no route is told; without routes by tenant it goes where the rule says."""
    out = differing(view, "A-000001", None)
    assert told(planner(Route("support", "desk", tenant="north")), out) == {"INV-1": "NO_ROUTE"}
    assert told(planner(), out) == {"INV-1": "erp"}


def test_a_source_may_be_one_tenant() -> None:
    """A constant in the mapping is the tenant of every account of that source."""
    view = shard(of=tenants_model(CONSTANT))
    assert told(planner(*BOTH), differing(view, "A-000001", "south")) == {"INV-1": "erp-north"}


def test_a_tenant_that_becomes_known_or_changes_leads_elsewhere(view: Shard) -> None:
    """The open correction follows its account as long as nothing was sent; then it stays with its object at that target."""
    target = planner(*BOTH)
    assert told(target, differing(view, "A-000001", None)) == {"INV-1": "NO_ROUTE"}
    assert told(target, at(view, 910_000, account("A-000001", "west"))) == {"INV-1": "NO_ROUTE"}
    assert told(target, at(view, 920_000, account("A-000001", "south"))) == {"INV-1": "erp-south"}
    assert told(target, at(view, 930_000, account("A-000001", "north"))) == {}


def test_what_waits_is_planned_anew_for_its_new_tenant(view: Shard) -> None:
    """A planned one never begins at the old tenant's target; its old record ends as superseded."""
    target = planner(*BOTH)
    for out in (differing(view, "A-000001", "north"), at(view, 910_000, account("A-000001", "south"))):
        for _, intent in out.intents:
            if intent is not None and intent["object"] == "invoice":
                target.intent(intent_from(intent), 1)
    target.start(1)
    changed, jobs = target.drain()
    assert [job.correction.intent.target for job in jobs] == ["erp-south"]
    assert [(one.state.value, one.intent.target) for one in changed] == [
        ("PLANNED", "erp-north"),
        ("SUPERSEDED", "erp-north"),
        ("PLANNED", "erp-south"),
        ("SENDING", "erp-south"),
    ]


def test_neither_a_person_nor_a_restart_sends_it_elsewhere(view: Shard) -> None:
    """A correction that is refused for its tenant stays refused until a route names the tenant; its record keeps the tenant."""
    target = planner(*BOTH)
    for _, intent in differing(view, "A-000001", "west").intents:
        if intent is not None and intent["object"] == "invoice":
            target.intent(intent_from(intent), 1)
    refused = correction_from(correction_record(target.drain()[0][-1]))
    assert (refused.code, (refused.intent.segment or {})["tenant"]) == ("NO_ROUTE", "west")
    assert "tenant west" in (refused.reason or "")
    again = planner(*BOTH)
    again.restore([refused], 1)
    again.decide(Decision("d", refused.id, PROPOSE, "ada", 1, frozenset({binding(refused)})), 1)
    assert told(again) == {"INV-1": "NO_ROUTE"}
    better = planner(*BOTH, Route("erp", "erp", tenant="west"))
    better.restore([refused], 1)
    assert told(better) == {"INV-1": "erp"}


def test_where_no_mapping_gives_a_tenant_it_is_not_looked_for() -> None:
    """What the demo maps (the region) is shown, the tenant is null."""
    out = at(shard(), 1000, *IN_STEP)
    assert record(out, "invoice", "INV-1")["segment"] == {
        "legal_entity": None,
        "region": "eu",
        "product_line": None,
        "tenant": None,
    }

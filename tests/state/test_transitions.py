"""A step that must not be is told with both facts, once, also over restarts, and closed when a legal state follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from state.folding.life import TRANSITIONS
from state.output import Output
from state.shard import Shard
from tests.state.beside import Beside
from tests.state.company import ACCOUNT, at, drop, put, record, records, release, rules, shard, transaction

NAME = f"ILLEGAL_TRANSITION:{ACCOUNT}:invoice:INV-1:billing"
STATES = ("draft", "open", "paid", "void")


def invoice(status: str) -> Any:
    """Billing's invoice in a state."""
    return put("billing.invoices", 1, status=status)


def told(out: Output) -> list[Any]:
    """What was published of illegal steps."""
    return [body for name, body in out.exceptions if name.startswith("ILLEGAL_TRANSITION")]


def void_then_paid() -> tuple[Shard, Any]:
    """A shard in which a void invoice was paid, and the exception about it."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1), invoice("void"))
    (exception,) = told(at(target, 2000, invoice("paid")))
    return target, exception


def test_both_facts_are_shown_and_the_owner_counts() -> None:
    """Void, then paid: both states with positions and times; the view shows paid; money at risk and team are named."""
    target, exception = void_then_paid()
    assert [(one["state"], one["position"], one["time_ms"]) for one in exception["facts"]] == [
        ("void", 1000, 1000),
        ("paid", 2000, 2000),
    ]
    assert "INV-1" in exception["text"] and "position 1000" in exception["text"] and "Next step" in exception["text"]
    assert exception["team"] == "finance-operations"
    out = at(target, 3000, put("billing.accounts", 1, standing="delinquent"))
    assert not told(out)
    assert record(target.apply(release(3000, went_live=True)), "invoice", "INV-1")["status"] == "paid"


def test_it_closes_when_the_last_legal_state_is_back_or_the_object_gone() -> None:
    """The state before the step stays the measure: open does not follow void either, void itself does, a delete ends it."""
    target, _ = void_then_paid()
    ((_, moved),) = at(target, 3000, invoice("open")).exceptions
    assert moved is not None and [one["state"] for one in moved["facts"]] == ["void", "open"]
    assert at(target, 4000, invoice("void")).exceptions == [(NAME, None)]
    target, _ = void_then_paid()
    assert at(target, 3000, drop("billing.invoices", 1)).exceptions == [(NAME, None)]


def test_what_a_transaction_passes_through_is_no_step() -> None:
    """Void, paid and void again in one transaction were never committed."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1), invoice("void"))
    assert not told(at(target, 2000, invoice("paid"), invoice("void")))
    out = target.apply(release(4000, transaction(3000, invoice("paid")), transaction(4000, invoice("void"))))
    assert not told(out)


def test_rules_may_allow_it() -> None:
    """`transitions` of the ownership rules: void may be followed by paid here; deriving anew under them finds nothing open."""
    lenient = {**TRANSITIONS["billing.invoice"], "void": frozenset(("paid",))}
    by = replace(rules(), transitions={"billing.invoice": lenient})
    target = shard(by=by)
    at(target, 1000, put("billing.accounts", 1), invoice("void"))
    assert not told(at(target, 2000, invoice("paid")))
    _, exception = void_then_paid()
    for rule, still_open in ((rules(), 1), (by, 0)):
        anew = shard(by=rule)
        for row in (put("billing.accounts", 1), invoice("paid")):
            anew.load(ACCOUNT, row.table, row.key, 2000, 2000, row.frame)
        anew.load_clock(2000)
        anew.load_exception(exception)
        assert len(told(anew.apply(release(2000, went_live=True)))) == still_open


def test_an_unmapped_state_is_judged_by_nobody() -> None:
    """It is told as UNMAPPED_STATUS; after it the state before it is not known."""
    target = shard()
    at(target, 1000, put("billing.accounts", 1), invoice("void"))
    assert not told(at(target, 2000, invoice("odd")))
    assert not told(at(target, 3000, invoice("open")))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STATES), st.booleans()), min_size=1, max_size=12))
def test_opened_and_closed_once_over_restarts(steps: list[tuple[str, bool]]) -> None:
    """Random states with random restarts between them: what is open after each step is what a plain reading of the
    table says, and a restart repeats and forgets nothing.

    Planted breaks, seen to fail: not loading open exceptions (Shard.load_exception), forgetting what was told at each
    step (States._judge).
    """
    target, beside = shard(), Beside()
    beside.take(at(target, 1000, put("billing.accounts", 1)))
    measure: str | None = None
    opened: tuple[str, str] | None = None
    clock_ms = 1000
    for state, restarts in steps:
        clock_ms += 1000
        before, change = opened, invoice(state)
        if measure is None or state == measure or state in TRANSITIONS["billing.invoice"][measure]:
            measure, opened = state, None
        else:
            opened = (measure, state)
        out = at(target, clock_ms, change)
        beside.take(out)
        expected = [] if opened == before else [opened]
        found = [body and tuple(one["state"] for one in body["facts"]) for body in told(out)]
        assert found == expected
        if restarts:
            target = shard()
            for row in (put("billing.accounts", 1), change):
                target.load(ACCOUNT, row.table, row.key, clock_ms, clock_ms, row.frame)
            target.load_clock(clock_ms)
            beside.load(target)
    assert ("invoice", "INV-1") in records(target.apply(release(clock_ms, went_live=True)))

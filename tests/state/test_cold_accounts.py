"""An account that was kept as bytes goes on as if it had been an object all the time."""

from __future__ import annotations

import ast
import re
from operator import itemgetter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from state.folding.cold import DERIVED
from state.output import Output
from state.shard import Shard
from tests.state.company import IN_STEP, Image, at, decode, model, reencode, release, rules, transaction
from tests.state.test_fold import HISTORIES, as_change


def opened(hot_max: int | None) -> Shard:
    """An empty shard of the demo company in which so many accounts stay objects."""
    return Shard(model(), decode, rules(), reencode=reencode, hot_max=hot_max)


def said(out: Output) -> tuple[object, ...]:
    """All that a release publishes and stores; in which order the objects of one cut come is nobody's business."""
    objects = sorted((record for record in out.records if record[0] != "change"), key=itemgetter(0, 1))
    events = [record for record in out.records if record[0] == "change"]
    return (
        objects,
        events,
        sorted(out.intents, key=itemgetter(0)),
        sorted(out.exceptions, key=itemgetter(0)),
        out.notes,
        out.parked,
        out.applied,
        out.ignored,
    )


@settings(max_examples=150, deadline=None)
@given(HISTORIES, st.integers(0, 40), st.sampled_from((50, 5_000, 700_000)))
def test_bytes_and_objects_say_the_same(
    history: list[tuple[str, int, Image | None]], live_after: int, step_ms: int
) -> None:
    """After every release of any history, before and after the first snapshot, with timers that fire in between.

    Planted breaks, seen to fail: `thaw` that leaves every item unpublished (objects end without a tombstone), and `freeze`
    that leaves out `intents` (what is settling starts anew).
    """
    hot, cold = opened(None), opened(0)
    for number, step in enumerate(history):
        clock = 1000 + number * step_ms
        lets_go = transaction(clock, as_change(*step))
        live, went_live = number >= live_after, number == live_after
        one = release(clock, lets_go, live=live, went_live=went_live)
        assert said(cold.apply(one)) == said(hot.apply(one))
    later = release(1000 + 10_000_000_000, went_live=True)
    assert said(cold.apply(later)) == said(hot.apply(later))


def _text_of_clear() -> str:
    """Its source, which a compiled class does not know."""
    tree = ast.parse((Path(__file__).parents[2] / "state/folding/account.py").read_text())
    return next(ast.unparse(one) for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == "clear")


def test_every_part_of_an_account_is_kept_or_derived() -> None:
    """What `clear` forgets is what `thaw` derives anew; a new part of an account is on one of the two sides by itself."""
    cleared = set(re.findall(r"self\.(\w+)(?:: [^=]+)? = ", _text_of_clear()))
    assert cleared == set(DERIVED)


def test_the_longest_untouched_become_bytes() -> None:
    """Beyond the bound accounts are bytes; a touch makes one an object again, and nothing is lost."""
    target = opened(4)
    for number in range(12):
        at(target, 1000 + number, *(change._replace(account=f"A-{number}") for change in IN_STEP[:2]))
    assert list(target.busy) == ["A-8", "A-9", "A-10", "A-11"]
    at(target, 2000, IN_STEP[1]._replace(account="A-0"), IN_STEP[1]._replace(account="A-9"))
    assert list(target.busy) == ["A-10", "A-11", "A-0", "A-9"]
    assert {account.id for account in target.accounts()} == {f"A-{number}" for number in range(12)}

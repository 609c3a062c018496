"""Whatever is lost, late or killed in between: exactly one effect on tiers A and B, at most one on tier C; B leaves nothing."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.state.dispatch_world import World, wanted

OUTCOMES = ("good", "answer lost", "never", "late", "throttled", "crash after effect")
STEPS = st.lists(
    st.sampled_from(["plan", "tick", "begin", "crash", "arrive", *(f"do:{outcome}" for outcome in OUTCOMES)]),
    max_size=60,
)


def play(world: World, steps: list[str]) -> None:
    """Let the steps happen in this order; `plan` brings the next intent, every third for an object that has one."""
    for step in steps:
        if step == "plan":
            number = len(world.intents) + 1
            world.intents.append(wanted(number, object_id=f"I-{number // 3}"))
            world.feed()
        elif step.startswith("do:"):
            if not world.jobs:
                world.tick()
            world.do(step[3:])
        else:
            getattr(world, step)()


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_tier_a_has_exactly_one_effect(steps: list[str]) -> None:
    """Any order of crash points and outcomes: no second effect ever, and in the end each correction has arrived."""
    world = World("A")
    play(world, steps)
    assert max(world.target.effects.values(), default=0) <= 1
    world.settle()
    while world.late:
        world.arrive()
    world.settle()
    assert all(world.target.effects[one.id] == 1 for one in world.intents)
    newest = {intent.object_id: intent.id for intent in world.intents}
    # what a newer correction of the same object has overwritten cannot be shown any more
    for one in world.log.values():
        overwritten = newest[one.intent.object_id] != one.id
        assert one.state.value in ({"VERIFIED", "REFUSED"} if overwritten else {"VERIFIED"}), one


@settings(max_examples=300, deadline=None)
@example(["plan", "plan", "do:late", "do:good"])
@given(STEPS)
def test_tier_b_has_one_effect_and_leaves_no_stray(steps: list[str]) -> None:
    """No key store: what requests leave that arrive after we looked and wrote again is gone in the end.

    Planted breaks, seen to fail: no looks after the end (`watched`); only one look; looks that are not in the record.
    """
    world = World("B")
    play(world, steps)
    while world.late:
        world.arrive()
    world.settle()
    assert not +world.target.strays
    assert all(world.target.effects[one.id] == 1 for one in world.intents)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_tier_c_has_at_most_one_effect_and_asks_a_person(steps: list[str]) -> None:
    """Without key store or version token a doubt is never sent again: it is refused with the code DOUBT."""
    world = World("C")
    play(world, steps)
    world.settle()
    while world.late:
        world.arrive()
    assert max(world.target.effects.values(), default=0) <= 1
    for one in world.log.values():
        assert one.state.value in ("VERIFIED", "REFUSED", "SUPERSEDED")
        assert one.state.value != "REFUSED" or one.code in ("DOUBT", "NOT_SHOWN")


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_nothing_leaves_before_sending_is_durable(steps: list[str]) -> None:
    """Each write job belongs to a SENDING(n) that is already in the durable log."""
    world = World("A")
    for step in steps:
        play(world, [step])
        for job in world.jobs:
            if job.kind == "write":
                assert world.log[job.correction.id].attempt == job.correction.attempt
                assert (job.correction.id, "SENDING") in world.history

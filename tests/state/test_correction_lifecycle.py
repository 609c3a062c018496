"""The life of a correction follows its table: the legal ways lead where the design says, every other pair raises."""

from __future__ import annotations

import inspect
from dataclasses import replace
from itertools import product

import pytest

from state.correcting import correction as c
from state.correcting.correction import TERMINAL, Correction, Event, State
from state.correcting.correction_record import correction_from, correction_record
from state.correcting.lifecycle import PAUSE_MS_MAX, READ_BACKS_MAX, TABLE, IllegalTransition, advance, pause_ms
from tests.state.dispatch_world import wanted

EVENTS: dict[type[Event], Event] = {
    c.Wanted: c.Wanted(wanted(1)),
    c.Withdrawn: c.Withdrawn(),
    c.Seen: c.Seen(),
    c.Proposed: c.Proposed(9000, "rita"),
    c.Approved: c.Approved("ada"),
    c.Rejected: c.Rejected("ada", "wrong"),
    c.Send: c.Send("A"),
    c.Restarted: c.Restarted(),
    c.Void: c.Void("STATE_MOVED", "moved"),
    c.Held: c.Held("CAP_REACHED", "enough"),
    c.Expired: c.Expired(),
    c.Overdue: c.Overdue(),
    c.Acknowledged: c.Acknowledged(),
    c.AlreadyEqual: c.AlreadyEqual(),
    c.InDoubt: c.InDoubt("no answer"),
    c.NotApplied: c.NotApplied("THROTTLED", "busy", 2000),
    c.Refused: c.Refused("PERIOD_CLOSED", "closed", {"first_open_day": "2026-03-01"}),
    c.Shown: c.Shown(),
    c.NotShown: c.NotShown(True),
    c.ReadFailed: c.ReadFailed("unreachable"),
    c.Tidied: c.Tidied({"draft": "12"}),
}


#: fields of the first version of `avro/correction.avsc`
EARLIEST = frozenset(
    (
        "id",
        "intent_state",
        "rule",
        "target",
        "object",
        "object_id",
        "account_id",
        "desired",
        "current",
        "target_ref",
        "positions",
        "since_ms",
        "risk_minor",
        "risk_currency",
        "mode",
        "team",
        "state",
        "target_tier",
        "attempt",
        "doubted",
        "read_backs",
        "first_sent_ms",
        "retry_at_ms",
        "code",
        "reason",
        "details",
        "proof",
        "approved_by",
        "updated_ms",
    )
)


def walk(*events: Event) -> Correction:
    """A planned correction after these events."""
    correction = Correction(wanted(1))
    for event in events:
        correction = advance(correction, event, 1000)
    return correction


def test_every_event_is_tried_here() -> None:
    """The list above holds every event that the module defines."""
    defined = {
        kind for _, kind in inspect.getmembers(c, inspect.isclass) if issubclass(kind, Event) and kind is not Event
    }
    assert defined == set(EVENTS)


@pytest.mark.parametrize(("state", "kind"), list(product(State, EVENTS)))
def test_pairs_outside_the_table_raise(state: State, kind: type[Event]) -> None:
    """A pair is either in the table and gives a state, or it raises and names the correction."""
    correction = Correction(wanted(1), state)
    if kind in TABLE[state]:
        assert advance(correction, EVENTS[kind], 1000).updated_ms == 1000
    else:
        with pytest.raises(IllegalTransition, match=correction.id):
            advance(correction, EVENTS[kind], 1000)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([c.Send], State.SENDING),
        ([c.Send, c.Acknowledged], State.ACKNOWLEDGED),
        ([c.Send, c.Acknowledged, c.Shown], State.VERIFIED),
        ([c.Send, c.InDoubt], State.UNKNOWN),
        ([c.Send, c.Restarted], State.UNKNOWN),
        ([c.Send, c.Restarted, c.Shown], State.VERIFIED),
        ([c.Send, c.InDoubt, c.NotShown], State.PLANNED),
        ([c.Send, c.InDoubt, c.ReadFailed], State.UNKNOWN),
        ([c.Send, c.Refused], State.REFUSED),
        ([c.Send, c.NotApplied], State.PLANNED),
        ([c.Send, c.AlreadyEqual], State.SUPERSEDED),
        ([c.Send, c.InDoubt, c.NotShown, c.Send, c.AlreadyEqual], State.VERIFIED),
        ([c.Withdrawn], State.SUPERSEDED),
        ([c.Seen], State.SUPERSEDED),
        ([c.Withdrawn, c.Wanted], State.PLANNED),
        ([c.Proposed], State.PROPOSED),
        ([c.Proposed, c.Approved, c.Send], State.SENDING),
        ([c.Proposed, c.Approved, c.Send, c.NotApplied], State.APPROVED),
        ([c.Proposed, c.Rejected], State.REJECTED),
        ([c.Proposed, c.Withdrawn], State.SUPERSEDED),
        ([c.Proposed, c.Expired], State.REJECTED),
        ([c.Proposed, c.Rejected, c.Proposed, c.Approved], State.APPROVED),
        ([c.Send, c.Refused, c.Proposed], State.PROPOSED),
        ([c.Send, c.InDoubt, c.Overdue, c.Shown], State.VERIFIED),
        ([c.Send, c.Withdrawn], State.SENDING),
        ([c.Send, c.Withdrawn, c.NotApplied], State.SUPERSEDED),
        ([c.Send, c.Withdrawn, c.InDoubt, c.NotShown], State.SUPERSEDED),
        ([c.Send, c.Withdrawn, c.InDoubt, c.Shown], State.VERIFIED),
        ([c.Send, c.Acknowledged, c.Withdrawn, c.NotShown], State.SUPERSEDED),
        ([c.Send, c.Seen, c.InDoubt], State.VERIFIED),
        ([c.Send, c.Seen, c.Acknowledged], State.VERIFIED),
        ([c.Send, c.Acknowledged, c.Seen], State.VERIFIED),
        ([c.Send, c.Refused, c.Seen], State.SUPERSEDED),
    ],
)
def test_ways_of_the_design(events: list[type[Event]], state: State) -> None:
    """Each sequence of events ends where the design says."""
    assert walk(*(EVENTS[kind] for kind in events)).state is state


def test_doubt_without_safe_repeat_goes_to_a_person() -> None:
    """Tier C: a doubt that the read-back does not settle is refused as DOUBT, never sent again."""
    end = walk(EVENTS[c.Send], EVENTS[c.InDoubt], c.NotShown(False))
    assert (end.state, end.code) == (State.REFUSED, "DOUBT")


def test_acknowledged_but_never_shown_goes_to_a_person() -> None:
    """A yes that the target's own row contradicts is looked at a few times, then refused as NOT_SHOWN."""
    end = walk(EVENTS[c.Send], EVENTS[c.Acknowledged], *[EVENTS[c.NotShown]] * READ_BACKS_MAX)
    assert (end.state, end.code) == (State.REFUSED, "NOT_SHOWN")


def test_capture_is_the_better_proof() -> None:
    """A read-back verifies; the change coming back through capture says so afterwards."""
    verified = walk(EVENTS[c.Send], EVENTS[c.Acknowledged], EVENTS[c.Shown])
    assert (verified.proof, advance(verified, c.Seen(), 2000).proof) == ("read-back", "capture")


@pytest.mark.parametrize("answer", [c.AlreadyEqual(), c.Acknowledged(), c.InDoubt("again no answer")])
def test_what_capture_has_seen_is_proven_by_it_whatever_the_answer(answer: Event) -> None:
    """Sent again in doubt; capture shows it before the answer is there: that is the proof, not what the answer says.

    Planted break, seen to fail: a target that shows it already proves it by read-back only.
    """
    doubted = walk(EVENTS[c.Send], EVENTS[c.InDoubt], EVENTS[c.NotShown], EVENTS[c.Send])
    seen = advance(doubted, c.Seen(), 2000)
    ended = advance(seen, answer, 3000)
    assert (ended.state, ended.proof) == (State.VERIFIED, "capture")


def test_retry_after_is_obeyed_and_pauses_are_bounded() -> None:
    """The target's own time counts; without one the pause doubles up to half a minute."""
    assert walk(EVENTS[c.Send], EVENTS[c.NotApplied]).retry_at_ms == 3000
    pauses = [pause_ms(attempt, None) for attempt in range(1, 100)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == PAUSE_MS_MAX


def test_refusal_keeps_what_the_target_said() -> None:
    """The first open day is kept, for the proposal to book there."""
    assert walk(EVENTS[c.Send], EVENTS[c.Refused]).details == {"first_open_day": "2026-03-01"}


@pytest.mark.parametrize("state", State)
def test_record_round_trip(state: State) -> None:
    """What is published is what is restored."""
    correction = Correction(wanted(1), state, "A", 3, True, 1, 5, 6, "CODE", "why", {"a": "b"}, "capture", "ada", 7)
    correction = replace(correction, proposed_ms=8, proposed_by="rita", expires_ms=9, group="mass:rule")
    correction = replace(correction, amendment={"posted_on": "2026-03-01"}, doubt_until_ms=10, late_looks=2)
    assert correction_from(correction_record(correction)) == correction


def test_records_of_an_earlier_contract_are_read() -> None:
    """What is in the topic from before an upgrade has the contract's defaults in the fields that it lacks."""
    correction = Correction(wanted(1), State.REFUSED, "A", 1)
    record = correction_record(correction)
    later = {name for name in record if name not in EARLIEST}
    assert later == {
        *("proposed_ms", "proposed_by", "expires_ms", "group", "amendment", "doubt_until_ms", "late_looks"),
        *("rule_version", "segment", "invoice", "case"),
    }
    assert correction_from({name: value for name, value in record.items() if name not in later}) == correction


def test_terminal_states_never_send() -> None:
    """No terminal state has a way to SENDING."""
    assert all(c.Send not in TABLE[state] for state in TERMINAL)

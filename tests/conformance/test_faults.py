"""What the network and an overloaded server do: every fault ends in one effect, or in a word that a person understands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.targets.protocol import Target
from stack.fault_proxy import Fault, Kind
from state.correcting import correction as c
from state.correcting.attention import attention_record
from state.correcting.correction import State
from tests.chaos.flow_process import wait_until
from tests.conformance.subject import Case, Subject, any_write

#: in which the suite's own server answers in time and a held answer is given up soon
IMPATIENT_MS = 2_000
#: more attempts than any shipped description needs to open its breaker
ATTEMPTS_MAX = 30


def begun(subject: Subject, target: Target, step: int) -> Case:
    """A case that a correction to `step` can be sent for."""
    return subject.case() if step == 0 else subject.made(target)


@pytest.mark.parametrize(
    ("step", "kind"),
    [(0, "drop_before"), (0, "drop_after"), (0, "answer"), (0, "answer_after"), (1, "drop_before"), (1, "drop_after")],
)
def test_lost_answer_of_each_request_is_one_effect(subject: Subject, target: Target, step: int, kind: Kind) -> None:
    """The connection breaks, or a 500 comes, before or after the server did its work: looked at first, then one effect.

    Planted break, seen to fail: a broken connection counts as never made.
    """
    for name, when in subject.requests(step).items():
        case = begun(subject, target, step)
        subject.proxy.clear()
        fault = subject.proxy.switch_on(Fault(kind, when, status=500, body=b"oops"))
        story = subject.story(case, step, seen=0 if step else None).settle(target)
        assert fault.strikes == 1, name
        assert any(isinstance(event, c.InDoubt) for event in story.events), name
        assert story.state is State.VERIFIED, (name, story.code, story.correction.reason)
        assert subject.holds(case, step), (name, subject.truth(case))
        assert subject.effects(case) == step + 1, name


def test_answers_lost_again_and_again_are_one_effect(subject: Subject, target: Target) -> None:
    """Half of all writing requests break, before or after: still one effect a change, and nothing is left lying about."""
    case = subject.case()
    write = any_write({**subject.requests(0), **{f"{name}1": when for name, when in subject.requests(1).items()}})
    broken: tuple[Kind, Kind] = ("drop_after", "drop_before")
    for kind in (*broken, *broken[:1]):
        subject.proxy.switch_on(Fault(kind, write))
    assert subject.story(case, 0).settle(target).state is State.VERIFIED
    for kind in (*reversed(broken), *broken[1:]):
        subject.proxy.switch_on(Fault(kind, write))
    assert subject.story(case, 1, seen=0).settle(target).state is State.VERIFIED
    assert subject.holds(case, 1), subject.truth(case)
    assert subject.effects(case) == 2


def test_slow_answer_is_doubt_not_patience(subject: Subject, target: Target) -> None:
    """The server works and its answer never comes: given up, looked at, one effect."""
    hurried = subject.target(IMPATIENT_MS)
    case = subject.case()
    fault = subject.proxy.switch_on(Fault("hold", list(subject.requests(0).values())[-1]))
    story = subject.story(case, 0)
    while not fault.strikes and story.correction.attempt < ATTEMPTS_MAX:  # a busy machine may be slow before that
        story.step(hurried)
    hurried.close()
    wait_until(lambda: not fault.strikes or subject.truth(case) is not None, 60, "what nobody waits for to be done")
    assert any(isinstance(event, c.InDoubt) for event in story.events)
    assert story.settle(target).state is State.VERIFIED
    assert (fault.strikes, subject.holds(case, 0), subject.effects(case)) == (1, True, 1)


def test_throttled_waits_as_long_as_it_is_told(subject: Subject, target: Target) -> None:
    """429 with Retry-After: not applied, the target's own time is kept, then one effect.

    Planted break, seen to fail: 429 is doubt.
    """
    case = subject.case()
    first = next(iter(subject.requests(0).values()))
    subject.proxy.switch_on(Fault("answer", first, status=429, headers={"Retry-After": "7"}))
    story = subject.story(case, 0)
    story.step(target)
    (event,) = story.events
    assert isinstance(event, c.NotApplied)
    assert (event.code, event.retry_after_ms, subject.truth(case)) == ("HTTP_429", 7000, None)
    began_ms = story.now_ms
    assert story.settle(target).state is State.VERIFIED
    assert story.now_ms - began_ms >= 7000
    assert subject.effects(case) == 1


def test_invalid_login_that_means_overload_is_waited_out(subject: Subject, target: Target) -> None:
    """A right login is refused: no correction is given up over it; it waits under LOGIN_REFUSED and then arrives.

    Planted break, seen to fail for each adapter: a refused login is a wrong description.
    """
    case = subject.case()
    faults = [subject.proxy.switch_on(fault) for fault in subject.not_let_in()]
    story = subject.story(case, 0).settle(target)
    assert all(fault.strikes == fault.count for fault in faults)
    assert "LOGIN_REFUSED" in story.codes() or any(isinstance(event, c.InDoubt) for event in story.events)
    assert not any(isinstance(event, c.Refused) for event in story.events)
    assert (story.state, subject.holds(case, 0), subject.effects(case)) == (State.VERIFIED, True, 1)


def test_success_that_did_nothing_is_not_believed(subject: Subject, target: Target) -> None:
    """200 and nothing there: verified only if the server's tables hold it, else a person hears that it is not shown."""
    case = subject.case()
    fault = subject.proxy.switch_on(subject.did_nothing())
    story = subject.story(case, 0).settle(target)
    assert fault.strikes == 1
    if story.state is State.VERIFIED:
        assert (subject.holds(case, 0), subject.effects(case)) == (True, 1)
    else:
        assert (story.state, story.code) in {(State.REFUSED, "NOT_SHOWN"), (State.REFUSED, "NOT_TAKEN")}
        assert subject.truth(case) is None


def test_part_of_the_fields_is_not_success(subject: Subject, target: Target) -> None:
    """One of several values is lost on the way and the server says yes: never verified, a person is told.

    Planted break, seen to fail: a read-back always shows what is desired.
    """
    case = subject.case()
    fault = subject.proxy.switch_on(subject.partly())
    story = subject.story(case, 0).settle(target)
    assert fault.strikes == 1
    assert (story.state, story.code) in {(State.REFUSED, "NOT_SHOWN"), (State.REFUSED, "NOT_TAKEN")}
    assert not subject.holds(case, 0)


def test_business_refusal_is_one_attempt_and_no_failure(subject: Subject, target: Target) -> None:
    """G29: refused by name after one attempt, nothing written, the breaker untouched: what is behind it goes out.

    Planted break, seen to fail: the adapter of Request Tracker believes its 200.
    """
    for _ in range(12):
        case = subject.case()
        desired, code = subject.refusal(case)
        story = subject.wish(case, desired).settle(target)
        assert (story.state, story.code, story.correction.attempt) == (State.REFUSED, code, 1)
        assert subject.truth(case) is None
        if code == "PERIOD_CLOSED":
            assert story.correction.details["first_open_day"] > desired.get("posted_on", "")
    behind = subject.case()
    assert subject.story(behind, 0).settle(target).state is State.VERIFIED


def test_refusal_names_customer_invoice_case_and_amount(subject: Subject, target: Target) -> None:
    """What people are told when a target refuses: in fields, and in one text with the target's own words and the next step.

    Planted break, seen to fail: the text is the target's reason alone.
    """
    case = subject.case()
    desired, code = subject.refusal(case)
    story = subject.wish(case, desired)
    about = replace(story.correction.intent, invoice="INV-9", case="CASE-4", risk_minor=11900, risk_currency="EUR")
    story.correction = replace(story.correction, intent=about)
    settled = story.settle(target).correction
    told = attention_record(settled)
    assert told is not None and told["kind"] == code
    named = (told["account"], told["invoice"], told["case"], told["risk_minor"], told["risk_currency"])
    assert named == (case.account, "INV-9", "CASE-4", 11900, "EUR")
    for words in (case.account, "INV-9", "CASE-4", "EUR 11900 minor", settled.reason, "Next step:"):
        assert words and words in told["text"]


def test_target_that_is_down_is_waited_for(subject: Subject, target: Target) -> None:
    """No server: nothing is in doubt, the breaker opens, nothing is given up; when it is back the correction arrives, once.

    Planted break, seen to fail: the breaker never opens.
    """
    case = subject.case()
    story = subject.story(case, 0)
    subject.proxy.down()
    try:
        while "CIRCUIT_OPEN" not in story.codes() and story.correction.attempt < ATTEMPTS_MAX:
            story.step(target)
    finally:
        subject.proxy.up()
    assert story.codes() == {"UNREACHABLE", "CIRCUIT_OPEN"}
    assert (story.state, subject.truth(case)) == (State.PLANNED, None)
    assert not any(isinstance(event, c.InDoubt) for event in story.events)
    story.settle(target)
    assert (story.state, subject.holds(case, 0), subject.effects(case)) == (State.VERIFIED, True, 1)

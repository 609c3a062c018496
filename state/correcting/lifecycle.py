"""One correction's life as a table: (state, event) -> next state. Anything that is not in the table raises.

    PLANNED -> (PROPOSED -> APPROVED | REJECTED) -> SENDING(n) -> ACKNOWLEDGED | UNKNOWN | REFUSED -> VERIFIED
    SUPERSEDED ends whatever is not under way: before SENDING, or after an answer that says that nothing was written.
    REFUSED and REJECTED may be PROPOSED again, by a person or with an amendment (another booking day).

SENDING(n) must be durable before the first byte leaves. UNKNOWN is left only by looking at the target, never by sending.
Pure: time is an argument, in milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from state.correcting import correction as c
from state.correcting import late, proposal
from state.correcting.correction import Correction, Event, State

#: A target that acknowledged and does not show the value is looked at this often before a person is asked.
READ_BACKS_MAX = 3
#: Pauses between attempts double from the first to the last of these.
PAUSE_MS_MIN, PAUSE_MS_MAX = 250, 30_000
#: A write that is not settled after this time becomes overdue: a person is asked, looking goes on.
DOUBT_MS_MAX = 300_000

Rule = Callable[[Correction, Any, int], Correction]


class IllegalTransition(Exception):
    """The event cannot happen in the correction's state: a defect of the caller, never of the data."""


def pause_ms(attempt: int, asked_ms: int | None) -> int:
    """How long to wait after attempt number `attempt`: what the target asked for, else doubling up to half a minute."""
    if asked_ms is not None:
        return max(asked_ms, 0)
    return int(min(PAUSE_MS_MIN * 2 ** min(max(attempt - 1, 0), 10), PAUSE_MS_MAX))


def _superseded(correction: Correction, reason: str) -> Correction:
    return replace(correction, state=State.SUPERSEDED, code=None, reason=reason, retry_at_ms=0)


def _verified(correction: Correction, proof: str) -> Correction:
    proof = "capture" if correction.intent.state == "seen" else proof  # whatever the answer of the target says besides
    after = replace(correction, state=State.VERIFIED, proof=proof, code=None, reason=None)
    return after if correction.late_looks else replace(after, retry_at_ms=0)


def _again(correction: Correction) -> State:
    """Where a write that left no effect waits for its next attempt; an approval is not asked for twice."""
    return State.APPROVED if correction.approved_by else State.PLANNED


def _remember(word: str) -> Rule:
    """The intent changed while something else decides: only the intent's state is kept."""
    return lambda correction, event, now: replace(correction, intent=replace(correction.intent, state=word))


def _wanted(correction: Correction, event: c.Wanted, now: int) -> Correction:
    return replace(correction, intent=event.intent)


def _plan(correction: Correction, event: c.Wanted, now: int) -> Correction:
    kept = replace(proposal.planned_anew(correction, now), code=None, reason=None)
    return replace(kept, intent=event.intent)


def _end(word: str, reason: str) -> Rule:
    return lambda correction, event, now: _superseded(_remember(word)(correction, event, now), reason)


def _held(correction: Correction, event: c.Held, now: int) -> Correction:
    return replace(correction, code=event.code, reason=event.reason)


def _overdue(correction: Correction, event: c.Overdue, now: int) -> Correction:
    last = f" (last: {correction.reason})" if correction.reason else ""
    reason = (
        f"it is not known whether the target wrote{last}. Next step: make the target readable, "
        f"or look there for the object; Concord keeps looking"
    )
    return replace(correction, code="DOUBT_OVERDUE", reason=reason, doubt_until_ms=None)


def _send(correction: Correction, event: c.Send, now: int) -> Correction:
    return replace(
        correction,
        state=State.SENDING,
        tier=event.tier,
        attempt=correction.attempt + 1,
        first_sent_ms=now if correction.first_sent_ms is None else correction.first_sent_ms,
        read_backs=0,
        retry_at_ms=0,
        doubt_until_ms=None,
        code=None,
        reason=None,
    )


def _acknowledged(correction: Correction, event: c.Acknowledged, now: int) -> Correction:
    if correction.intent.state == "seen":
        return _verified(correction, "capture")
    return replace(correction, state=State.ACKNOWLEDGED, retry_at_ms=now, doubt_until_ms=now + DOUBT_MS_MAX)


def _in_doubt(correction: Correction, event: c.InDoubt | c.Restarted, now: int) -> Correction:
    if correction.intent.state == "seen":
        return _verified(correction, "capture")
    reason = event.reason if isinstance(event, c.InDoubt) else "the process that was sending ended before the answer"
    kept = replace(correction, state=State.UNKNOWN, doubted=True, doubt_until_ms=now + DOUBT_MS_MAX)
    return replace(kept, retry_at_ms=now, code="IN_DOUBT", reason=reason)


def _not_applied(correction: Correction, event: c.NotApplied, now: int) -> Correction:
    if not correction.wanted:
        return _superseded(correction, "no longer wanted, and the target wrote nothing")
    retry_at_ms = now + pause_ms(correction.attempt, event.retry_after_ms)
    return replace(correction, state=_again(correction), retry_at_ms=retry_at_ms, code=event.code, reason=event.reason)


def _refused(correction: Correction, event: c.Refused, now: int) -> Correction:
    return replace(correction, state=State.REFUSED, code=event.code, reason=event.reason, details=dict(event.details))


def _already_equal(correction: Correction, event: c.AlreadyEqual, now: int) -> Correction:
    if correction.doubted:
        return _verified(correction, "read-back")
    return _superseded(correction, "the target showed the desired value before anything was written")


def _shown(correction: Correction, event: c.Shown, now: int) -> Correction:
    return _verified(correction, "read-back")


def _seen(correction: Correction, event: c.Seen, now: int) -> Correction:
    return _verified(_remember("seen")(correction, event, now), "capture")


def _doubt_settled(correction: Correction, event: c.NotShown, now: int) -> Correction:
    """UNKNOWN, and the target shows something else: send again only where a second write cannot double the effect."""
    if not event.may_repeat:
        reason = "the target does not show the value, and sending again could write it twice"
        return replace(correction, state=State.REFUSED, code="DOUBT", reason=reason)
    if not correction.wanted:
        return _superseded(correction, "no longer wanted, and the target does not show it")
    reason = "read back: not there; to be sent again under the same key"
    return replace(correction, state=_again(correction), retry_at_ms=now, code=None, reason=reason)


def _look_again(correction: Correction, event: c.NotShown, now: int) -> Correction:
    """ACKNOWLEDGED, and the target shows something else: it may be slow, or it lied, or somebody changed it since."""
    if not correction.wanted:
        return _superseded(correction, "written, and overwritten since; the view decides anew")
    looked = correction.read_backs + 1
    if looked >= READ_BACKS_MAX:
        reason = f"the target acknowledged the write and does not show it after {looked} read-backs"
        return replace(correction, state=State.REFUSED, code="NOT_SHOWN", reason=reason, read_backs=looked)
    return replace(correction, read_backs=looked, retry_at_ms=now + pause_ms(looked, None))


def _read_failed(correction: Correction, event: c.ReadFailed, now: int) -> Correction:
    looked = correction.read_backs + 1
    retry_at_ms = now + pause_ms(looked, event.retry_after_ms)
    kept = replace(correction, read_backs=looked, retry_at_ms=retry_at_ms)
    return kept if kept.code == "DOUBT_OVERDUE" else replace(kept, reason=event.reason)


_INTENT_MEANWHILE: dict[type[Event], Rule] = {
    c.Wanted: _wanted,
    c.Withdrawn: _remember("withdrawn"),
    c.Seen: _remember("seen"),
}
_NOT_UNDER_WAY: dict[type[Event], Rule] = {
    c.Wanted: _wanted,
    c.Withdrawn: _end("withdrawn", "the view no longer wants it"),
    c.Seen: _end("seen", "the target's row shows the value without a write of ours"),
}

_LATE: dict[type[Event], Rule] = {c.Tidied: late.looked, c.ReadFailed: late.not_looked, c.Refused: late.doubled}

TABLE: dict[State, dict[type[Event], Rule]] = {
    State.PLANNED: {
        **_NOT_UNDER_WAY,
        c.Proposed: proposal.proposed,
        c.Send: _send,
        c.Held: _held,
        c.Refused: _refused,
    },
    State.PROPOSED: {
        **_NOT_UNDER_WAY,
        c.Wanted: proposal.still_proposed,
        c.Approved: proposal.approved,
        c.Rejected: proposal.rejected,
        c.Void: proposal.void,
        c.Expired: proposal.expired,
    },
    State.APPROVED: {
        **_NOT_UNDER_WAY,
        c.Wanted: proposal.still_approved,
        c.Send: _send,
        c.Held: _held,
        c.Refused: _refused,
    },
    State.REJECTED: {**_NOT_UNDER_WAY, c.Proposed: proposal.proposed},
    State.SENDING: {
        **_INTENT_MEANWHILE,
        c.Restarted: _in_doubt,
        c.InDoubt: _in_doubt,
        c.Acknowledged: _acknowledged,
        c.AlreadyEqual: _already_equal,
        c.NotApplied: _not_applied,
        c.Refused: _refused,
    },
    State.ACKNOWLEDGED: {
        **_INTENT_MEANWHILE,
        c.Seen: _seen,
        c.Shown: _shown,
        c.NotShown: _look_again,
        c.ReadFailed: _read_failed,
        c.Overdue: _overdue,
    },
    State.UNKNOWN: {
        **_INTENT_MEANWHILE,
        c.Seen: _seen,
        c.Shown: _shown,
        c.NotShown: _doubt_settled,
        c.ReadFailed: _read_failed,
        c.Overdue: _overdue,
    },
    State.REFUSED: {**_NOT_UNDER_WAY, c.Proposed: proposal.proposed},
    State.VERIFIED: {c.Wanted: _remember("wanted"), c.Withdrawn: _remember("withdrawn"), c.Seen: _seen, **_LATE},
    State.SUPERSEDED: {c.Wanted: _plan, c.Withdrawn: _remember("withdrawn"), c.Seen: _remember("seen"), **_LATE},
}


def advance(correction: Correction, event: Event, now_ms: int) -> Correction:
    """The correction after the event; raises IllegalTransition for a pair that the table does not hold."""
    rule = TABLE[correction.state].get(type(event))
    if rule is None:
        raise IllegalTransition(
            f"correction {correction.id} is {correction.state} and cannot take {type(event).__name__}. "
            f"Next step: report this as a defect, with the correction's records"
        )
    after: Correction = replace(rule(correction, event, now_ms), updated_ms=now_ms)
    ended = after.state in late.OVER and after.state is not correction.state
    return late.watched(after, now_ms) if ended else after

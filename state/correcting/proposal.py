"""What happens to a correction that waits for a person; `lifecycle.py` says in which states."""

from __future__ import annotations

from dataclasses import replace

from state.correcting import correction as c
from state.correcting.correction import Correction, State
from state.correcting.decision import binding


def proposed(correction: Correction, event: c.Proposed, now: int) -> Correction:
    """It waits for a person; what it could not do, or why an approval fell, stays readable."""
    return replace(
        correction,
        state=State.PROPOSED,
        proposed_ms=now,
        proposed_by=event.by or None,
        expires_ms=event.expires_ms,
        group=event.group,
        code=event.code or correction.code,
        reason=event.reason or correction.reason,
        amendment=dict(event.amendment),
        approved_by=None,
        retry_at_ms=0,
    )


def approved(correction: Correction, event: c.Approved, now: int) -> Correction:
    """A person let it go: for the state that was shown, which its binding names."""
    kept = replace(correction, state=State.APPROVED, approved_by=event.by, retry_at_ms=now)
    return replace(kept, code=None, reason=None, expires_ms=None)


def void(correction: Correction, event: c.Void, now: int) -> Correction:
    """The decision does not hold; the proposal waits on."""
    return replace(correction, code=event.code, reason=event.reason)


def expired(correction: Correction, event: c.Expired, now: int) -> Correction:
    """Nobody decided in time."""
    reason = "nobody decided in time. Next step: concord corrections propose, if it is still wanted"
    return replace(correction, state=State.REJECTED, code="PROPOSAL_EXPIRED", reason=reason, expires_ms=None)


def still_proposed(correction: Correction, event: c.Wanted, now: int) -> Correction:
    """The rule's mode, or the state, may have changed while it waited for a person: then it is planned anew."""
    after = replace(correction, intent=event.intent)
    asked = event.intent.mode == "propose" or after.group or after.amendment or after.code
    if binding(after) == binding(correction) and asked:
        return after
    return planned_anew(after, now)


def still_approved(correction: Correction, event: c.Wanted, now: int) -> Correction:
    """An approval is for one state of both sides; it falls when either moves."""
    after = replace(correction, intent=event.intent)
    if binding(after) == binding(correction):
        return after
    reason = f"the state moved since {correction.approved_by} approved it"
    return replace(planned_anew(after, now), code="STATE_MOVED", reason=reason)


def planned_anew(correction: Correction, now: int) -> Correction:
    """As if it had just been found: nothing of an earlier proposal is left."""
    kept = replace(
        correction, state=State.PLANNED, approved_by=None, group=None, amendment={}, retry_at_ms=now, late_looks=0
    )
    return replace(kept, proposed_ms=None, proposed_by=None, expires_ms=None)


def rejected(correction: Correction, event: c.Rejected, now: int) -> Correction:
    """A person said no."""
    reason = f"rejected by {event.by}: {event.reason or 'no reason given'}"
    return replace(correction, state=State.REJECTED, code="REJECTED", reason=reason, expires_ms=None)

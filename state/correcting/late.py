"""What a late request may have doubled: after a write was sent again in doubt, the first one may still arrive. Pure.

On tier B nothing at the target knows that two requests are one. A correction that was sent more than once is therefore
looked after when it is over: what is left of a late repeat is removed, and what cannot be removed is a person's to decide.
"""

from __future__ import annotations

from dataclasses import replace

from state.correcting import correction as c
from state.correcting.correction import Correction, State

#: looks after the end, each so long after the one before: a minute, by when a slow server has answered or given up, and a
#: quarter of an hour, for what a proxy or a queue on the way has held back
LOOKS_MS = (60_000, 900_000)
#: a look that does not work is tried again after this time
AGAIN_MS = 30_000
#: states in which a correction is over
OVER = frozenset({State.VERIFIED, State.SUPERSEDED})


def watched(correction: Correction, now_ms: int) -> Correction:
    """A correction that has just ended: with looks to come if a request of it may still be on its way."""
    again = correction.attempt > 1 or correction.state is State.SUPERSEDED
    if correction.tier != "B" or not correction.doubted or not again:
        return correction
    return replace(correction, late_looks=len(LOOKS_MS), retry_at_ms=now_ms + LOOKS_MS[0])


def looked(correction: Correction, event: c.Tidied, now_ms: int) -> Correction:
    """A look is done; what it removed stays readable."""
    left = max(correction.late_looks - 1, 0)
    told = replace(correction, late_looks=left, retry_at_ms=now_ms + LOOKS_MS[len(LOOKS_MS) - left] if left else 0)
    if not event.removed:
        return told
    what = ", ".join(f"{name} {text}" for name, text in sorted(event.removed.items()))
    reason = f"a late request had made it twice; removed: {what}"
    return replace(told, reason=reason, details={**correction.details, **event.removed})


def not_looked(correction: Correction, event: c.ReadFailed, now_ms: int) -> Correction:
    """The target cannot be asked now."""
    return replace(correction, retry_at_ms=now_ms + (event.retry_after_ms or AGAIN_MS))


def doubled(correction: Correction, event: c.Refused, now_ms: int) -> Correction:
    """It is there twice and cannot be taken back by itself: a person is asked."""
    after = replace(correction, state=State.REFUSED, code=event.code, reason=event.reason, late_looks=0, proof=None)
    return replace(after, details=dict(event.details), retry_at_ms=0)

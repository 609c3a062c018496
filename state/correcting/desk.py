"""What waits for a person, and what the person's decision does. Pure.

A decision is for the state that was shown: each correction is compared by its binding, so an approval of many is a
ceiling. Nobody approves what they asked for. A proposal that nobody decides ends by itself, as PROPOSAL_EXPIRED.
"""

from __future__ import annotations

import heapq

from state.correcting import correction as c
from state.correcting.correction import Correction, Event, State
from state.correcting.decision import APPROVE, PROPOSE, REJECT, Decision, binding
from state.correcting.hold import Hold
from state.correcting.policy import Policy
from state.correcting.unsendable import by_configuration

#: answer of a target that closed the booking period, and the detail that names the first day it would book on
PERIOD_CLOSED, FIRST_OPEN_DAY = "PERIOD_CLOSED", "first_open_day"
#: what is sent to book on another day
POSTED_ON = "posted_on"


def answer(correction: Correction, decision: Decision) -> Event | None:
    """What a decision does to one correction; None where it means nothing to it."""
    if correction.state is not State.PROPOSED or decision.verb not in (APPROVE, REJECT):
        return None
    if binding(correction) not in decision.bindings:
        return c.Void("STATE_MOVED", f"state moved since {decision.by} looked. Next step: look and decide again")
    if decision.verb == REJECT:
        return c.Rejected(decision.by, decision.reason)
    if decision.by == correction.proposed_by:
        reason = f"{decision.by} asked for it and cannot approve it. Next step: somebody else must"
        return c.Void("SAME_PERSON", reason)
    return c.Approved(decision.by)


class Desk:
    """Makes proposals and knows when what waits runs out."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._ends: list[tuple[int, str]] = []

    def watch(self, correction: Correction) -> None:
        """Remember when it runs out: a proposal, or a write that is not settled."""
        ends_ms = correction.expires_ms if correction.state is State.PROPOSED else correction.doubt_until_ms
        if ends_ms is not None and correction.state in (State.PROPOSED, State.UNKNOWN, State.ACKNOWLEDGED):
            heapq.heappush(self._ends, (ends_ms, correction.id))

    def due(self, now_ms: int) -> list[str]:
        """Ids of what may have run out by now."""
        found = []
        while self._ends and self._ends[0][0] <= now_ms:
            found.append(heapq.heappop(self._ends)[1])
        return found

    @staticmethod
    def ended(correction: Correction, now_ms: int) -> Event | None:
        """What running out means for it; None if it has moved on meanwhile."""
        if correction.state is State.PROPOSED:
            late = correction.expires_ms is not None and correction.expires_ms <= now_ms
            return c.Expired() if late else None
        late = correction.doubt_until_ms is not None and correction.doubt_until_ms <= now_ms
        return c.Overdue() if late and correction.state in (State.UNKNOWN, State.ACKNOWLEDGED) else None

    def by_mode(self, correction: Correction, now_ms: int) -> c.Proposed:
        """The rule wants a person to decide."""
        rule = correction.intent.rule
        return c.Proposed(now_ms + self._policy.proposal_ms(rule), self._policy.author(rule))

    def by_mass(self, correction: Correction, hold: Hold, now_ms: int) -> c.Proposed:
        """Too many at once: it waits with the others."""
        rule = correction.intent.rule
        reason = f"{hold.rules[0]} found too many differences at once; they wait together as {hold.id}"
        expires_ms = now_ms + self._policy.proposal_ms(rule)
        return c.Proposed(expires_ms, self._policy.author(rule), hold.id, hold.kind, reason)

    def by_refusal(self, correction: Correction, now_ms: int) -> c.Proposed | None:
        """A closed period has a way out that a person may approve: book on the first open day."""
        day = correction.details.get(FIRST_OPEN_DAY)
        if correction.code != PERIOD_CLOSED or day is None or correction.amendment.get(POSTED_ON) == day:
            return None
        rule = correction.intent.rule
        reason = (
            f"{correction.reason}. Proposal: book on {day}; the date in billing stays. Next step: approve or reject"
        )
        expires_ms = now_ms + self._policy.proposal_ms(rule)
        return c.Proposed(expires_ms, self._policy.author(rule), None, PERIOD_CLOSED, reason, {POSTED_ON: day})

    def by_person(self, correction: Correction, decision: Decision, now_ms: int) -> c.Proposed | None:
        """A person asks again for what was refused, rejected or has expired; somebody else must approve it."""
        if decision.verb != PROPOSE or correction.state not in (State.REFUSED, State.REJECTED):
            return None
        if binding(correction) not in decision.bindings or not correction.wanted or by_configuration(correction):
            return None
        why = f"{decision.by} asks for it again: {decision.reason or 'no reason given'} (before: {correction.reason})"
        expires_ms = now_ms + self._policy.proposal_ms(correction.intent.rule)
        return c.Proposed(expires_ms, decision.by, None, correction.code, why, correction.amendment)

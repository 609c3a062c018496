"""What the console does with decisions: find what is meant, see that it may be decided, write it, hear what came of it."""

from __future__ import annotations

import time
import uuid
from hashlib import sha256
from typing import NamedTuple

from connectors.correction_store import CorrectionStore
from state.correcting.correction import Correction, State
from state.correcting.decision import APPROVE, PROPOSE, REJECT, STOP, SWITCH, Decision, binding
from state.correcting.hold import MASS_CHANGE, WRITE_BRAKE, Hold
from state.correcting.unsendable import by_configuration

#: most corrections that one decision can be about: a decision is one Kafka record
BINDINGS_MAX = 20_000
_LOOK_SECONDS = 0.3


class DecisionRefused(Exception):
    """The decision is not taken: nothing waits under the name, the state moved, or the person may not. Exit code 3."""


class Subject(NamedTuple):
    """What a decision is about: corrections, and the hold that they wait in, if any."""

    id: str
    corrections: list[Correction]
    hold: Hold | None


class Outcome(NamedTuple):
    """What dispatch made of a decision; `pending`: it has not answered yet, it obeys when it runs."""

    done: list[Correction]
    void: list[Correction]
    pending: bool


def seen(corrections: list[Correction]) -> str:
    """Names the state of many corrections in 12 hex digits: `--seen` says what was looked at."""
    return sha256("\n".join(sorted(binding(one) for one in corrections)).encode()).hexdigest()[:12]


def find(store: CorrectionStore, name: str) -> Subject:
    """The correction (by id, or by the beginning of one) or hold of this name. Raises DecisionRefused."""
    holds, known = store.holds(), store.corrections()
    if name in holds:
        hold = holds[name]
        inside = [one for one in known.values() if one.group == name and one.state is State.PROPOSED]
        return Subject(name, sorted(inside, key=lambda one: one.id), hold)
    matching = [one for key, one in known.items() if key.startswith(name)] if len(name) >= 6 else []
    if name in known:
        matching = [known[name]]
    if len(matching) != 1:
        what = f"{len(matching)} corrections begin with" if matching else "there is no correction and no hold called"
        raise DecisionRefused(f"{what} {name!r}. Next step: concord corrections list")
    return Subject(matching[0].id, matching, None)


def check_seen(subject: Subject, given: str) -> None:
    """See that the person decides about what was shown. Raises DecisionRefused."""
    now = seen(subject.corrections)
    if not given and subject.hold is not None and subject.hold.kind == MASS_CHANGE:
        raise DecisionRefused(
            f"{subject.id} is a group of {len(subject.corrections)}: say which state of it you looked at. "
            f"Next step: concord corrections show {subject.id}, then --seen with what it prints"
        )
    if given and given != now:
        raise DecisionRefused(
            f"state moved since you looked at {subject.id} (seen {given}, now {now}). "
            f"Next step: concord corrections show {subject.id}, and decide again"
        )


def decide(store: CorrectionStore, subject: Subject, verb: str, by: str, reason: str, now_ms: int) -> Decision:
    """Write a decision about a subject as it was read. Raises DecisionRefused where it could not hold."""
    hold = subject.hold
    chosen = subject.corrections
    if hold is not None and hold.kind == WRITE_BRAKE:
        if verb != APPROVE:
            raise DecisionRefused(f"{hold.id} can only be approved, which lets go what it keeps back. {hold.text}")
    else:
        for one in chosen:
            _may(one, verb, by)
        if not chosen:
            step = "concord corrections resume" if subject.id == SWITCH else "concord corrections list"
            raise DecisionRefused(f"nothing waits in {subject.id} for a decision. Next step: {step}")
    if len(chosen) > BINDINGS_MAX:
        raise DecisionRefused(
            f"{subject.id} holds {len(chosen)} corrections, a decision at most {BINDINGS_MAX}. "
            f"Next step: decide with --limit {BINDINGS_MAX}, several times"
        )
    bindings = frozenset(binding(one) for one in chosen)
    decision = Decision(uuid.uuid4().hex, subject.id, verb, by, now_ms, bindings, reason)
    store.decide(decision)
    return decision


def _may(one: Correction, verb: str, by: str) -> None:
    if verb == PROPOSE:
        if one.state not in (State.REFUSED, State.REJECTED):
            raise DecisionRefused(f"{one.id} is {one.state}, only what was refused or rejected can be proposed again")
        if by_configuration(one):
            raise DecisionRefused(f"{one.id} cannot be proposed: {one.reason}")
        if not one.wanted:
            raise DecisionRefused(
                f"{one.id} is no longer wanted by the view ({one.intent.state}); nothing is to be done"
            )
        return
    if one.state is not State.PROPOSED:
        step = f" Next step: concord corrections propose {one.id}" if one.state is State.REFUSED else ""
        raise DecisionRefused(f"{one.id} is {one.state} and waits for no decision.{step}")
    if verb == APPROVE and by == one.proposed_by:
        raise DecisionRefused(
            f"{by} asked for {one.id} and cannot approve it (SAME_PERSON). Next step: somebody else must"
        )


def outcome(store: CorrectionStore, subject: Subject, decision: Decision, wait_s: float) -> Outcome:
    """Look until dispatch has answered for each correction, or the time is over."""
    asked = {one.id: one for one in subject.corrections if binding(one) in decision.bindings}
    deadline = time.monotonic() + wait_s
    while True:
        known = store.corrections()
        now = [known[name] for name in asked if name in known and known[name] != asked[name]]
        gone = subject.hold is not None and subject.hold.kind == WRITE_BRAKE and subject.id not in store.holds()
        if (len(now) >= len(asked) and (asked or gone)) or time.monotonic() > deadline:
            good = {APPROVE: _approved, REJECT: _rejected, PROPOSE: _proposed}[decision.verb]
            done = [one for one in now if good(one, decision)]
            void = [one for one in now if not good(one, decision)]
            return Outcome(done, void, not gone and (len(now) < len(asked) or not asked))
        time.sleep(_LOOK_SECONDS)


def _approved(one: Correction, decision: Decision) -> bool:
    return one.approved_by == decision.by


def _rejected(one: Correction, decision: Decision) -> bool:
    return one.state is State.REJECTED and one.code == "REJECTED"


def _proposed(one: Correction, decision: Decision) -> bool:
    return one.state is State.PROPOSED and one.proposed_by == decision.by


def turn(store: CorrectionStore, verb: str, by: str, reason: str, now_ms: int, wait_s: float) -> bool:
    """Throw the switch (stop) or put it back (resume); whether dispatch has obeyed within the time."""
    store.decide(Decision(uuid.uuid4().hex, SWITCH, verb, by, now_ms, frozenset(), reason))
    deadline = time.monotonic() + wait_s
    while (SWITCH in store.holds()) != (verb == STOP):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True

"""What a correction is, the states it can be in and everything that can happen to it; `lifecycle.py` has the rules.

Event
    Wanted, Withdrawn, Seen                          the view's intent (canonical flow)
    Proposed, Approved, Rejected, Void               people (`desk.py`)
    Send, Restarted, Held, Expired, Overdue          dispatch itself
    Acknowledged, AlreadyEqual, InDoubt, NotApplied, Refused     outcomes of a write
    Shown, NotShown, ReadFailed                      outcomes of a read-back
    Tidied                                           a look after the end has found what a late request left
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a correction stands; the words of the design."""

    PLANNED = "PLANNED"
    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SENDING = "SENDING"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"
    VERIFIED = "VERIFIED"
    SUPERSEDED = "SUPERSEDED"


#: States that end a correction: nothing is ever sent for it again, unless the view wants a superseded one anew.
TERMINAL = frozenset({State.VERIFIED, State.SUPERSEDED, State.REJECTED})


@dataclass(frozen=True, slots=True)
class Intent:
    """What the view wants of a target; one record of the topic `intents`. `desired` is exact text by field."""

    id: str
    state: str
    rule: str
    target: str
    object: str
    object_id: str
    account_id: str
    desired: Mapping[str, str]
    current: Mapping[str, str] | None
    target_ref: str | None
    positions: Mapping[str, int]
    since_ms: int
    risk_minor: int | None
    risk_currency: str | None
    mode: str
    team: str
    rule_version: int = 0
    segment: Mapping[str, str | None] | None = None
    invoice: str | None = None
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """An intent and how far its write has come.

    `doubted`: an earlier attempt may have reached the target. `retry_at_ms`: not before then. `proof`: what verified it,
    'read-back' or 'capture'. `code` and `reason` say why it stands where it stands; `details` is what the target said.
    A proposal was made at `proposed_ms` by `proposed_by`, waits until `expires_ms`, and may belong to a `group`.
    `amendment`: what is sent besides the desired fields, such as another booking day. `doubt_until_ms`: by then a person
    hears of a write that is not settled. `late_looks`: how often it is still looked after when it is over (`late.py`).
    """

    intent: Intent
    state: State = State.PLANNED
    tier: str = ""
    attempt: int = 0
    doubted: bool = False
    read_backs: int = 0
    first_sent_ms: int | None = None
    retry_at_ms: int = 0
    code: str | None = None
    reason: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    proof: str | None = None
    approved_by: str | None = None
    updated_ms: int = 0
    proposed_ms: int | None = None
    proposed_by: str | None = None
    expires_ms: int | None = None
    group: str | None = None
    amendment: Mapping[str, str] = field(default_factory=dict)
    doubt_until_ms: int | None = None
    late_looks: int = 0

    @property
    def id(self) -> str:
        """The deterministic id."""
        return self.intent.id

    @property
    def wanted(self) -> bool:
        """Whether the view still wants it."""
        return self.intent.state == "wanted"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a correction."""


@dataclass(frozen=True, slots=True)
class Wanted(Event):
    """The view wants it (again, or with another mode)."""

    intent: Intent


class Withdrawn(Event):
    """The view no longer wants it."""


class Seen(Event):
    """Capture shows the desired value in the target's own row."""


@dataclass(frozen=True, slots=True)
class Proposed(Event):
    """It waits for a person until `expires_ms`. `by`: who asks for it, and so may not approve it."""

    expires_ms: int
    by: str = ""
    group: str | None = None
    code: str | None = None
    reason: str | None = None
    amendment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approved(Event):
    """A person approved it."""

    by: str


@dataclass(frozen=True, slots=True)
class Rejected(Event):
    """A person rejected it."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Void(Event):
    """A person's decision does not hold: the proposal stays, and says why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Send(Event):
    """It is about to be sent to a target of this tier."""

    tier: str


class Restarted(Event):
    """The process that was sending is gone; nobody heard the answer."""


class Acknowledged(Event):
    """The target said yes."""


class AlreadyEqual(Event):
    """The target was read before writing and shows the desired value: nothing was written."""


@dataclass(frozen=True, slots=True)
class InDoubt(Event):
    """The request may or may not have been carried out."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotApplied(Event):
    """The target certainly wrote nothing and may be asked again, after `retry_after_ms` if it named a time."""

    code: str
    reason: str
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """The target, or its adapter, will not do it; a person must look."""

    code: str
    reason: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held(Event):
    """The policy does not let it begin: the cap of this run, the write-rate brake."""

    code: str
    reason: str


class Expired(Event):
    """Nobody decided in time."""


class Overdue(Event):
    """It is still not known what became of the write."""


class Shown(Event):
    """A read-back shows the desired value."""


@dataclass(frozen=True, slots=True)
class NotShown(Event):
    """A read-back shows something else. `may_repeat`: the same write may be sent again without a double effect."""

    may_repeat: bool


@dataclass(frozen=True, slots=True)
class Tidied(Event):
    """The object was looked after. `removed`: what late requests had doubled and is gone, as text by field."""

    removed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadFailed(Event):
    """The read-back itself did not work."""

    reason: str
    retry_after_ms: int | None = None

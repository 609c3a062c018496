"""What a target is: what it can write, what it promises, and the errors that tell what may be done next.

TargetError
    TransientError          certainly nothing was written; the same request may be sent again
        Throttled           the target asks to wait (429, 503 with Retry-After)
        Unreachable         no connection was made
        CircuitOpen         we do not ask for a while, because it has failed too often
        NotYet              a business precondition that is expected to come (the customer is not there yet)
        LoginRefused        our name or password is not taken (some targets say so when they are overloaded)
    InDoubt                 it may or may not have been written; look before anything else is sent
    TerminalError           the same request will never succeed
        Conflict            the version token is not the row's: read again and decide again
        BusinessRefusal     the target understood and refuses (closed period)
            PlanStopped     a later step of a plan was refused; its policy decided what became of the earlier ones
        Misconfigured       we cannot talk to it as described (404 of the path, an unreadable answer)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.targets.trace import Trace
from state.correcting.lane import Promise


class TargetError(Exception):
    """Anything but success. `code` is the word that metrics, records and people see."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class TransientError(TargetError):
    """Nothing was written. `retry_after_s` is the pause that the target (or the breaker) named, if any."""

    def __init__(self, code: str, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(code, reason)
        self.retry_after_s = retry_after_s


class Throttled(TransientError):
    """The target asks to wait."""


class Unreachable(TransientError):
    """No connection was made, so no byte of the request left."""


class CircuitOpen(TransientError):
    """The breaker of this target is open."""


class NotYet(TransientError):
    """The target refuses for now, for a reason that is expected to pass."""


#: A refused login is tried again after this pause: the corrections wait, they do not fail.
LOGIN_PAUSE_S = 5.0


class LoginRefused(TransientError):
    """We were not let in. Nothing was written, and no correction is given up over a password."""

    def __init__(self, target: str, reason: str) -> None:
        text = f"{reason}. Next step: check the name and password of {target}, or whether it is overloaded"
        super().__init__("LOGIN_REFUSED", text, LOGIN_PAUSE_S)


class InDoubt(TargetError):
    """The request left and no answer can be trusted."""


class TerminalError(TargetError):
    """Never send the same again."""


class Conflict(TerminalError):
    """Somebody else changed the row, or made it."""


class BusinessRefusal(TerminalError):
    """The target's own rules say no. `details` is what it told, as text by field."""

    def __init__(self, code: str, reason: str, details: Mapping[str, str]) -> None:
        super().__init__(code, reason)
        self.details = dict(details)


class PlanStopped(BusinessRefusal):
    """The one refusal after which something is written: `details` names what was done, what was refused, what is left."""


class Misconfigured(TerminalError):
    """The description of the target, its address or our credentials are wrong."""


@dataclass(frozen=True)
class Snapshot:
    """One row of a target as it was read: its fields as exact text, and its version token (0 is a token like any other).

    `unfinished`: the key of the write that began to make it so and has more steps to go (plans only).
    """

    fields: Mapping[str, str]
    token: str | None
    unfinished: str | None = None


@dataclass(frozen=True)
class Declared:
    """What an adapter declares about one object of its target; docs/targets.md shows it to people.

    `tier_create` and `tier_update`: A (a conditional write or a key store, and read-back), B (read-back: duplicates are
    found and removed, by `tidy`), C (neither). `conditioned_by`: what conditions an update; `key_window_hours`: how long the target remembers
    a key (None: it has no key store); `search`: what is looked for before anything is created; `trace`: where the
    correction, its frontier and its approver can be read at the target; `refusals`: the target's business errors that we know by name.
    """

    fields: frozenset[str]
    tier_create: str
    tier_update: str
    conditioned_by: str | None = None
    key_window_hours: float | None = None
    search: str | None = None
    trace: str | None = None
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Write:
    """One conditional write. `token` None: create only if it is missing. `key`: the same for every attempt.

    `trace` is left at the target where it has a place for it; it is never compared with anything.
    """

    object: str
    place: Mapping[str, str]
    desired: Mapping[str, str]
    token: str | None
    key: str
    trace: Trace


class Target(Protocol):
    """The way to one target system. Thread-safe: several senders share it.

    Callers may assume: `read` has no effect; a TransientError or TerminalError of `write` means that nothing was
    written, except PlanStopped, which says what was; anything else is InDoubt. A write that was interrupted may be sent
    again: the adapter finds out how far it came.
    """

    @property
    def name(self) -> str:
        """The target's name in intents."""
        ...

    @property
    def promise(self) -> Promise:
        """What planning needs."""
        ...

    @property
    def declares(self) -> Mapping[str, Declared]:
        """What is promised, by object."""
        ...

    def read(self, object_name: str, place: Mapping[str, str]) -> Snapshot | None:
        """The row that `place` (ids and desired fields) names, or None where there is none. Raises TargetError."""
        ...

    def write(self, write: Write) -> None:
        """Write only the desired fields. Raises TargetError."""
        ...

    def tidy(self, object_name: str, place: Mapping[str, str], key: str) -> Mapping[str, str]:
        """Remove what late repeats of the write with this key have left beside the object; says what that was.

        Only what is certainly ours and has no effect of its own is removed. Raises TargetError; BusinessRefusal where the
        object is there twice and a person has to decide.
        """
        ...

    def shows(self, object_name: str, snapshot: Snapshot, desired: Mapping[str, str]) -> bool:
        """Whether the row shows every desired field, compared by the field's type (5 = 5.00)."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...

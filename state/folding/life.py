"""The states that objects go through: which may follow which, and what of a row makes one step of its history.

The table below is what billing, ERP and support systems allow; `transitions` of the ownership rules replaces what may follow
a state. A state that the table does not name (an unmapped label) is judged by nobody: it is told as UNMAPPED_STATUS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from state.model import TableSpec
from state.roles import POSITION, ROLES, TIME_MS, Fact
from state.values import NOT_SET, OPEN_ENDED, OPEN_STARTED, instant_from_us

#: "system.object" -> state -> the states that may follow it
Transitions = Mapping[str, Mapping[str, frozenset[str]]]


def _table(**after: str) -> dict[str, frozenset[str]]:
    return {state: frozenset(following.split()) for state, following in after.items()}


TRANSITIONS: Transitions = {
    "billing.subscription": _table(
        pending="trial active cancelled expired",
        trial="active past_due paused cancelled expired",
        active="past_due paused cancelled expired",
        past_due="active paused cancelled expired",
        paused="active past_due cancelled expired",
        cancelled="active trial past_due expired",  # taken up again before or after its end, as most systems allow
        expired="",
    ),
    "billing.invoice": _table(draft="open paid void", open="paid void", paid="open void", void=""),
    "billing.payment": _table(
        pending="succeeded failed cancelled",
        succeeded="returned disputed failed",
        failed="pending succeeded cancelled",  # tried again
        disputed="succeeded returned",  # won, lost
        returned="",
        cancelled="",
    ),
    "erp.invoice": _table(
        draft="validated posted paid cancelled",
        validated="draft posted paid cancelled",
        posted="paid cancelled",
        paid="posted cancelled",
        cancelled="",
    ),
    "erp.credit": _table(
        draft="validated posted paid cancelled",
        validated="draft posted paid cancelled",
        posted="paid cancelled",
        paid="posted cancelled",
        cancelled="",
    ),
    "support.case": _table(
        open="pending resolved deleted", pending="open resolved deleted", resolved="open pending deleted", deleted=""
    ),
}
#: the field with the state, that with the amount, and those that may say since when, the first that is known counts
_FIELDS: dict[str, tuple[str, str | None]] = {
    "billing.subscription": ("status", "mrr"),
    "billing.invoice": ("status", "total"),
    "billing.payment": ("status", "amount"),
    "erp.invoice": ("state", "total"),
    "erp.credit": ("state", "amount"),
    "support.case": ("status", None),
}
_NO_INSTANT = (None, NOT_SET, OPEN_ENDED, OPEN_STARTED)


class Step(NamedTuple):
    """A state that a row was in at the end of a transaction. `at`: since when, ISO 8601 in UTC.

    `amount` is in the units of the fact. `dated`: the source itself says since when; else `at` is the commit's time.
    """

    state: str | None
    amount: int | None
    at: str
    position: int
    dated: bool


#: the state of a payment that was paid
PAID: Final = "succeeded"


class Leg(NamedTuple):
    """A movement of a payment as a source keeps it; `amount` and `paid` are in the units of the fact."""

    kind: str
    status: str
    amount: int | None
    paid: int
    at: str


class Stamp(NamedTuple):
    """When a state was taken: position and time, ms. `whole`: by a transaction of its own, else it took effect by itself."""

    position: int
    time_ms: int
    whole: bool = True


def stamp_of(fact: Fact) -> Stamp:
    """The transaction that wrote a row as it is."""
    return Stamp(fact[POSITION], fact[TIME_MS])


class Life(NamedTuple):
    """Of one table: places of its facts, and the legal transitions. `kept`: the history of each row is remembered."""

    name: str
    state: int
    amount: int | None
    since: int | None
    received: int | None
    kept: bool
    legal: Mapping[str, frozenset[str]]

    def step(self, fact: Fact, before: Sequence[Step] = (), stamp: Stamp | None = None) -> Step:
        """The state that a fact is in, after these. A date that an earlier step has already is not that of this one."""
        position, time_ms, _ = stamp or stamp_of(fact)
        at = fact[self.since] if self.since is not None else None
        if at in _NO_INSTANT and self.received is not None and fact[self.state] == "succeeded":
            at = fact[self.received]
        dated = at not in _NO_INSTANT and not any(at == step.at for step in before)
        if not dated:
            at = instant_from_us(time_ms * 1000)
        amount = fact[self.amount] if self.amount is not None else None
        assert isinstance(at, str)
        return Step(fact[self.state], amount, at, position, dated)

    def follows(self, before: str | None, after: str | None) -> bool:
        """Whether the one may follow the other; None and what the table does not name may."""
        following = self.legal.get(before or "")
        return following is None or before == after or after not in self.legal or after in following


def life_of(spec: TableSpec, transitions: Transitions) -> Life | None:
    """What the rows of a table go through, None for those without a state."""
    if spec.object is None:
        return None
    role = spec.object.role
    name = f"{role.system}.{role.object}"
    if name not in _FIELDS:
        return None
    state, amount = _FIELDS[name]
    names = {field.name for field in ROLES[role.system, role.object].fields}
    places = [role.index(one) if one in names else None for one in ("effective_at", "received_at")]
    return Life(
        name,
        role.index(state),
        role.index(amount) if amount else None,
        places[0],
        places[1],
        spec.object.history or spec.derived,
        {**TRANSITIONS, **transitions}[name],
    )

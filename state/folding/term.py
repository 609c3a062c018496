"""The dates of a subscription that milestones hang on, as its row says them now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from state.roles import FIRST, POSITION, ROLES, TIME_MS, Fact, Ref
from state.values import NOT_SET, OPEN_ENDED, OPEN_STARTED

if TYPE_CHECKING:
    from state.folding.account import Account
    from state.model import TableSpec

RENEWAL: Final = "renewal"
PAID_UNTIL: Final = "paid_until"
_ROLE = ROLES["billing", "subscription"]
_STATUS, _PAID, _ENDS, _RENEWS = (_ROLE.index(name) for name in ("status", "paid_until", "ends_on", "renews_on"))
#: no day that will come
_NONE = (None, NOT_SET, OPEN_ENDED, OPEN_STARTED)


class Term:
    """One date: `value` is a day or an instant, `known_ms` the commit time of the change that brought it.

    `done`: names of its milestones that were told or lay behind when it became known; None until that is looked at.
    `instants`: when each is in `zone`, kept while that stays.
    """

    __slots__ = ("done", "instants", "kind", "known_ms", "value", "zone")

    def __init__(self, kind: str, value: str, known_ms: int) -> None:
        """A date that has just become known."""
        self.kind = kind
        self.value = value
        self.known_ms = known_ms
        self.done: set[str] | None = None
        self.zone: str | None = None
        self.instants: dict[str, int] | None = None


def dates(fact: Fact) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    """(kind, date) of a subscription: one that is over renews no more, one that has expired is paid for no more."""
    status = fact[_STATUS]
    renewal = fact[_RENEWS] if fact[_RENEWS] not in _NONE else fact[_ENDS]
    if renewal in _NONE or status in ("cancelled", "expired"):
        renewal = None
    until = fact[_PAID] if fact[_PAID] not in _NONE and status != "expired" else None
    return (RENEWAL, renewal), (PAID_UNTIL, until)


def may_have_dates(table: TableSpec) -> bool:
    """Whether the table's rows are subscriptions with a mapped date; those that a function makes may have one."""
    spec = table.object
    if spec is None or spec.role is not _ROLE:
        return False
    return table.derived or any(spec.fields[place - FIRST] is not None for place in (_PAID, _ENDS, _RENEWS))


def has_dates(fact: Fact) -> bool:
    """Whether there is anything to look at; the usual answer is quick."""
    return fact[_PAID] is not None or fact[_ENDS] is not None or fact[_RENEWS] is not None


def follow(account: Account, ref: Ref, fact: Fact) -> None:
    """The row of a subscription as it is now. A date that its transaction gives back was never away."""
    for kind, value in dates(fact):
        term = account.terms.get(place := (ref, kind))
        if value == (None if term is None else term.value):
            continue
        if place not in account.passed or account.passed[place][0] != fact[POSITION]:
            account.own("passed")[place] = fact[POSITION], term
        before = account.passed[place][1]
        if value is None:
            account.drop("terms", place)
        elif before is not None and before.value == value:
            account.own("terms")[place] = before
        else:
            account.own("terms")[place] = Term(kind, value, fact[TIME_MS])
        account.fresh = True

"""The spell in which one subscription entitles, as its row says it: from when on, up to when, and what its date is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from state.role import TIME_MS, Fact, Ref
from state.roles import ROLES
from state.row import of_values
from state.sparse import NOTHING, Sparse
from state.values import NOT_SET, OPEN_ENDED, OPEN_STARTED, instant_from_us, instant_ms

_ROLE = ROLES["billing", "subscription"]
_STATUS, _TIER, _STARTED, _UNTIL, _FROM, _TO, _EFFECTIVE = (
    _ROLE.index(name)
    for name in ("status", "tier", "started_on", "entitled_until", "valid_from", "valid_until", "effective_at")
)
_LIVE = frozenset(("trial", "active", "past_due"))
_OVER = frozenset(("cancelled", "expired", "paused"))
_NONE = (None, NOT_SET, OPEN_ENDED)
#: which dates say since when a state holds, the first that is known counts
_OF_LIVE, _OF_OVER = (_FROM, _EFFECTIVE, _STARTED), (_EFFECTIVE,)
BY_COMMIT: Final = "was brought by the commit of then"
_WORDS = {
    _FROM: "is valid from then on",
    _EFFECTIVE: "took effect then",
    _STARTED: "started on that day",
}


class Spell(NamedTuple):
    """`live`: whether its state entitles. `start`: of one that does no more. `until`: a date at which it ends by itself."""

    live: bool
    tier: str | None
    start: str
    until: str | None


class Began(NamedTuple):
    """Since when a subscription is in its state: `state` is (live, tier), `date` the source's own that it hangs on.

    `bounded`: it holds only once the clock is there.
    """

    live: bool
    tier: str | None
    at: str
    words: str
    date: str | None
    bounded: bool

    @property
    def state(self) -> tuple[bool, str | None]:
        """What it is the beginning of."""
        return self.live, self.tier


def ms_of(at: str) -> int:
    """An instant, or the first moment of a day, in ms since 1970; of one that is open-started the first there is."""
    found = instant_ms(at if "T" in at or at == OPEN_STARTED else f"{at}T00:00:00Z")
    assert found is not None
    return found


def spell_of(fact: Fact) -> Spell | None:
    """The spell of a subscription; None for one that never entitled, as far as its row says."""
    status, tier = fact[_STATUS], fact[_TIER]
    start = fact[_FROM]
    if start in _NONE and (start := fact[_STARTED]) in _NONE:
        start = OPEN_STARTED
    if status in _LIVE:
        return Spell(True, tier, start, None if fact[_TO] in _NONE else fact[_TO])
    if status not in _OVER:
        return None
    until = fact[_UNTIL] if status == "cancelled" and fact[_UNTIL] not in (None, NOT_SET) else None
    return Spell(False, tier, start, until)


def goes_on(fact: Fact, tier: str) -> bool:
    """Whether a subscription entitles to this tier, with no end in sight: what `spell_of` says of almost all."""
    return fact[_STATUS] in _LIVE and fact[_TIER] == tier and fact[_TO] in _NONE


def _state(fact: Fact) -> tuple[bool, str | None]:
    return fact[_STATUS] in _LIVE, fact[_TIER]


def _date(fact: Fact) -> tuple[int, str | None]:
    """(place, date) of the source's own date that says since when the state holds; None without one."""
    places = _OF_LIVE if fact[_STATUS] in _LIVE else _OF_OVER
    for place in places:
        if fact[place] not in _NONE:
            return place, fact[place]
    return places[-1], None


def began_of(fact: Fact) -> Began:
    """Since when the state holds, by the row alone: a date that lies ahead of the commit that brought it says nothing."""
    place, date = _date(fact)
    live, tier = fact[_STATUS] in _LIVE, fact[_TIER]
    if date is not None and (place == _FROM or ms_of(date) <= fact[TIME_MS]):
        return of_values(Began, (live, tier, date, _WORDS[place], date, place == _FROM))
    return _committed(fact, date)


def committed(fact: Fact) -> Began:
    """The same where the commit says it."""
    return _committed(fact, _date(fact)[1])


def _committed(fact: Fact, date: str | None) -> Began:
    at = instant_from_us(fact[TIME_MS] * 1000)
    assert at is not None
    return of_values(Began, (fact[_STATUS] in _LIVE, fact[_TIER], at, BY_COMMIT, date, False))


class Held(NamedTuple):
    """Since when (`at`: an instant or a day) an account has a tier, in which words, and by which row."""

    tier: str
    at: str | None
    why: str
    ref: Ref | None = None
    began: Began | None = None


class Tenure(Sparse):
    """What is remembered of an account's tier; `held` and `noted` belong to `state/folding/tenure.py`."""

    __slots__ = ("begun", "changed", "gone_ms", "held", "left", "noted", "rows")

    def __init__(self) -> None:
        """Nothing yet."""
        #: subscriptions of the account, and whether one changed since the last look
        self.rows: list[Ref] = []
        self.changed = True
        #: commit time of the newest change by which one is gone
        self.gone_ms = 0
        #: the one that was taken back last
        self.left: Ref | None = None
        #: since when, where the row does not say it (any more)
        self.begun: Mapping[Ref, Began] = NOTHING
        self.held: Held | None = None
        self.noted: dict[str, Any] | None = None

    def began(self, ref: Ref, fact: Fact) -> Began:
        """Since when a subscription is in its state. What is remembered counts until its date is another one."""
        kept = self.begun.get(ref) if self.begun else None
        if kept is not None and (kept.state, kept.date) == (_state(fact), _date(fact)[1]):
            return kept
        return began_of(fact)

    def enter(self, ref: Ref, sign: int) -> None:
        """A row of a subscription is there (1), or is taken back (-1)."""
        self.changed = True
        if sign > 0:
            self.rows.append(ref)
            self.left = None
        else:
            self.rows.remove(ref)
            self.left = ref

    def went(self, ref: Ref, time_ms: int) -> None:
        """A row is gone for good, of a subscription or of anything else."""
        if self.left == ref:
            self.gone_ms = time_ms

    def turned(self, ref: Ref, old: Fact, new: Fact) -> None:
        """A subscription's row says something else than before."""
        before = self.began(ref, old)
        place, date = _date(new)
        if before.state == _state(new):
            if date == _date(old)[1]:
                kept = before if before.words == BY_COMMIT or ref in self.begun else None
            else:  # with another status the date is that of the status; else it is corrected
                kept = before._replace(date=date) if old[_STATUS] != new[_STATUS] else None
        else:
            kept = committed(new) if date is not None and old[place] == date else None
        if kept is not None and kept != began_of(new):
            self.own("begun")[ref] = kept
        else:
            self.drop("begun", ref)

    def came(self, ref: Ref, fact: Fact) -> None:
        """A subscription came from another account: only a date of its entitlement counts here, not that of its start.

        `fact` has the time of the move.
        """
        if _date(fact)[0] == _STARTED:
            self.own("begun")[ref] = committed(fact)

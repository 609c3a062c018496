"""Since when an account has the tier that it has, and what says so.

Each subscription entitles in a spell: from its own dates where the source has them (`valid_from`, else `effective_at`, else
`started_on`), else from the commit that brought it. The tier holds since the last moment at which the best of all spells
became what it is. A date that was there before a change is not that of the change: an upgrade of a subscription that runs
since January begins with its commit. What the rows do not say any more (that commit, once the row is written again; that the
tier was held before by a subscription that now has another one) is remembered, and kept in a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from state.folding.account import Account
from state.folding.entitlement import Entitled
from state.folding.notes import TENURE, Note
from state.model import TableSpec
from state.output import Output
from state.roles import ID, ROLES, Ref
from state.row import of_values
from state.sparse import NOTHING
from state.spells import Began, Held, Spell, began_of, goes_on, ms_of, spell_of
from state.values import OPEN_ENDED, instant_from_us

_CREATED: Final = ROLES["billing", "account"].index("created_at")
_STANDS = "the account was created then"
_NOTHING_KNOWN = "no subscription says since when"
_BEGAN, _UNTIL = "began then", "entitled until then"
#: (when in ms, rank of the tier, 1 for a start and -1 for an end, what it is)
Move = tuple[int, int, int, Held]


class Tenures:
    """Looks it up for accounts, and remembers what rows do not say."""

    def __init__(self, tables: tuple[TableSpec, ...], tiers: tuple[str, ...]) -> None:
        """`tables` of the model, `tiers` from worst to best."""
        self._tables = tables
        self._tiers = tiers
        self._index = {table.topic: table.index for table in tables}
        self._loaded: dict[str, dict[str, Any]] = {}

    def load(self, account: str, body: dict[str, Any]) -> None:
        """Restore a note."""
        self._loaded[account] = body

    def adopt(self, account: Account, now: Entitled, clock_ms: int) -> Entitled:
        """The account has just been decoded: what it was entitled to since when in the last cut."""
        tenure = account.tenure
        body = tenure.noted = self._loaded.pop(account.id, None)
        if body is not None:
            spells = ((self._ref(topic, key), Began(*began)) for topic, key, began in body["begun"])
            tenure.begun = {
                ref: _in_words_of(account, ref, began) for ref, began in spells if ref is not None
            } or NOTHING
            tenure.gone_ms = body["gone_ms"]
            tier, at, why, topic, key, began = body["held"]
            if tier is not None:
                tenure.held = Held(tier, at, why, self._ref(topic, key), Began(*began) if began else None)
        return self.look(account, now, clock_ms, None)

    def _ref(self, topic: str | None, key: str) -> Ref | None:
        index = self._index.get(topic or "")
        return None if index is None else (index, key)

    def look(self, account: Account, now: Entitled, clock_ms: int, out: Output | None) -> Entitled:
        """The same with since when. Cheap while no subscription changed; `out` gets the note that a restart needs."""
        tenure = account.tenure
        same = now is account.shown and not tenure.changed
        if same and (tenure.rows or ("account", account.id) not in account.dirty):
            return now
        tenure.changed = False
        fresh = self._fresh(account, now.tier, clock_ms) if now.tier is not None else None
        if fresh is not None:
            tenure.held = self._continued(account, tenure.held, fresh)
        if out is not None:
            self._note(account, fresh, out)
        held = tenure.held if now.tier is not None else None
        since = (held.at, held.why) if held else (None, "the tier is not known")
        found = of_values(Entitled, now[:6] + since)
        return account.shown if found == account.shown and account.shown is not None else found

    def _continued(self, account: Account, held: Held | None, fresh: Held) -> Held:
        """The tier goes on since when it was held, unless its own date was corrected, or it turns out to be held longer."""
        if held is None or held.at is None:
            return fresh
        if held.tier != fresh.tier:
            return self._after(account, held, fresh)
        if held.ref is not None and held.began is not None and (fact := account.rows.get(held.ref)) is not None:
            spell = spell_of(fact)
            ends = _ends(spell, account.tenure.began(held.ref, fact)) if spell is not None else ()
            same = [
                began
                for began, _, _ in ends
                if began.state == held.began.state and (began.words == _UNTIL) == (held.began.words == _UNTIL)
            ]
            if same and held.began not in same:
                return fresh
        if held.ref is None:  # a row that gave more is gone since then: those that were there before it do not say it
            return held
        longer = _is_start(fresh) and fresh.at is not None and ms_of(fresh.at) < ms_of(held.at)
        return fresh if longer else held

    def _after(self, account: Account, held: Held, fresh: Held) -> Held:
        """Another tier than before. A lower one, where the row that gave the one before is gone, begins when that went."""
        gone_ms = account.tenure.gone_ms
        lower = held.tier in self._tiers[self._tiers.index(fresh.tier) :]
        gone = lower and held.ref is not None and held.ref not in account.rows
        if not gone or (fresh.at is not None and ms_of(fresh.at) >= gone_ms):
            return fresh
        return Held(fresh.tier, instant_from_us(gone_ms * 1000), "a subscription is gone by the commit of then")

    def _fresh(self, account: Account, tier: str, clock_ms: int) -> Held:
        """What the rows alone say."""
        if len(account.tenure.rows) == 1 and (only := self._only(account, tier)) is not None:
            return only
        best, held, counts = None, Held(tier, None, _NOTHING_KNOWN), [0] * len(self._tiers)
        for moves in _by_time(self._moves(account, clock_ms)):
            for _, rank, added, _ in moves:
                counts[rank] += added
            now = max((rank for rank, count in enumerate(counts) if count > 0), default=0)
            if now != best:
                up = [move for move in moves if move[1] == now and move[2] > 0]
                cause = (up or [move for move in moves if move[2] < 0] or moves)[0][3]
                best, held = now, cause._replace(tier=self._tiers[now])
        if best is None or held.at is None or held.tier != tier:
            item = account.items.get(("account", account.id))
            created = account.rows[item.billing][_CREATED] if item is not None and item.billing is not None else None
            return Held(tier, created, _STANDS) if best is None and created else Held(tier, None, _NOTHING_KNOWN)
        return held

    def _only(self, account: Account, tier: str) -> Held | None:
        """The same for the usual account, with one subscription that entitles with no end: its beginning is all there is."""
        (ref,) = account.tenure.rows
        fact = account.rows[ref]
        if not goes_on(fact, tier):
            return None
        began = account.tenure.began(ref, fact)
        return None if began.bounded else of_values(Held, (tier, began.at, f"{fact[ID]} {began.words}", ref, began))

    def _moves(self, account: Account, clock_ms: int) -> list[Move]:
        """Every start and end of a spell, up to now."""
        found: list[Move] = []
        for ref in sorted(account.tenure.rows):
            fact = account.rows[ref]
            spell = spell_of(fact)
            if spell is None or spell.tier not in self._tiers:
                continue
            rank = self._tiers.index(spell.tier)
            for began, added, bounded in _ends(spell, account.tenure.began(ref, fact)):
                at_ms = ms_of(began.at)
                if not bounded or at_ms <= clock_ms:
                    found.append((at_ms, rank, added, Held("", began.at, f"{fact[ID]} {began.words}", ref, began)))
        return sorted(found, key=lambda move: move[:1])

    def _note(self, account: Account, fresh: Held | None, out: Output) -> None:
        tenure = account.tenure
        if not tenure.begun and (tenure.held is None or tenure.held == fresh) and tenure.noted is None:
            return  # the usual case: the rows say it
        for ref in [ref for ref in tenure.begun if ref not in account.rows]:
            tenure.drop("begun", ref)
        body: dict[str, Any] | None = None
        if account.rows and (tenure.begun or (tenure.held is not None and tenure.held != fresh)):
            begun = sorted([*self._place(ref), list(began)] for ref, began in tenure.begun.items())
            held = tenure.held or Held("", None, "")
            began = None if held.began is None else list(held.began)
            body = {"held": [held.tier or None, held.at, held.why, *self._place(held.ref), began], "begun": begun}
            body["gone_ms"] = tenure.gone_ms if held.ref is not None and held.ref not in account.rows else 0
        if body != tenure.noted:
            tenure.noted = body
            out.notes.append(Note(account.id, TENURE, account.id, body))

    def _place(self, ref: Ref | None) -> tuple[str | None, str]:
        return (None, "") if ref is None else (self._tables[ref[0]].topic, ref[1])


def _in_words_of(account: Account, ref: Ref, began: Began) -> Began:
    """What is remembered of a row as it is now; where another mapping has other words for it than that of the note, in these."""
    fact = account.rows.get(ref)
    own = began if fact is None else began_of(fact)
    return began if began.state == own.state else began._replace(live=own.live, tier=own.tier)


def _ends(spell: Spell, began: Began) -> Iterator[tuple[Began, int, bool]]:
    """(what it is, 1 or -1, whether it holds only once the clock is there) of a spell's start and end."""
    if spell.live:
        yield began, 1, began.bounded
    else:
        yield began._replace(at=spell.start, words=_BEGAN, date=spell.start), 1, False
    if spell.until is not None and spell.until != OPEN_ENDED:
        yield began._replace(at=spell.until, words=_UNTIL, date=spell.until), -1, True
    elif not spell.live and spell.until is None:
        yield began, -1, False


def _is_start(held: Held) -> bool:
    """Whether a spell that gives the tier began then; else one that gave more ended, or nothing is known but the account."""
    began = held.began
    return began is not None and began.words != _UNTIL and (began.live or began.words == _BEGAN)


def _by_time(moves: list[Move]) -> Iterator[list[Move]]:
    """Moves of one moment together."""
    at = 0
    while at < len(moves):
        end = at
        while end < len(moves) and moves[end][0] == moves[at][0]:
            end += 1
        yield moves[at:end]
        at = end

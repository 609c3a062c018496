"""What an account is entitled to at one moment of the sources' clock: the tier of its best live subscription."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from state.folding.account import Account
from state.roles import ROLES, UNMAPPED
from state.row import of_values

_STANDING = ROLES["billing", "account"].index("standing")


class Entitled(NamedTuple):
    """`tier` is None while billing does not know the account or an unmapped label makes it unknowable.

    `until_ms`: when the tier may change without any event (a paid period ends, a subscription begins).
    """

    tier: str | None
    standing: str | None
    live: int
    until_ms: int | None
    reason: str
    #: what an account without a live subscription gets
    floor: str
    #: since when it has the tier, an instant or a day, and what says so (`state/folding/tenure.py`)
    since: str | None = None
    since_reason: str = ""


def entitled(account: Account, tiers: tuple[str, ...], clock_ms: int) -> Entitled:
    """Evaluate. `tiers` from worst to best; the first one is given when nothing is live."""
    item = account.items.get(("account", account.id))
    if item is None or item.billing is None:
        return Entitled(None, None, 0, None, "billing does not know the account", tiers[0])
    fact = account.rows[item.billing]
    standing: str | None = fact[_STANDING]
    shown, timed = account.shown, bool(account.ending or account.starting)
    if shown is not None and shown.tier is not None and not (timed or account.tenure.changed) and shown[1] == standing:
        return shown  # no subscription changed since
    counts = dict(account.tiers) if timed else account.tiers
    live = sum(counts.values())
    until: int | None = None
    for tier, end_ms in account.ending.values():
        if end_ms is None or end_ms > clock_ms:
            counts[tier] = counts.get(tier, 0) + 1
            live += 1
            if end_ms is not None and (until is None or end_ms < until):
                until = end_ms
    if account.starting:
        within, until = _within(account, clock_ms, until)
        for tier in within:
            counts[tier] = counts.get(tier, 0) + 1
        live += len(within)
    best, unknown = 0, account.counts.unmapped > 0
    for given, n in counts.items():
        if n > 0:
            if given not in tiers:
                unknown = True
            elif (rank := tiers.index(given)) > best:
                best = rank
    if unknown:
        return Entitled(None, standing, live, until, "a subscription has an unmapped status or plan", tiers[0])
    if shown and shown.live == live and shown.tier == tiers[best] and shown.standing == standing and shown[3] == until:
        return shown
    return of_values(Entitled, (tiers[best], standing, live, until, _reason(live), tiers[0], None, ""))


@lru_cache(maxsize=100)
def _reason(live: int) -> str:
    return f"best of {live} live subscriptions" if live else "no live subscription"


def _within(account: Account, clock_ms: int, until: int | None) -> tuple[list[str | None], int | None]:
    """Tiers of the subscriptions whose time has come and is not over, and the next moment at which that changes."""
    tiers: list[str | None] = []
    for tier, start_ms, end_ms in account.starting.values():
        if start_ms is None or start_ms > clock_ms:
            change_ms = start_ms
        elif end_ms is None or end_ms > clock_ms:
            tiers.append(tier)
            change_ms = end_ms
        else:
            continue
        if change_ms is not None and (until is None or change_ms < until):
            until = change_ms
    return tiers, until


def standing_unmapped(account: Account) -> bool:
    """Whether billing's label of the account's standing is unknown to the mapping."""
    item = account.items.get(("account", account.id))
    return item is not None and item.billing is not None and account.rows[item.billing][UNMAPPED] is not None

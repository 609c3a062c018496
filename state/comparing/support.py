"""What the support system must show of an account: its service level, and whether it is delinquent."""

from __future__ import annotations

from state.comparing.compared import Difference, Values
from state.folding.account import Account
from state.folding.entitlement import Entitled, standing_unmapped
from state.roles import FIRST, Ref
from state.viewing.flags import flags


def entitlement(account: Account, now: Entitled) -> Difference | None:
    """The service level is the tier of the best live subscription."""
    item = account.items.get(("entitlement", account.id))
    ref = item.support if item else None
    if now.tier is None or (item and flags(account, item)):
        return None
    if (account.rows[ref][FIRST] if ref else now.floor) == now.tier:
        return None
    currency = account.currency["billing"]
    total = account.totals.get(currency) if currency else None
    current = organization(account, ref, "entitlement") if ref else None
    risk = total.mrr if total else 0
    return Difference({"service_level": now.tier}, current, ref[1] if ref else None, risk, currency)


def standing(account: Account, now: Entitled) -> Difference | None:
    """Delinquent is who billing says is."""
    item = account.items.get(("entitlement", account.id))
    ref = item.support if item else None
    if now.standing is None or standing_unmapped(account) or (item and item.extra is not None):
        return None
    delinquent = now.standing == "delinquent"
    if (account.rows[ref][FIRST + 1] if ref else False) == delinquent:
        return None
    currency = account.currency["billing"]
    total = account.totals.get(currency) if currency else None
    current = organization(account, ref, "standing") if ref else None
    desired = {"delinquent": "true" if delinquent else "false"}
    return Difference(desired, current, ref[1] if ref else None, total.balance if total else 0, currency)


def organization(account: Account, ref: Ref, kind: str) -> Values:
    """What the organization's row shows of one of the two."""
    fact = account.rows[ref]
    if kind == "entitlement":
        return {"service_level": fact[FIRST] or ""}
    return {"delinquent": {True: "true", False: "false"}.get(fact[FIRST + 1], "")}

"""What objects show of their history: the states they were in, and the legs of a payment."""

from __future__ import annotations

from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.life import PAID, Leg, Step
from state.roles import ROLES, Fact, Ref
from state.viewing.facets import Record

_LEGS = ROLES["billing", "payment"].index("legs")
#: shared, as almost every record has it; nobody changes it
_NONE: list[Record] = []


def states(account: Account, ref: Ref | None, units: Units, currency: str | None) -> list[Record]:
    """The states that a row was in, oldest first; none where they are not kept."""
    if ref is None or units.kept[ref[0]] is None:
        return _NONE
    return [
        {
            "state": step.state,
            "amount_minor": units.amount(account, ref, step.amount, currency),
            "since": step.at,
            "position": step.position,
        }
        for step in _steps(account, ref, units)
    ]


def legs(account: Account, ref: Ref | None, fact: Fact | None, units: Units, currency: str | None) -> list[Record]:
    """The legs of a payment: as its source keeps them, or else what its states tell."""
    if ref is None or fact is None or (fact[_LEGS] is None and units.kept[ref[0]] is None):
        return _NONE
    return [
        {
            "kind": leg.kind,
            "status": leg.status,
            "amount_minor": units.amount(account, ref, leg.amount, currency),
            "paid_minor": units.amount(account, ref, leg.paid, currency) or 0,
            "effective_at": leg.at,
        }
        for leg in fact[_LEGS] or _of_steps(_steps(account, ref, units))
    ]


def _steps(account: Account, ref: Ref, units: Units) -> tuple[Step, ...]:
    life = units.kept[ref[0]]
    if life is None:
        return ()
    return account.stories.get(ref) or account.trails.get(ref) or (life.step(account.rows[ref]),)


def _of_steps(steps: tuple[Step, ...]) -> list[Leg]:
    out: list[Leg] = []
    before: str | None = None
    paid = 0
    for step in steps:
        kind, status = _kind(before, step.state)
        now = (step.amount or 0) if step.state == PAID else 0
        leg = Leg(kind, status, step.amount, now - paid, step.at)
        if out and out[-1].status == "pending" and kind == "capture":
            out.pop()  # its outcome
        out.append(leg)
        before, paid = step.state, now
    return out


def _kind(before: str | None, state: str | None) -> tuple[str, str]:
    """(kind, status) of the leg that brought a payment from one state to the next."""
    if state == PAID:
        return ("reversal" if before == "disputed" else "capture"), "done"
    if state == "disputed":
        return "dispute", "done"
    if state == "returned" or before == PAID:
        return "return", "done"
    if state == "cancelled":
        return "void", "done"
    return "capture", "pending" if state == "pending" else "failed"

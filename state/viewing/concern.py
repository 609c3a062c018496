"""What hangs on a failure in words of the business: besides its account and amount, which invoice and which case."""

from __future__ import annotations

from state.folding.account import Account
from state.folding.billing import OWED
from state.folding.tally import Item
from state.roles import ID, POSITION, ROLES, Ref

_STATUS = ROLES["billing", "invoice"].index("status")
_SEVERITY, _OPENED = (ROLES["support", "case"].index(name) for name in ("severity", "opened_at"))
#: a case without a severity is less severe than any
_LEAST = 1_000_000


def concern(account: Account, kind: str, object_id: str) -> dict[str, str | None]:
    """`invoice`: the object itself, else the one that billing wrote last of those that are owed or paid. `case`: the object
    itself, else the most severe open one, of several the oldest."""
    itself = object_id if (kind, object_id) in account.items else None
    return {
        "invoice": (itself if kind == "invoice" else None) or _invoice(account),
        "case": (itself if kind == "case" else None) or _case(account),
    }


def _invoice(account: Account) -> str | None:
    def order(item: Item) -> tuple[int, int, str]:
        fact = account.rows[item.billing] if item.billing is not None else None
        return (fact[POSITION] if fact else 0, len(item.id), item.id)

    owed = [
        item
        for (kind, _), item in account.items.items()
        if kind == "invoice" and item.billing is not None and account.rows[item.billing][_STATUS] in OWED
    ]
    return max(owed, key=order).id if owed else None


def most_severe(account: Account) -> Ref | None:
    """Of the open cases the most severe one, of several the oldest."""

    def order(ref: Ref) -> tuple[int, str, str]:
        fact = account.rows[ref]
        severity = fact[_SEVERITY]
        return (_LEAST if severity is None else severity, fact[_OPENED] or "", fact[ID])

    return min(account.clocks, key=order, default=None)


def _case(account: Account) -> str | None:
    ref = most_severe(account)
    name: str | None = None if ref is None else account.rows[ref][ID]
    return name

"""What records repeat of other rows: where a row lies, and the id of an object that a row refers to."""

from __future__ import annotations

from typing import Any

from state.folding.account import Account
from state.roles import ID, POSITION, Fact, Ref

Record = dict[str, Any]


def facet(ref: Ref | None, fact: Fact | None) -> Record | None:
    """Where the row lies and when it was written, None without a row."""
    return {"row": ref[1], "position": fact[POSITION]} if ref and fact else None


def id_of(account: Account, ref: Ref | None) -> str | None:
    """Canonical id of the object that a row refers to, None while that row is not there."""
    fact = account.rows.get(ref) if ref is not None else None
    return fact[ID] if fact else None

"""One event per source transaction and account: which objects changed, in which fields, from what to what."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from state.model import TableSpec
from state.roles import FIRST, ID, Fact
from state.row import Transaction
from state.values import NANO_DIGITS

Entry = dict[str, Any]


def entry(spec: TableSpec, old: Fact | None, new: Fact | None) -> Entry | None:
    """What one row's change means; None if nothing that the model knows changed.

    Created and retired rows list no fields: the object's record has them all.
    """
    assert spec.object is not None
    role = spec.object.role
    if role.blocks:  # only derived objects use it: they say what changed
        return None
    if old is None or new is None:
        fact = new or old
        if fact is None:
            return None
        return {"object": role.object, "id": fact[ID], "op": "created" if new else "retired", "fields": []}
    if old[ID:] == new[ID:]:
        return None
    major = not spec.object.minor
    fields = [
        {"name": field.name, "old": _major(before), "new": _major(after)}
        if major and field.kind == "money"
        else {"name": field.name, "old": _text(before), "new": _text(after)}
        for field, before, after in zip(role.fields, old[FIRST:], new[FIRST:], strict=True)
        if before != after and field.kind != "legs"  # the payment's record has them all
    ]
    return {"object": role.object, "id": new[ID], "op": "updated", "fields": fields}


def event(account: str, transaction: Transaction, changes: list[Entry]) -> dict[str, Any]:
    """The event of one source transaction for one account."""
    return {
        "account": account,
        "source": transaction.source,
        "position": transaction.position,
        "time_ms": transaction.time_ms,
        "cause": "transaction",
        "milestone": None,
        "movement": None,
        "changes": changes,
    }


def _major(amount: int | None) -> str | None:
    """An amount that came in major units, as it came: facts hold 10^-9 of them."""
    return None if amount is None else format((Decimal(amount) / 10**NANO_DIGITS).normalize(), "f")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, tuple):  # a reference: (table, key)
        return str(value[1])
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

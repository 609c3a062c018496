"""What an act is made of: SQL transactions on billing or support, and what the old integration must carry after each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

INVOICE_RULE = "invoice-posted"
CREDIT_RULE = "credit-posted"
ENTITLEMENT_RULE = "entitlement-support"
STANDING_RULE = "standing-support"


class Statement(NamedTuple):
    """One SQL statement with its parameters."""

    sql: str
    parameters: tuple[Any, ...]


class Carry(NamedTuple):
    """One thing that the old integration carries to a target.

    `kind`: customer, rename, forget, invoice, receipt, credit, level or standing. `rule` is empty where no ownership
    rule compares the thing. `was` and `value` are the compared value before and after, as canonical text (None:
    nothing at the target). `fault`: '' for none, or drop, falsify, delay, late.
    """

    kind: str
    account: str
    object_id: str
    rule: str = ""
    was: str | None = None
    value: str | None = None
    details: tuple[Any, ...] = ()
    fault: str = ""


class Transaction(NamedTuple):
    """One database transaction; `commit` False rolls it back. System '' does nothing: only its carries happen."""

    system: str
    statements: Sequence[Statement]
    carries: tuple[Carry, ...] = ()
    commit: bool = True


class Act(NamedTuple):
    """One business act. Acts of one account happen in their order; acts of different accounts interleave."""

    kind: str
    account: int
    transactions: tuple[Transaction, ...]

"""What ownership rules may compare: who is right about it, where its target's rows are, and what its value is made of."""

from __future__ import annotations

from typing import NamedTuple

Values = dict[str, str]


class Difference(NamedTuple):
    """What a target must show and what it shows (None: it lacks the object), and the money that depends on it."""

    desired: Values
    current: Values | None
    target_ref: str | None
    risk_minor: int | None
    risk_currency: str | None


class Compared(NamedTuple):
    """`kind`: the canonical object that the target's row shows. `made_of`: the owner's objects that make the value.

    `blocked_by`: kinds of rows whose faults forbid to derive anything. `whole`: one value of the account, looked at when
    what the account is entitled to changes, or one of `made_of`; otherwise a value of each object of the kind.
    """

    owner: str
    system: str
    kind: str
    made_of: str
    blocked_by: frozenset[str]
    whole: bool = False


def _of(owner: str, system: str, kind: str, made_of: str, blocked_by: str, whole: bool = False) -> Compared:
    return Compared(owner, system, kind, made_of, frozenset(blocked_by.split()), whole)


#: by the word that rules use
COMPARED = {
    # state, total and lines of an invoice; the periods of service of its lines: what revenue is recognised over
    "invoice": _of("billing", "erp", "invoice", "invoice", "invoice invoice_line account"),
    "schedule": _of("billing", "erp", "invoice", "invoice", "invoice invoice_line account"),
    "credit": _of("billing", "erp", "credit", "credit", "credit account"),
    "entitlement": _of("billing", "support", "entitlement", "subscription", "subscription entitlement account", True),
    "standing": _of("billing", "support", "entitlement", "account", "entitlement account", True),
    # what sales sees of a customer: service level and recurring revenue; the severity-one case that is open
    "customer": _of("billing", "crm", "account", "subscription", "subscription account customer", True),
    "escalation": _of("support", "crm", "account", "case", "case account customer", True),
}

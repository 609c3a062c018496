"""The record of a support case, in the form of `avro/case.avsc`."""

from __future__ import annotations

from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.tally import Item
from state.roles import ROLES
from state.values import instant_from_us
from state.viewing.facets import Record, facet
from state.viewing.flags import flags
from state.viewing.history import states

_STATUS, _SEVERITY, _SUBJECT, _OPENED, _RESOLVED, _LEVEL, _HELD_MS, _HELD_SINCE, _MERGED_INTO = (
    ROLES["support", "case"].index(name)
    for name in (
        "status", "severity", "subject", "opened_at", "resolved_at", "service_level", "held_ms", "held_since",
        "merged_into",
    )
)  # fmt: skip


def case(account: Account, item: Item, units: Units) -> Record:
    """One case; its clock stands still while it is held."""
    assert item.support is not None  # no other system shows cases
    due_ms = account.deadlines.get(item.support)
    fact, tally = account.rows[item.support], account.tallies.get(item.support)
    return {
        "id": item.id,
        "account": account.id,
        "status": fact[_STATUS],
        "severity": fact[_SEVERITY],
        "service_level": fact[_LEVEL],
        "subject": fact[_SUBJECT],
        "opened_at": fact[_OPENED],
        "resolved_at": fact[_RESOLVED],
        "held_ms": fact[_HELD_MS],
        "held_since": fact[_HELD_SINCE],
        "merged_into": fact[_MERGED_INTO],
        "due_at": None if due_ms is None else instant_from_us(due_ms * 1000),
        "states": [
            {name: value for name, value in step.items() if name != "amount_minor"}
            for step in states(account, item.support, units, None)
        ],
        "events": tally.children if tally else 0,
        "support": facet(item.support, fact),
        "flags": flags(account, item),
    }
